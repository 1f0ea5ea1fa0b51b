"""A small village for the ledger: an issuer, two wallets, a shop."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from timebank.ledger.types import Leg, Posted, TransferSpec  # no models here: Django is not set up yet

SOON = dt.date(2099, 6, 30)
LATER = dt.date(2099, 12, 31)


@pytest.fixture
def village(db: None) -> None:
    """Open the accounts."""
    from timebank.ledger import services as ledger

    ledger.open_account(key="issuance", kind="system")
    ledger.open_account(key="shop", kind="system")
    ledger.open_account(key="bath", kind="system")
    ledger.open_account(key="li", kind="wallet", owner="resident:1")
    ledger.open_account(key="wang", kind="wallet", owner="resident:2")


_numbers = itertools.count(1)


@pytest.fixture
def move(village: None) -> Callable[..., Posted]:
    """Return a poster of one leg: ``move("issuance", "li", 500, until=SOON)``."""

    from timebank.ledger import services as ledger

    def post(
        debit: str, credit: str, amount: int, *, until: dt.date | None = None, earmark: str = "", **more: Any
    ) -> Posted:
        key = str(more.pop("key", f"test:{next(_numbers)}"))
        legs = (Leg(debit, credit, amount, until, earmark),)
        return ledger.post(TransferSpec(key=key, kind=str(more.pop("kind", "test")), legs=legs, **more))

    return post


@pytest.fixture
def long_way(settings: Any) -> Iterator[Callable[[], None]]:
    """Return what switches the short way off for the rest of the test, as the setting does."""
    from django.db import connections

    def switch() -> None:
        settings.LEDGER_FAST_PATH = False
        connections["default"].__dict__.pop("ledger_store", None)

    yield switch
    connections["default"].__dict__.pop("ledger_store", None)
