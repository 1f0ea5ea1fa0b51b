"""The money of the demo: it adds up to the fen, and shows what a visitor should see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone

from marketplace.demo import places
from marketplace.demo.management.commands import load_demo
from marketplace.demo.money import FUNDS, POOR
from marketplace.funds.models import DrawDown, Fund, Payout, Purpose, QueuedRedemption, Statement
from marketplace.funds.selectors.coverage import latest
from marketplace.partner.models import StockRecord
from marketplace.payments.models import Dispute, Payment, Refund
from marketplace.payments.practice.server import Server
from marketplace.rewards.models import TicketReturn
from marketplace.rewards.selectors.reach import reach_of
from marketplace.sponsors.models import Enterprise
from timebank.registry.models import Region
from timebank.service.selectors.adoptions import in_use_by_slug


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite_only
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
    reach = reach_of(Region.objects.get(code=places.COUNTY))
    assert reach.percent >= 50
    assert reach.without_supplier == ()
    home = reach_of(Region.objects.get(code=places.HOME))
    assert home.median_affords_care == 1  # a month of the volunteer in the middle buys a bath
    assert f"({reach.percent} %)" in said
    assert len(set(in_use_by_slug(timezone.localdate()))) == 3
    assert QueuedRedemption.objects.filter(state="waiting").exists()
    assert sorted(TicketReturn.objects.values_list("state", flat=True)) == ["approved", "prepared"]
    sold_out = StockRecord.objects.filter(num_in_stock=F("num_allocated"), partner__village__code=places.HOME)
    assert set(sold_out.values_list("partner_sku", flat=True)) >= set(places.SOLD_OUT)
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
    assert max(bp for bp in covers.values() if bp is not None) < 40_000, covers
