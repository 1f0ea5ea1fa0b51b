"""The village of the path, made through the public services: Xinwangzhuang on an October morning.

Everybody's name is invented. The resident has 78 credited hours (10 points), so that four more reach the tier of 80 h
(15 points): enough for a bath ticket (10) and a bar of soap (5). The grandmother has 15 points and no phone.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from marketplace.basket.models import Basket
from marketplace.basket.services import add_to_basket
from marketplace.catalogue.services import load_catalogue
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.services import create_partner
from marketplace.partner.strategy import Selector
from marketplace.rewards.models import Redemption, Ticket
from marketplace.rewards.services import receive_stock, redeem
from tests.support.clock import at
from timebank.ledger import selectors as ledger_read
from timebank.policy.services import load_published
from timebank.registry import services as registry
from timebank.registry.models import Card, Organisation, Region, Resident, User
from timebank.service import services as service
from timebank.service.models import Activity, Record, Team

PASSWORD = "walnut-and-millet"
PIN = "2580"
FOUNDED = at(2026, 3, 2)
#: The morning on which the path begins; the clean-up is at eight.
MORNING = at(2026, 10, 12, 7, 30)


@dataclass
class Village:
    """A village that works, and the people who keep it working."""

    region: Region
    admin: User
    leader: User
    stock_keeper: User
    clerk: User
    bath_clerk: User
    resident: Resident
    nephew: Resident
    grandmother: Resident
    card: Card
    team: Team
    activity: Activity
    shop: Partner
    bath: Partner
    soap: StockRecord
    bath_ticket: StockRecord
    password: str = PASSWORD
    pin: str = PIN


def build() -> Village:
    """Make the village of the path in the current database, up to ``MORNING``."""
    load_published()
    region = _places()
    service.adopt_scheme(region=region, slug="wendeng-rural", since=dt.date(2026, 1, 1), actor=None, now=FOUNDED)
    admin = _user("槐谷雨", "13000000103")
    registry.grant_role(user=admin, role="village_admin", actor=None, region=region, now=FOUNDED)
    leader, stock_keeper, clerk = (
        _user(name, phone)
        for name, phone in (("葵芒种", "13000000102"), ("杏白露", "13000000104"), ("桃晴川", "13000000105"))
    )
    for user, role in ((leader, "leader"), (stock_keeper, "stock_keeper"), (clerk, "clerk")):
        registry.grant_role(user=user, role=role, actor=admin, region=region, now=FOUNDED)
    bath_clerk = _user("荷清明", "13000000106")
    bath_house = registry.register_organisation(
        name="辛旺庄洗浴中心", kind=Organisation.Kind.SUPPLIER, region=region, actor=admin, now=FOUNDED
    )
    registry.grant_role(user=bath_clerk, role="supplier_staff", actor=admin, organisation=bath_house, now=FOUNDED)
    bath = create_partner(
        name="洗浴中心",
        name_en="Bath house",
        village=region,
        kind=Partner.Kind.BATH,
        organisation=bath_house,
        place="辛旺庄文化广场西侧",
        phone="06315550101",
        opening_hours="13:00–20:00",
    )
    loaded = load_catalogue(villages=[region])
    for record, quantity in loaded.opening_stock:
        receive_stock(stockrecord=record, quantity=quantity, actor=stock_keeper, reason="开业备货", now=FOUNDED)
    soap = StockRecord.objects.select_related("product", "partner").get(partner_sku="G001")
    resident = _resident(region, admin, "禾小满", "13000000101", "禾家", dt.date(1968, 5, 6))
    nephew = _resident(region, admin, "枣小寒", "13000000107", "枣家东院", dt.date(1997, 1, 9))
    grandmother = _resident(region, admin, "枣立春", "", "枣家", dt.date(1944, 2, 4))
    card = registry.issue_card(resident=grandmother, actor=admin, pin=PIN, now=FOUNDED)
    team = service.create_team(region=region, name="辛旺庄志愿服务队", leader=leader, actor=admin, now=FOUNDED)
    _past(region, {resident: 13, grandmother: 14}, leader=leader, admin=admin)
    activity = service.open_activity(
        team=team,
        title="清洁村庄：主街与河道",
        category="clean",
        place="村口老槐树下",
        starts_at=at(2026, 10, 12, 8),
        ends_at=at(2026, 10, 12, 12),
        capacity=12,
        actor=leader,
        now=at(2026, 10, 9),
    )
    return Village(
        region=region,
        admin=admin,
        leader=leader,
        stock_keeper=stock_keeper,
        clerk=clerk,
        bath_clerk=bath_clerk,
        resident=resident,
        nephew=nephew,
        grandmother=grandmother,
        card=card,
        team=team,
        activity=activity,
        shop=soap.partner,
        bath=bath,
        soap=soap,
        bath_ticket=StockRecord.objects.select_related("product", "partner").get(partner_sku="S002"),
    )


@dataclass
class Lively:
    """What happened in the village since: pages that list something have something to list."""

    published: Record
    submitted: Record
    own: Record
    redemption: Redemption
    ticket: Ticket


def enliven(village: Village) -> Lively:
    """Let a few things happen: a record in the queue, one on notice, an open ticket, a full basket, a place taken."""
    v = village
    assert v.resident.user is not None
    records = [
        service.enter_record(
            resident=v.grandmother,
            category="elder",
            served_on=day,
            minutes=120,
            actor=v.leader,
            title="探访独居老人",
            now=at(2026, 10, 8),
        )
        for day in (dt.date(2026, 10, 6), dt.date(2026, 10, 7))
    ]
    service.verify_record(record=records[0], actor=v.admin, now=at(2026, 10, 9))
    service.publish_notice(village=v.region, actor=v.admin, now=at(2026, 10, 10))
    service.sign_up(activity=v.activity, resident=v.resident, actor=v.resident.user, now=at(2026, 10, 10))
    redemption = redeem(
        resident=v.resident,
        lines=[(v.soap.pk, 1)],
        key=uuid.uuid4(),
        actor=v.resident.user,
        now=at(2026, 10, 11),
    )
    strategy = Selector().strategy(user=v.resident.user)
    basket = Basket.open.create(owner=v.resident.user)
    basket.strategy = strategy
    add_to_basket(basket=basket, product=v.soap.product, quantity=1)
    for record in records:
        record.refresh_from_db()
    return Lively(
        published=records[0],
        submitted=records[1],
        own=Record.objects.filter(resident=v.resident).latest("pk"),
        redemption=redemption,
        ticket=redemption.tickets.get(),
    )


def points(resident: Resident) -> int:
    """Return what the ledger says a resident can spend, in 1/100 point."""
    return ledger_read.balance_of(resident.wallet_key).spendable


def _places() -> Region:
    region: Region | None = None
    for code, name, short, level in (
        ("370000000000", "山东省", "山东", "province"),
        ("371000000000", "威海市", "威海", "city"),
        ("371003000000", "文登区", "文登", "county"),
        ("371003104000", "泽库镇", "泽库", "town"),
        ("371003104204", "辛旺庄村委会", "辛旺庄", "village"),
    ):
        facts = {"code": code, "name": name, "short_name": short, "level": level}
        region = Region.objects.add_root(facts) if region is None else Region.objects.add_child(region, facts)
        region = Region.objects.get(pk=region.pk)
    assert region is not None
    registry.open_village_accounts(village=region)
    return region


def _user(name: str, phone: str) -> User:
    return registry.create_user(name=name, phone=phone, password=PASSWORD, actor=None, now=FOUNDED)


def _resident(region: Region, admin: User, name: str, phone: str, household: str, birthday: dt.date) -> Resident:
    return registry.register_resident(
        village=region,
        name=name,
        actor=admin,
        phone=phone,
        password=PASSWORD if phone else None,
        birth_date=birthday,
        household_number=household,
        consent_on_paper=not phone,
        now=FOUNDED,
    )


def _past(region: Region, days: dict[Resident, int], *, leader: User, admin: User) -> None:
    """Let people have given six hours a day on so many days of September, verified, noticed and credited."""
    for resident, count in days.items():
        for day in range(1, count + 1):
            service.enter_record(
                resident=resident,
                category="clean",
                served_on=dt.date(2026, 9, day),
                minutes=360,
                actor=leader,
                title="清洁村庄：河道",
                now=at(2026, 9, day, 20),
            )
    waiting = Record.objects.filter(village=region, state=Record.State.SUBMITTED).order_by("pk")
    # The admin registered these people: whether they were there is for the member of the supervision committee to say.
    member = User.objects.filter(name="松立秋").first()
    if member is None:
        member = _user("松立秋", "13000000109")
        registry.grant_role(user=member, role="supervisor", actor=None, region=region, now=FOUNDED)
    report = service.verify_many(records=waiting, actor=member, now=at(2026, 9, 16))
    assert not report.refused, report.refused
    service.publish_notice(village=region, actor=admin, now=at(2026, 9, 17))
    credited = service.credit_due(now=at(2026, 10, 1), village=region)
    assert not credited.failed, credited.failed
