"""People, places and shortcuts for the tests of this app; everything is made through the public services."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import connection

from timebank.ledger import selectors as ledger_read
from timebank.ledger.models import Transfer
from timebank.policy.services import load_published
from timebank.registry import services as registry
from timebank.registry.models import AuditEntry, Region, Resident, User
from timebank.service import services
from timebank.service.models import Activity, Record, Team

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(day: int, hour: int = 8, minute: int = 0, *, month: int = 9, year: int = 2026) -> dt.datetime:
    """Return a moment in the village's own time; September 2026 unless told otherwise."""
    return dt.datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


@dataclass
class World:
    """What the tests need by name."""

    town: Region
    village: Region
    other: Region
    far: Region
    admin: User
    leader: User
    verifier: User
    stranger: User
    team: Team
    wang: Resident
    li: Resident
    numbers: list[int] = field(default_factory=lambda: [1000])

    def resident(self, name: str = "", *, village: Region | None = None, phone: bool = True, **more: Any) -> Resident:
        """Register somebody; with a phone they can sign in."""
        self.numbers[0] += 1
        number = self.numbers[0]
        contact = {"phone": f"1380000{number:04d}", "password": "a-long-password"} if phone else {}
        made = registry.register_resident(
            village=village or self.village, name=name or f"居民{number}", actor=None, **contact, **more
        )
        return Resident.objects.select_related("user", "village", "household").get(pk=made.pk)

    def activity(self, **changes: Any) -> Activity:
        """Open an activity: 20 September, 8:00 to 12:00, ten places."""
        given: dict[str, Any] = {
            "team": self.team,
            "title": "清洁村庄",
            "category": "clean",
            "place": "村委会门口",
            "starts_at": at(20, 8),
            "ends_at": at(20, 12),
            "capacity": 10,
            "actor": self.leader,
            "now": at(15),
        }
        return services.open_activity(**{**given, **changes})

    def attended(self, *people: Resident, minutes: int = 240, **changes: Any) -> list[Record]:
        """Run an activity from opening to close, by QR; return its records."""
        activity = self.activity(**changes)
        begin, end = activity.starts_at, activity.starts_at + dt.timedelta(minutes=minutes)
        for person in people:
            token = services.attendance_token(activity, begin)
            services.check_in(token=token, resident=person, actor=self.leader, now=begin)
            token = services.attendance_token(activity, end)
            services.check_out(token=token, resident=person, actor=self.leader, now=end)
        services.close_activity(activity=activity, actor=self.leader, now=activity.ends_at)
        return list(activity.records.order_by("pk"))

    def verified(self, *people: Resident, **changes: Any) -> list[Record]:
        """Run an activity and have its records verified."""
        records = self.attended(*people, **changes)
        return [services.verify_record(record=one, actor=self.admin, now=one.entered_at) for one in records]

    def published(self, *people: Resident, **changes: Any) -> list[Record]:
        """Run an activity, verify, publish."""
        records = self.verified(*people, **changes)
        services.publish_notice(village=self.village, actor=self.admin, now=records[0].entered_at)
        return [Record.objects.get(pk=one.pk) for one in records]

    def credited(self, *people: Resident, **changes: Any) -> list[Record]:
        """Run an activity to credit."""
        records = self.published(*people, **changes)
        until = records[0].notice_until
        assert until is not None
        services.credit_due(now=until)
        return [Record.objects.get(pk=one.pk) for one in records]


def balance(resident: Resident) -> int:
    """Return the spendable 1/100 points of somebody."""
    return ledger_read.balance_of(resident.wallet_key).spendable


def tokens_of(record: Record) -> list[str]:
    """Return the states a record went through, by its kept history."""
    return [change.to_state for change in record.changes.order_by("pk")]


def make_world() -> World:
    """Make the town."""
    load_published()

    def place(above: Region | None, code: str, name: str, level: str) -> Region:
        made = {"code": code, "name": name, "short_name": name.removesuffix("村委会"), "level": level}
        if above is None:
            return Region.objects.add_root(create_kwargs=made)
        return Region.objects.add_child(Region.objects.get(pk=above.pk), create_kwargs=made)

    county = place(None, "371003000000", "文登区", "county")
    town = place(county, "371003104000", "泽库镇", "town")
    village = place(town, "371003104204", "辛旺庄村委会", "village")
    other = place(town, "371003104215", "周家村委会", "village")
    far = place(place(county, "371003103000", "高村镇", "town"), "371003103216", "墩后村委会", "village")
    village, other, far, town = (Region.objects.get(pk=one.pk) for one in (village, other, far, town))
    for place in (village, other, far):
        registry.open_village_accounts(village=place)

    def staff(name: str, role: str | None = None, region: Region = village) -> User:
        user = User.objects.create_user(name=name, email=f"{name}@shanji.example", password="a-long-password")
        if role:
            registry.grant_role(user=user, role=role, actor=None, region=region)
        return user

    admin = staff("admin", "village_admin")
    leader = staff("leader", "leader")
    verifier = staff("verifier", "verifier")
    stranger = staff("stranger", "village_admin", far)
    services.adopt_scheme(region=county, slug="wendeng-rural", since=dt.date(2020, 1, 1), actor=None)
    team = services.create_team(region=village, name="辛旺庄志愿服务队", leader=leader, actor=leader, now=at(1))
    world = World(town, village, other, far, admin, leader, verifier, stranger, team, None, None)  # type: ignore[arg-type]
    world.wang = world.resident("王秀英")
    world.li = world.resident("李大山")
    return world


@contextlib.contextmanager
def refusal(error: type[Exception]) -> Iterator[None]:
    """Expect a refusal, and that no row of this app, no audit line and no point has moved."""
    before = everything()
    with pytest.raises(error) as caught:
        yield
    assert type(caught.value) is error
    assert everything() == before


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of this app, of the trail and of the ledger's transfers, by table."""
    found = {}
    with connection.cursor() as cursor:  # as the database has them: building objects of them took ten times as long
        for model in [*apps.get_app_config("service").get_models(), AuditEntry, Transfer]:
            table, key = model._meta.db_table, model._meta.pk.column
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY "{key}"')
            found[table] = cursor.fetchall()
    return found
