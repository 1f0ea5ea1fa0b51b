"""One hold or one lot that fails stops no other, is kept, and is tried again (K6)."""

from __future__ import annotations

import datetime as dt

import pytest

from timebank.common.models import SweepFailure
from timebank.common.sweeps import open_failures
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.services import expiry, holds

NOON = dt.datetime(2030, 5, 4, 4, 0, tzinfo=dt.UTC)
APRIL, MAY = dt.date(2030, 4, 30), dt.date(2030, 5, 1)


@pytest.fixture
def noon(time_machine):
    time_machine.move_to(NOON, tick=False)


def test_a_hold_that_cannot_lapse_does_not_keep_the_others(noon, move, monkeypatch):
    move("issuance", "li", 100)
    soon = NOON + dt.timedelta(hours=1)
    bad, _good = (ledger.hold(key=f"h{n}", wallet="li", amount=10, expires_at=soon) for n in range(2))
    resolve = holds._resolve

    def breaks(hold, *rest, **more):
        if hold.pk == bad.pk:
            raise ZeroDivisionError("broken")
        return resolve(hold, *rest, **more)

    monkeypatch.setattr(holds, "_resolve", breaks)
    assert ledger.lapse_due_holds(soon) == 1
    assert SweepFailure.objects.get().subject == str(bad.pk)
    monkeypatch.setattr(holds, "_resolve", resolve)
    assert ledger.lapse_due_holds(soon) == 1
    assert not open_failures()
    assert read.balance_of("li").held == 0


@pytest.mark.parametrize("batch", [1, 500])
@pytest.mark.parametrize("how", ["refused", "raises"])
def test_a_lot_that_cannot_expire_does_not_keep_the_others(move, monkeypatch, batch, how):
    monkeypatch.setattr(expiry, "BATCH", batch)
    move("issuance", "li", 100, until=APRIL)
    move("issuance", "wang", 50, until=APRIL)
    draft = expiry._draft
    if how == "refused":
        ledger.set_expiry_account(key="li", expires_to="nowhere")
    else:

        def breaks(lot):
            if lot.account.key == "li":
                raise ZeroDivisionError("broken")
            return draft(lot)

        monkeypatch.setattr(expiry, "_draft", breaks)
    assert ledger.expire_due(MAY).amount == 50
    failure = SweepFailure.objects.get()
    assert (failure.sweep, failure.resolved_at) == ("expire points", None)
    ledger.set_expiry_account(key="li", expires_to="")
    monkeypatch.setattr(expiry, "_draft", draft)
    assert ledger.expire_due(MAY).amount == 100
    assert not open_failures()
