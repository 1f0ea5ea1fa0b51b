"""Every page and file of the staff that shows a resident's number leaves a row about that resident (K14)."""

from __future__ import annotations

import datetime as dt
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

OWN_PAGES = ("registry:me", "registry:profile")


def _shown(answer: Any) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return "".join(b"".join(parts).decode("utf-8", "replace").split())  # numbers are written in groups


def _unseen(client: Any, cast: Cast, role: str, query: str) -> tuple[dict[str, set[str]], int]:
    """Walk all addresses; return whose numbers stood on a page without a row, by address, and how many did in all."""
    numbers = {phone: pk for pk, phone in Resident.objects.exclude(phone="").values_list("pk", "phone")}
    numbers |= dict(Card.objects.filter(status="active").values_list("number", "resident"))
    user = cast.users[role]
    cast.sign_in(client, role)
    missing: dict[str, set[str]] = {}
    shown = 0
    for name in MATRIX:
        path = reverse(name, kwargs=cast.arguments.get(name, dict)())
        before = PersonalRead.objects.count()
        answer = client.get(path + query)
        if answer.status_code != 200:
            continue
        text = _shown(answer)
        about = {pk for number, pk in numbers.items() if number in text}
        about -= {resident.pk for resident in [getattr(user, "resident", None)] if resident is not None}
        if about:
            shown += 1
            rows = PersonalRead.objects.order_by("-pk")[: PersonalRead.objects.count() - before]
            named = {row.resident_id for row in rows if row.actor_id == user.pk}
            if about - named:
                missing[name] = {str(Resident.objects.get(pk=pk)) for pk in about - named}
    return missing, shown


@pytest.mark.pg_only  # which pages show a number does not hang on the database
@pytest.mark.parametrize(
    ("role", "query", "least"), [("admin", "", 4), ("admin", "?format=csv&why=x", 1), ("town", "", 2)]
)
def test_no_number_is_shown_without_a_row(client: Any, cast: Cast, role: str, query: str, least: int) -> None:
    Resident.objects.filter(pk=cast.users["holder"].resident.pk).update(phone="13912345678")
    missing, shown = _unseen(client, cast, role, query)
    assert missing == {}
    assert shown >= least


@pytest.mark.pg_only
def test_without_the_decorators_row_the_walk_finds_the_pages(client: Any, cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr(reads, "_write", lambda request: None)
    missing, _shown = _unseen(client, cast, "admin", "")
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
