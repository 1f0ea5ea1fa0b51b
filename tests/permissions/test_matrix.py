"""Every address × every role: what is answered, and that a refusal changes nothing."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.handlers import exception
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from tests.permissions import matrix
from tests.permissions.matrix import GROUPS, POSTED, Row, answers
from tests.permissions.people import ROLES, Cast, added_roles, fingerprint, statements_that_write

# An app of the tests brings its rows along, and a person for each role that it declares.
MATRIX = matrix.MATRIX | {
    name: row
    for config in apps.get_app_configs()
    if config.name.startswith("tests.")
    for name, row in import_module(f"{config.name}.matrix").MATRIX.items()
}
EVERY_ROLE = (*ROLES, *added_roles())

REFUSED = {"in", "403", "404", "405"}


@pytest.fixture
def bare_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer a refusal without its page: the same for every address, and half of what all answers cost."""
    monkeypatch.setattr(
        exception, "get_exception_response", lambda request, resolver, status, error: HttpResponse(status=status)
    )


@cache
def addresses() -> list[str]:
    """Return every URL name of ours (without the groups), in the order of the URL files."""
    found: dict[str, None] = {}
    named: set[object] = set()

    def walk(resolver: URLResolver, space: tuple[str, ...]) -> None:
        for one in resolver.url_patterns:
            if isinstance(one, URLResolver):
                walk(one, (*space, one.namespace) if one.namespace else space)
            elif isinstance(one, URLPattern) and one.name:
                found[":".join((*space, one.name))] = None
                named.add(one.callback)
            elif one.callback not in named:  # a second spelling of a named address needs no row of its own
                found[f"unnamed: {one.pattern}"] = None

    walk(get_resolver(), ())
    return [name for name in found if name.partition(":")[0] not in GROUPS]


def group_addresses() -> list[str]:
    """Return the addresses of the groups that need no argument."""
    found = []
    for group in GROUPS:
        space = get_resolver().namespace_dict[group][1]
        names = {name for name in space.reverse_dict if isinstance(name, str)}
        for name in sorted(names):
            try:
                reverse(f"{group}:{name}")
            except NoReverseMatch:
                continue
            found.append(f"{group}:{name}")
    return found


def ask(client: Any, cast: Cast, name: str, role: str, method: str) -> tuple[str, bool]:
    """Ask an address as a role; return the answer in the words of the matrix, and whether anything was written."""
    try:
        path = reverse(name, kwargs=cast.arguments.get(name, dict)())
    except NoReverseMatch:
        raise LookupError(f"no arguments for {name}: add them in tests/permissions/people.py") from None
    cast.sign_in(client, role)
    with statements_that_write() as found:
        response = client.get(path) if method == "GET" else client.post(path)
    wrote = bool(found)
    if response.status_code in {301, 302, 303}:
        return ("in" if response["Location"].startswith(resolve_url(settings.LOGIN_URL)) else "go"), wrote
    return ("ok" if response.status_code == 200 else str(response.status_code)), wrote


def ask_and_undo(client: Any, cast: Cast, name: str, role: str, method: str) -> tuple[str, dict[str, int] | None]:
    """Ask, and undo what was written, so that every role meets the same stage.

    Return the answer and, where a refusal wrote something, the rows of all tables as it left them.
    """
    try:
        with transaction.atomic():
            answer, wrote = ask(client, cast, name, role, method)
            rows = fingerprint() if wrote and answer in REFUSED else None
            raise _Undo
    except _Undo:
        return answer, rows


class _Undo(Exception):
    pass


def check_row(client: Any, cast: Cast, name: str, row: Row, method: str) -> None:
    """Compare a row with what is answered; a refusal may change no row of any table."""
    unknown = row.keys() - {*EVERY_ROLE, "default"}
    assert not unknown, f"{name} names {unknown}, who are not among people.ROLES"
    expected = {role: row.get(role, row["default"]) for role in EVERY_ROLE}
    if connection.vendor == "sqlite":  # who may do what hangs on no database; that each answer can be given, might
        expected = {role: answer for answer, role in {answer: role for role, answer in expected.items()}.items()}
    answers, changed = {}, {}
    for role in expected:
        answers[role], after = ask_and_undo(client, cast, name, role, method)
        if after is not None and after != (before := fingerprint()):
            changed[role] = {table: after[table] - before[table] for table in after if after[table] != before[table]}
    assert answers == expected
    assert changed == {}


def test_every_address_has_a_row() -> None:
    missing = [name for name in addresses() if name not in MATRIX]
    assert missing == [], "add a row for each to tests/permissions/matrix.py"


def test_no_row_without_an_address() -> None:
    assert [name for name in {**MATRIX, **POSTED} if name not in addresses()] == []


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("name", list(MATRIX))
def test_get(client: Any, cast: Cast, name: str) -> None:
    check_row(client, cast, name, MATRIX[name], "GET")


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("name", [name for name in MATRIX if name not in POSTED])
def test_post_is_not_taken_where_none_is_expected(client: Any, cast: Cast, name: str) -> None:
    answers = {ask_and_undo(client, cast, name, role, "POST")[0] for role in ("holder", "admin", "operator")}
    assert answers <= {"405", "403", "404"}


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("name", list(POSTED))
def test_post(client: Any, cast: Cast, name: str) -> None:
    check_row(client, cast, name, POSTED[name], "POST")


def test_a_refusal_has_its_page_for_every_role(client: Any, cast: Cast) -> None:
    shown = set()
    for role in EVERY_ROLE:
        real = [(name, row) for name, row in MATRIX.items() if not name.startswith("styleguide")]
        first = {row.get(role, row["default"]): name for name, row in reversed(real)}
        for answer in {"403", "404"} & first.keys():
            cast.sign_in(client, role)
            response = client.get(reverse(first[answer], kwargs=cast.arguments.get(first[answer], dict)()))
            assert (str(response.status_code), "<h1" in response.text) == (answer, True), f"{first[answer]} as {role}"
            shown.add((role, answer))
    assert shown >= {(role, "404") for role in EVERY_ROLE}
    assert {"403"} <= {answer for _role, answer in shown}


def test_control_what_a_refusal_writes_is_found(client: Any, cast: Cast, monkeypatch: Any) -> None:
    from timebank.common.models import Event

    def write(*args: Any, **kwargs: Any) -> None:
        Event.objects.create(kind="on_purpose", occurred_at=timezone.now())
        raise Http404

    monkeypatch.setattr(import_module("timebank.registry.views.me"), "own_resident", write)
    with pytest.raises(AssertionError, match="common_event"):
        check_row(client, cast, "registry:profile", answers("404", nobody="in"), "GET")


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("group", list(GROUPS))
def test_group(client: Any, cast: Cast, group: str) -> None:
    for name in group_addresses():
        if name.startswith(f"{group}:"):
            check_row(client, cast, name, GROUPS[group], "GET")
