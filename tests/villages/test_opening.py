"""Opening balances: from a signed list, entered by one, approved by another, booked once, marked as from outside."""

from __future__ import annotations

import datetime as dt
import uuid
from io import BytesIO
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from marketplace.desk.scope import Scope
from marketplace.desk.statement import statement_of
from tests.factories.people import make_regions, make_resident, make_staff
from timebank.common.errors import ReasonMissing
from timebank.common.models import Event
from timebank.ledger import selectors as ledger_read
from timebank.registry import services as registry
from timebank.registry.errors import NotAllowed
from timebank.registry.models import Resident, User
from timebank.villages import errors
from timebank.villages.models import Opening, OpeningLine
from timebank.villages.services import opening

pytestmark = pytest.mark.django_db
FILE = """{village}期初名单,,,
姓名,志愿者号,积分,时长
王一,,120.5,30
李二,,0,7.5
李二,{number},1,
王一,,3,
没有的人,,3,
赵三,,多,
钱四,,,
孙五,,20000,
合计,,,
"""


@pytest.fixture
def places() -> Any:
    places = make_regions()
    registry.open_village_accounts(village=places.village)
    return places


@pytest.fixture
def people(places: Any) -> dict[str, Resident]:
    names = ("王一", "李二", "赵三", "钱四", "孙五")
    found = {name: make_resident(places.village, name) for name in names}
    found["李二乙"] = make_resident(places.village, "李二")
    return found


@pytest.fixture
def admin(places: Any) -> User:
    return make_staff("village_admin", places.village)


@pytest.fixture
def town(places: Any) -> User:
    return make_staff("town_admin", places.town)


def enter(places: Any, admin: User, text: str, **more: Any) -> opening.OpeningReport:
    lines = opening.read_opening(BytesIO(text.encode("gb18030")))
    given = {"title": "2025 年结余", "signed_on": dt.date(2026, 1, 10), "paper": "村办 3 号夹", "actor": admin}
    return opening.enter_opening(village=places.village, lines=lines, **{**given, **more})


def test_rows_that_cannot_be_meant_are_named_and_the_rest_is_entered(places: Any, people: Any, admin: User) -> None:
    text = FILE.format(village=places.village, number=people["李二乙"].volunteer_number)
    look = enter(places, admin, text, dry_run=True)
    assert not Opening.objects.exists()
    assert [(line.resident, line.points, line.minutes) for line in look.lines] == [
        (people["王一"], 12050, 1800),
        (people["李二乙"], 100, 0),
    ]
    assert [number for number, _reason in look.refused] == [4, 6, 7, 8, 9, 10]
    report = enter(places, admin, text)
    assert report.opening is not None
    assert report.opening.state == "entered"
    again = enter(places, admin, text)  # who stands on a list that waits is not entered twice
    assert (again.opening, len(again.refused)) == (None, 8)
    for village, actor in ((places.sister, admin), (places.village, people["王一"].user)):
        with pytest.raises(NotAllowed):
            opening.enter_opening(
                village=village, lines=[], title="x", signed_on=dt.date(2026, 1, 1), paper="x", actor=actor
            )


def test_the_town_books_it_once_from_outside(places: Any, people: Any, admin: User, town: User) -> None:
    made = enter(places, admin, "姓名,积分,时长\n王一,120.5,30\n赵三,0,5\n").opening
    assert made is not None
    wang = people["王一"]
    assert ledger_read.balance_of(wang.wallet_key).total == 0
    both = make_staff("village_admin", places.sister)
    with pytest.raises(NotAllowed):
        opening.approve_opening(opening=made, actor=both)
    opening.approve_opening(opening=made, actor=town)
    with pytest.raises(errors.OpeningDecided):
        opening.approve_opening(opening=made, actor=town)
    assert ledger_read.balance_of(wang.wallet_key).total == 12050
    assert ledger_read.balance_of(opening.account_key(places.village.pk)).total == -12050
    assert ledger_read.balance_of(f"issuance:region:{places.village.pk}").total == 0  # nothing here was earned
    transfer = ledger_read.transfers_for_source(f"opening:{made.lines.get(resident=wang).pk}")[0]
    assert (transfer.kind, transfer.reason) == ("opening", "external")
    statement = statement_of(Scope(places.village))
    assert statement.agrees
    assert {check.name: check.ledger for check in statement.checks}["opening"] == 12050
    (event,) = Event.objects.filter(kind="opening_booked")
    assert event.facts["each"][f"resident:{wang.pk}"] == {"points": 12050, "minutes": 1800}
    client = Client(headers={"accept-language": "en"})
    client.force_login(wang.user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    page = client.get(reverse("rewards:statement")).content.decode()
    assert "Opening balance: 2025 年结余" in page
    assert "From outside Shanji" in page
    assert "Before Shanji" in client.get(reverse("service:hours")).content.decode()
    with pytest.raises(DatabaseError), transaction.atomic():
        OpeningLine.objects.update(points=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        Opening.objects.update(state="entered", decided_by=None)


def test_nobody_decides_a_list_they_entered_or_stand_on(places: Any, people: Any, admin: User, town: User) -> None:
    registry.grant_role(user=people["王一"].user, role="town_admin", actor=None, region=places.town)
    made = enter(places, admin, "姓名,积分\n王一,10\n").opening
    assert made is not None
    Opening.objects.update(entered_by=town)  # no one holds both offices: only the database could say so
    for actor in (town, people["王一"].user):
        with pytest.raises(errors.OwnOpening):
            opening.approve_opening(opening=made, actor=actor)
    other = make_staff("town_admin", places.town)
    with pytest.raises(ReasonMissing):
        opening.refuse_opening(opening=made, actor=other, reason=" ")
    opening.refuse_opening(opening=made, actor=other, reason="和原件不符")
    assert enter(places, admin, "姓名,积分\n王一,9\n").opening is not None  # free to be entered again
    assert ledger_read.balance_of(people["王一"].wallet_key).total == 0


def test_by_forms_from_the_founding_page(places: Any, people: Any, admin: User, town: User) -> None:
    client = Client(headers={"accept-language": "en"})

    def enter_as(user: User) -> None:
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")

    enter_as(admin)
    address = reverse("villages:openings", args=[places.village.pk])
    assert address in client.get(reverse("villages:founding", args=[places.village.pk])).content.decode()
    facts = {"title": "结余", "signed_on": "2026-01-10", "paper": "夹"}

    def file() -> BytesIO:
        sheet = BytesIO("姓名,积分\n王一,10\n谁,1\n".encode())
        sheet.name = "名单.csv"
        return sheet

    page = client.post(address, {**facts, "file": file(), "look": "1"})
    assert "Row 3: Nobody of this name" in page.content.decode()
    assert not Opening.objects.exists()
    key = uuid.uuid4().hex
    for _again in range(2):
        client.post(address, {**facts, "file": file(), "do": "1", "idempotency_key": key})
    made = Opening.objects.get()
    detail = reverse("villages:opening", args=[made.pk])
    assert client.post(detail, {"approve": "1"}).status_code == 403
    enter_as(town)
    assert client.post(detail, {"refuse": "1"}).status_code == 422
    assert client.post(detail, {"approve": "1"}).status_code == 302
    made.refresh_from_db()
    assert made.state == "approved"
    enter_as(make_staff("village_admin", places.sister))
    assert client.get(detail).status_code == client.get(address).status_code == 404
