"""A village with a fund, people who keep and approve it, and shorthands for its figures. All invented."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from marketplace.funds import book
from marketplace.funds.models import BankAccount, Fund, Purpose
from marketplace.funds.services import setup
from marketplace.partner.models import Partner
from tests.rewards.world import World, build
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import User

ACTOR = "user:1"


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


def total(key: str) -> int:
    """Return the balance of an account, fen."""
    return ledger_read.balance_of(key).total


def free(fund: Fund) -> int:
    """Return a fund's free money."""
    return book.left_of(fund, None)


def left(fund: Fund, purpose: Purpose) -> int:
    """Return what is left of a purpose."""
    return book.left_of(fund, purpose)


def owed(fund: Fund, partner: Partner) -> int:
    """Return what a fund owes a supplier."""
    return total(book.payable_key(fund=fund, partner_id=partner.pk))


def short(fund: Fund) -> int:
    """Return what a fund owes because it was empty (at most 0)."""
    return total(fund.shortfall_key)
