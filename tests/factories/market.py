"""A small market for tests: a town with two villages, suppliers, rewards, people with points."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model

_numbers = itertools.count(1)


def region(name: str, level: str = "village", parent: Any = None, code: str = "") -> Any:
    """Make a place below ``parent``."""
    from timebank.registry.models import Region

    fields = {"code": code or f"{next(_numbers):012d}", "name": name, "short_name": name, "level": level}
    if parent is None:
        return Region.objects.add_root(fields)
    return Region.objects.add_child(Region.objects.get(pk=parent.pk), fields)


@dataclass
class Market:
    """What the tests of the shop walk through."""

    town: Any
    village: Any
    other_village: Any
    goods: Any
    service: Any
    shop: Any
    bath: Any
    far_shop: Any
    people: list[Any] = field(default_factory=list)

    def reward(self, title: str, points: str = "10", **fields: Any) -> Any:
        """List a reward at a supplier (default: the village's shop) and return its stock record."""
        from marketplace.catalogue import services
        from marketplace.catalogue.models import Product
        from marketplace.partner.models import StockRecord

        partner = fields.pop("partner", self.shop)
        stock = fields.pop("stock", 10)
        product_class = self.service if stock is None else self.goods
        number = next(_numbers)
        product = Product.objects.create(
            title=title, upc=f"T{number:05d}", product_class=fields.pop("product_class", product_class), **fields
        )
        record = StockRecord.objects.create(
            product=product, partner=partner, partner_sku=product.upc, price=Decimal(points), num_in_stock=stock
        )
        services.index_product(product=product)
        return record

    def resident(self, name: str = "王芳", village: Any = None, points: int = 0, **user: Any) -> Any:
        """Register someone who signs in, with ``points`` (1/100 point) in the wallet."""
        from timebank.ledger import services as ledger
        from timebank.ledger.types import Leg, TransferSpec
        from timebank.registry.models import Residence, Resident

        number = next(_numbers)
        who = get_user_model().objects.create_user(name=name, phone=f"139{number:08d}", **user)
        home = village or self.village
        person = Resident.objects.create(user=who, volunteer_number=f"V{number:08d}", name=name, village=home)
        Residence.objects.create(resident=person, village=home, since="2026-01-01")
        ledger.open_account(key=person.wallet_key, kind="wallet", owner=f"resident:{person.pk}")
        if points:
            source = f"issuance:region:{home.pk}"
            ledger.open_account(key=source, kind="system", owner=f"region:{home.pk}", floor=None)
            ledger.post(
                TransferSpec(
                    key=f"opening:{person.pk}",
                    kind="opening",
                    legs=(Leg(source, person.wallet_key, points),),
                    reason="test",
                )
            )
        return person


def make() -> Market:
    """Build the town of Gaocun with two villages."""
    from marketplace.catalogue.models import ProductClass
    from marketplace.partner import services

    town = region("高村镇", "town")
    village = region("辛旺庄", parent=town)
    other = region("东岛刘家", parent=town)
    goods = ProductClass.objects.create(name="实物", kind="goods", track_stock=True, requires_shipping=False)
    service = ProductClass.objects.create(name="服务", kind="service", track_stock=False, requires_shipping=False)
    return Market(
        town=town,
        village=village,
        other_village=other,
        goods=goods,
        service=service,
        shop=services.create_partner(
            name="信用超市", village=village, kind="shop", place="辛旺庄村委会院内", opening_hours="8:30–17:00"
        ),
        bath=services.create_partner(
            name="洗浴中心", village=village, kind="bath", name_en="Bath house", phone="0631-5550102"
        ),
        far_shop=services.create_partner(name="信用超市", village=other, kind="shop"),
    )


@pytest.fixture
def market(db: None) -> Market:
    """Give a test its market."""
    return make()
