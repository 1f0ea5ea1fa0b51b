"""A village with a fund, people who keep and approve it, and shorthands for its figures. All invented."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from marketplace.funds import book, posting
from marketplace.funds.models import BankAccount, Fund, Purpose
from marketplace.funds.services import drawing, prices, promising, setup
from marketplace.funds.types import Handed, Wanted
from marketplace.partner.models import Partner
from tests.factories.rewards import World, build
from tests.support.money import assert_money_adds_up
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import User

ACTOR = "user:1"
BATH = 800  # fen


@dataclass
class Money:
    """The world of the rewards with a fund in it."""

    world: World
    fund: Fund
    bank: BankAccount
    keeper: User  # fund keeper of the village
    town: User  # approves
    other_town: User

    def purpose(self, name: str = "洗浴", fund: Fund | None = None, **facts: Any) -> Purpose:
        """Open a purpose."""
        facts.setdefault("key", uuid.uuid4())
        return setup.open_purpose(fund=fund or self.fund, name=name, actor=None, **facts)

    def give(self, fen: int, purpose: Purpose | None = None, fund: Fund | None = None, **facts: Any) -> Any:
        """Let money come into the bank, free or bound."""
        fund = fund or self.fund
        facts.setdefault("key", f"payment:{uuid.uuid4()}")
        facts.setdefault("asset", fund.bank_account.asset_key)
        return book.receive(fund=fund, fen=fen, purpose=purpose, actor=ACTOR, source="payment:1", **facts)


def make() -> Money:
    """Open the fund of the village."""
    world = build()
    town = world.staff("镇管理员", "town_admin", region=world.town)
    other = world.staff("镇副管理员", "town_admin", region=world.town)
    keeper = world.staff("资金管理员", "fund_keeper")
    bank = setup.open_bank_account(region=world.town, name="泽库镇财政所", actor=town, number="15550101000012345")
    fund = setup.open_fund(region=world.village, bank_account=bank, actor=town)
    return Money(world, fund, bank, keeper, town, other)


def agree(
    money: Money, record: Any, fen: int, first: dt.date = dt.date(2026, 1, 1), last: dt.date | None = None
) -> Any:
    """Agree a price by two persons."""
    price = prices.propose_price(
        stockrecord=record, fen=fen, valid_from=first, valid_until=last, actor=money.keeper, key=uuid.uuid4()
    )
    return prices.decide_price(price=price, actor=money.town)


def handed(
    record: Any, ticket: int, *, n: int = 1, on: dt.date | None = None, age: int | None = 70, **more: Any
) -> Handed:
    """Say of a ticket what the funds are told."""
    village = more.get("village") or record.partner.village
    quantity = more.get("quantity", 1)
    day = on or timezone.localdate()
    return Handed(ticket, n, record.pk, record.partner_id, record.product_id, village.pk, age, quantity, day)


def issue(money: Money, record: Any, *tickets: int, village: Any = None, **facts: Any) -> list[Any]:
    """Check the cover and promise tickets as a redemption does."""
    village = village or money.world.village
    stocked = bool(record.product.get_product_class().track_stock)
    things = [handed(record, ticket, village=village, **facts) for ticket in tickets]
    day = things[0].on
    want = [Wanted(record.pk, record.partner_id, record.product_id, sum(t.quantity for t in things), stocked)]
    plan = promising.check_cover(village=village, age=things[0].age, wanted=want, on=day)
    return promising.commit(tickets=things, stocked=[stocked] * len(things), plan=plan)


def hand_over(record: Any, ticket: int, **facts: Any) -> Any:
    """Hand a promised ticket over."""
    return drawing.draw(handed=handed(record, ticket, **facts), actor=None, now=facts.get("now"))


def well() -> None:
    """Fail with the first difference unless all money adds up. Tickets that a test invents have no row to compare."""
    assert_money_adds_up()


def total(key: str) -> int:
    """Return the balance of an account, fen."""
    return ledger_read.balance_of(key).total


def free(fund: Fund) -> int:
    """Return a fund's free money."""
    return posting.left_of(fund, None)


def left(fund: Fund, purpose: Purpose) -> int:
    """Return what is left of a purpose."""
    return posting.left_of(fund, purpose)


def owed(fund: Fund, partner: Partner) -> int:
    """Return what a fund owes a supplier."""
    return total(posting.payable_key(fund=fund, partner_id=partner.pk))


def short(fund: Fund) -> int:
    """Return what a fund owes because it was empty (at most 0)."""
    return total(fund.shortfall_key)


def draw(money: Money, ticket: int, fen: int = BATH, purposes: Any = (), n: int = 1, partner: Any = None) -> Any:
    partner = partner or money.world.bath
    return book.draw(
        fund=money.fund, partner_id=partner.pk, fen=fen, ticket_id=ticket, n=n, actor=ACTOR, purposes=purposes
    )
