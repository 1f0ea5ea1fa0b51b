"""Every page and file of the staff that shows a resident's number leaves a row about that resident (K14)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.permissions.people import Cast
from tests.permissions.test_matrix import MATRIX
from timebank.common.sweeps import run
from timebank.registry import reads
from timebank.registry.models import Card, PersonalRead, Resident, User

# How a page offers its list as a file: a link, or the button of a form.
FILE = re.compile(r"""\bformat=csv\b|name="format" value="csv\"""")


def _shown(answer: Any) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return "".join(b"".join(parts).decode("utf-8", "replace").split())  # numbers are written in groups


def _addresses(client: Any, cast: Cast, names: Iterable[str], role: str) -> Iterator[tuple[str, str, Any]]:
    """Yield name, address and answer of each page that this role may see, and of the file that the page offers."""
    for name in names:
        if MATRIX[name].get(role, MATRIX[name]["default"]) != "ok":
            continue  # test_matrix.py sees that these answer with a refusal
        path = reverse(name, kwargs=cast.arguments.get(name, dict)())
        answer = client.get(path)
        yield name, path, answer
        if FILE.search(answer.content.decode("utf-8", "replace") if not answer.streaming else ""):
            path += "?format=csv&why=x"
            yield name, path, client.get(path)


def _unseen(client: Any, cast: Cast, role: str, names: Iterable[str] = MATRIX) -> tuple[dict[str, set[str]], list[str]]:
    """Walk the addresses; return whose numbers stood somewhere without a row, by address, and where any stood."""
    numbers = {phone: pk for pk, phone in Resident.objects.exclude(phone="").values_list("pk", "phone")}
    numbers |= dict(Card.objects.filter(status="active").values_list("number", "resident"))
    user = cast.users[role]
    cast.sign_in(client, role)
    missing: dict[str, set[str]] = {}
    shown = []
    before = PersonalRead.objects.count()
    for name, address, answer in _addresses(client, cast, names, role):
        text = _shown(answer) if answer.status_code == 200 else ""
        after = PersonalRead.objects.count()
        about = {pk for number, pk in numbers.items() if number in text}
        about -= {resident.pk for resident in [getattr(user, "resident", None)] if resident is not None}
        if about:
            shown.append(address)
            rows = PersonalRead.objects.order_by("-pk")[: after - before]
            named = {row.resident_id for row in rows if row.actor_id == user.pk}
            if about - named:
                missing[name] = {str(Resident.objects.get(pk=pk)) for pk in about - named}
        before = after
    return missing, shown


@pytest.mark.pg_only  # which pages show a number does not hang on the database
@pytest.mark.parametrize(("role", "pages", "files"), [("admin", 4, 1), ("town", 2, 0)])
def test_no_number_is_shown_without_a_row(client: Any, cast: Cast, role: str, pages: int, files: int) -> None:
    Resident.objects.filter(pk=cast.users["holder"].resident.pk).update(phone="13912345678")
    missing, shown = _unseen(client, cast, role)
    assert missing == {}
    of_files = [address for address in shown if "?format=" in address]
    assert len(of_files) >= files
    assert len(shown) - len(of_files) >= pages


@pytest.mark.pg_only
def test_without_the_decorators_row_the_walk_finds_the_pages(client: Any, cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr(reads, "_write", lambda request: None)
    missing, _shown = _unseen(client, cast, "admin", ["desk:residents"])
    assert "desk:residents" in missing


def test_a_resident_sees_who_looked_and_the_file_says_why(client: Any, cast: Cast) -> None:
    holder, admin = cast.users["holder"], cast.users["admin"]
    client.force_login(admin)
    page = reverse("desk:residents")
    assert client.get(f"{page}?format=csv").status_code == 422
    assert not PersonalRead.objects.filter(what="export_residents").exists()
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(f"{page}?format=xlsx&why=低保核对")
        _shown(answer)
    written = [query for query in seen if "INSERT INTO" in query["sql"] and "personalread" in query["sql"]]
    assert len(written) == 1
    row = PersonalRead.objects.get(resident=holder.resident, what="export_residents")
    assert (row.actor, row.reason) == (admin, "低保核对")
    client.force_login(holder)
    text = client.get(reverse("registry:my_looks")).text
    assert admin.name in text
    assert "低保核对" in text
    assert "export_residents" not in text
    assert "低保核对" in client.get(reverse("registry:export", args=["json"])).text
    client.force_login(cast.users["town"])
    looks = reverse("registry:looks", args=[holder.resident.village_id])
    assert "低保核对" in client.get(looks).text
    # Looking at oneself is no look.
    client.force_login(holder)
    before = PersonalRead.objects.count()
    client.get(reverse("registry:passbook", args=[holder.resident.pk]))
    assert PersonalRead.objects.count() == before


@pytest.mark.django_db
def test_a_look_can_be_neither_changed_nor_deleted_within_a_year_and_is_forgotten_later(transactional_db: None) -> None:
    from tests.factories.people import make_regions, make_resident, make_staff

    places = make_regions()
    admin, wang = make_staff("village_admin", places.village), make_resident(places.village)
    about: dict[str, Any] = {"actor": admin, "resident": wang, "region": places.village, "what": "read_resident"}
    young = PersonalRead.objects.create(**about)
    old = PersonalRead.objects.create(**about, occurred_at=timezone.now() - reads.READS_KEPT - dt.timedelta(days=1))
    attempts: list[Any] = [
        lambda: PersonalRead.objects.filter(pk=young.pk).update(reason=""),
        lambda: PersonalRead.objects.filter(pk=young.pk).update(actor=User.objects.first()),
        lambda: PersonalRead.objects.filter(pk=young.pk).delete(),
    ]
    for attempt in attempts:
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert run(reads.SWEEPS[0]).handled == 1
    assert list(PersonalRead.objects.values_list("pk", flat=True)) == [young.pk]
    assert old.pk != young.pk
    call_command("check", databases=["default"])
