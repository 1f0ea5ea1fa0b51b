"""A small world for the tests of redemption: two villages, a shop, a bath house, people with points."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from marketplace.catalogue.models import Product, ProductClass
from marketplace.partner import services as partners
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards import services
from marketplace.rewards.models import Redemption, StockMovement
from tests.factories.village import PASSWORD
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry import services as registry
from timebank.registry.models import Region, Resident, User

PIN = "2580"
_numbers = itertools.count(1)


def next_phone() -> str:
    return f"139{next(_numbers):08d}"


@dataclass
class World:
    """Places and people that most tests need; more are made by its methods."""

    town: Region
    village: Region
    other_village: Region
    operator: User
    goods: ProductClass
    service: ProductClass
    shop: Partner
    bath: Partner
    organisation: Any
    people: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def resident(
        self, name: str = "王秀英", points: int = 0, village: Region | None = None, sign_in: bool = True
    ) -> Resident:
        """Register a resident with a sign-in and, if wanted, points (1/100)."""
        made = registry.register_resident(
            village=village or self.village,
            name=name,
            actor=None,
            phone=next_phone() if sign_in else "",
            password=PASSWORD if sign_in else None,
            consent_on_paper=True,
        )
        if points:
            give(made, points)
        return made

    def staff(self, name: str, role: str, *, region: Region | None = None, organisation: Any = None) -> User:
        """Make a user with one role."""
        user = User.objects.create_user(name=name, phone=next_phone(), password=PASSWORD)
        place = {"organisation": organisation} if organisation else {"region": region or self.village}
        registry.grant_role(user=user, role=role, actor=None, **place)
        return user

    def reward(
        self, title: str, points: int, *, partner: Partner | None = None, stock: int | None = None, **fields: Any
    ) -> StockRecord:
        """List a reward: goods when ``stock`` is given, else a service."""
        number = next(_numbers)
        product = Product.objects.create(
            title=title,
            slug=f"r{number}",
            upc=f"69{number:06d}",
            product_class=self.goods if stock is not None else self.service,
            structure=Product.STANDALONE,
            **fields,
        )
        record = partners.list_reward(product=product, partner=partner or self.shop, points=points, sku=f"K{number}")
        if stock:
            services.receive_stock(stockrecord=record, quantity=stock, actor=self.keeper, reason="初次入库")
        return record

    def write_off(self, record: StockRecord, quantity: int, *, kind: str = "write_off", reason: str = "受潮") -> Any:
        """Lower the stock of a record by two persons; return the movement."""
        asked = services.adjust_stock(
            stockrecord=record, quantity=quantity, actor=self.keeper, reason=reason, kind=kind
        )
        return services.decide_write_off(asked=asked, actor=self.admin, approve=True).movement

    def redeem(self, resident: Resident, *lines: tuple[StockRecord, int], **more: Any) -> Redemption:
        """Redeem through the service, under a fresh key unless one is given."""
        more.setdefault("key", uuid.uuid4())
        more.setdefault("actor", resident.user or self.clerk)
        return services.redeem(resident=resident, lines=[(record.pk, count) for record, count in lines], **more)

    def basket(self, resident: Resident, *lines: tuple[StockRecord, int]) -> Any:
        """Fill the basket of a resident's user as the shop does."""
        from marketplace.basket.models import Basket
        from marketplace.partner.strategy import Selector

        basket = Basket.objects.create(owner=resident.user)
        basket.strategy = Selector().strategy(user=resident.user)
        for record, count in lines:
            basket.add_product(record.product, count)
        return basket


def give(resident: Resident, points: int, *, expires_on: dt.date | None = None) -> None:
    """Mint points (1/100) into a wallet as the village would."""
    ledger.post(
        TransferSpec(
            key=f"test:mint:{uuid.uuid4()}",
            kind="mint",
            legs=(
                Leg(
                    debit=f"issuance:region:{resident.village_id}",
                    credit=resident.wallet_key,
                    amount=points,
                    expires_on=expires_on or dt.date(2031, 12, 31),
                ),
            ),
            actor="system",
        )
    )


def points_of(resident: Resident) -> int:
    """Return what a resident can spend, in 1/100 point."""
    return ledger_read.balance_of(resident.wallet_key).spendable


def escrow_of(partner: Partner) -> int:
    return ledger_read.balance_of(partner.escrow_key).total


def redeemed_of(partner: Partner) -> int:
    return ledger_read.balance_of(partner.redeemed_key).total


def counters(record: StockRecord) -> tuple[int, int]:
    """Return what lies on the shelf and what of it is promised, as the database has it."""
    shelf, promised = StockRecord.objects.values_list("num_in_stock", "num_allocated").get(pk=record.pk)
    return shelf or 0, promised or 0


def assert_stock_is_its_history(record: StockRecord) -> None:
    """Fail unless the counters of a stock record are the sums of its movements."""
    moved = list(StockMovement.objects.filter(stockrecord=record).values_list("on_shelf", "promised"))
    assert counters(record) == (sum(shelf for shelf, __ in moved), sum(promised for __, promised in moved))


def _region(above: Region | None, code: str, name: str, level: str) -> Region:
    facts = {"code": code, "name": name, "short_name": name, "level": level}
    return Region.objects.add_child(above, facts) if above else Region.objects.add_root(facts)


def build() -> World:
    """Make the world."""
    city = _region(None, "371000000000", "威海市", "city")
    county = _region(city, "371003000000", "文登区", "county")
    town = _region(county, "371003104000", "泽库镇", "town")
    village = _region(town, "371003104204", "辛旺庄", "village")
    other = _region(town, "371003104222", "寨西", "village")
    for one in (village, other):
        registry.open_village_accounts(village=one)
    operator = User.objects.create_user(name="平台", phone=next_phone(), is_superuser=True, is_staff=True)
    organisation = registry.register_organisation(
        name="辛旺庄洗浴中心", kind="supplier", region=village, actor=operator
    )
    world = World(
        town=town,
        village=village,
        other_village=other,
        operator=operator,
        goods=ProductClass.objects.create(name="实物", kind="goods", track_stock=True, requires_shipping=False),
        service=ProductClass.objects.create(name="服务", kind="service", track_stock=False, requires_shipping=False),
        shop=partners.create_partner(
            name="信用超市",
            name_en="Credit shop",
            village=village,
            place="村委会东侧",
            phone="0631-8000001",
            opening_hours="8:00–17:00",
        ),
        bath=partners.create_partner(
            name="洗浴中心",
            name_en="Bath house",
            kind=Partner.Kind.BATH,
            village=village,
            organisation=organisation,
            place="文化广场南",
            phone="0631-8000002",
            opening_hours="周一至周六 13:00–20:00",
        ),
        organisation=organisation,
    )
    people = world.people
    people["admin"] = world.staff("村管理员", "village_admin")
    people["keeper"] = world.staff("保管员", "stock_keeper")
    people["clerk"] = world.staff("店员", "clerk")
    people["bath_clerk"] = world.staff("浴室店员", "supplier_staff", organisation=organisation)
    people["soap"] = world.reward("香皂", 500, stock=10, title_en="Soap", unit="块")
    people["rice"] = world.reward("大米", 4400, stock=5, title_en="Rice", unit="袋")
    people["ticket"] = world.reward("洗浴一次", 1000, partner=world.bath, title_en="A bath", unit="次")
    people["sister"] = world.resident("王秀英", points=10000)
    return world
