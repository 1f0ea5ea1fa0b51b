"""The village of the console's tests, on top of the world of the service app."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from marketplace.catalogue.models import Product, ProductClass
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.services import create_partner, list_reward
from marketplace.rewards import services as rewards
from marketplace.rewards.models import Redemption
from tests.factories.service import World, make_world
from timebank.registry import services as registry
from timebank.registry.models import Region, Resident, User
from timebank.service import services
from timebank.service.models import Record

_numbers = itertools.count(1)


@dataclass
class Village:
    """People by their work, and shortcuts."""

    world: World
    admin: User
    keeper: User
    town_admin: User
    far_admin: User
    shop: Partner
    goods: ProductClass

    @property
    def place(self) -> Region:
        return self.world.village

    def good(
        self, title: str = "香皂", points: int = 50, stock: int = 10, partner: Partner | None = None
    ) -> StockRecord:
        """List goods and put some on the shelf; ``points`` in 1/100."""
        number = next(_numbers)
        product = Product.objects.create(
            title=title, slug=f"c{number}", upc=f"78{number:06d}", product_class=self.goods, structure="standalone"
        )
        record = list_reward(product=product, partner=partner or self.shop, points=points, sku=f"C{number}")
        if stock:
            rewards.receive_stock(stockrecord=record, quantity=stock, actor=self.keeper, reason="初次入库")
        return record

    def submitted(self, count: int = 1) -> list[Record]:
        """Make records that wait for verification, each of another resident."""
        people = [self.world.resident() for _ in range(count)]
        return self.world.attended(*people, capacity=max(10, count))

    def credited(self, count: int = 1) -> list[Resident]:
        """Make residents with points, earned by four hours of service."""
        people = [self.world.resident() for _ in range(count)]
        self.world.credited(*people, capacity=max(10, count))
        return people

    def redeem(self, resident: Resident, record: StockRecord, quantity: int = 1) -> Redemption:
        return rewards.redeem(resident=resident, lines=[(record.pk, quantity)], key=uuid.uuid4(), actor=resident.user)

    def hand_over(self, redemption: Redemption) -> None:
        for ticket in redemption.tickets.all():
            scan = rewards.hand_over(
                code=ticket.code, actor=self.admin, nonce=str(uuid.uuid4()), partner=ticket.partner
            )
            assert scan.ok

    def newcomer(self, name: str = "新人") -> Resident:
        return registry.apply_to_join(
            village=self.place,
            name=name,
            phone=f"1371234{next(_numbers):04d}",
            password="right-horse-7",
            consent_version="2026-11",
        )


def make_village() -> Village:
    """Make it."""
    world = make_world()

    def staff(name: str, role: str, region: Region) -> User:
        user = User.objects.create_user(name=name, email=f"{name}@console.example", password="a-long-password")
        registry.grant_role(user=user, role=role, actor=None, region=region)
        return user

    return Village(
        world=world,
        admin=world.admin,
        keeper=staff("keeper", "stock_keeper", world.village),
        town_admin=staff("town", "town_admin", world.town),
        far_admin=world.stranger,
        shop=create_partner(name="信用超市", name_en="Credit shop", village=world.village),
        goods=ProductClass.objects.create(
            name="实物", slug="console-goods", kind="goods", track_stock=True, requires_shipping=False
        ),
    )


def objection(village: Village, record: Record) -> Any:
    """Let a neighbour object to a record on notice."""
    neighbour = village.world.resident("邻居")
    return services.raise_objection(
        record=record, resident=neighbour, text="那天没有看到他", actor=neighbour.user, now=record.notice_from
    )


def in_days(days: int) -> dt.datetime:
    return timezone.now() + dt.timedelta(days=days)
