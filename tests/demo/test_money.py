"""The money of the demo: it adds up to the fen, and shows what a visitor should see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from marketplace.demo import places
from marketplace.demo.management.commands import load_demo
from marketplace.demo.money import FUNDS, POOR
from marketplace.funds.models import DrawDown, Fund, Payout, Purpose, Statement
from marketplace.funds.selectors.coverage import latest
from marketplace.payments.models import Dispute, Payment, Refund
from marketplace.payments.practice.server import Server
from marketplace.sponsors.models import Enterprise


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(900)
def test_the_demo_holds_sponsors_purposes_and_a_quarter_of_settlements(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probe = Server()
    settings.PRACTICE_PAYMENTS, settings.STRIPE_SECRET_KEY, settings.VAR = probe.origin, "", tmp_path
    probe.server_close()
    monkeypatch.setattr(places, "MARKET_VILLAGES", (*FUNDS, POOR))  # the others have no fund
    monkeypatch.setattr(load_demo, "seal", lambda: 0)
    call_command("load_demo", verbosity=0)
    call_command("check_funds")
    said = capsys.readouterr().out
    assert "money in" in said
    assert "All money adds up." in said
    assert Enterprise.objects.filter(state="active").count() == 3
    assert Purpose.objects.count() == 6
    assert Payout.objects.filter(state="paid").count() > 3
    assert len(set(Statement.objects.values_list("last_day", flat=True))) >= 2  # of whole months, the last one open
    assert Statement.objects.filter(state="issued").exists()  # something is left to do
    assert DrawDown.objects.filter(state="settled").exists()
    assert list(Dispute.objects.values_list("state", flat=True)) == ["open"]
    assert list(Refund.objects.values_list("state", flat=True)) == ["succeeded"]
    assert sorted(Payment.objects.values_list("provider", flat=True)) == ["bank"] * 4 + ["practice"] * 2
    covers = {fund.region.code: latest(fund).bp for fund in Fund.objects.select_related("region")}
    assert [code for code, bp in covers.items() if bp is not None and bp < 6000] == [POOR]
