"""One order whose tickets cannot be closed keeps no other from getting its points back (K6)."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from marketplace.rewards import services
from marketplace.rewards.services import handing_over
from timebank.common.models import SweepFailure
from timebank.common.sweeps import open_failures


def test_an_order_that_cannot_expire_does_not_keep_the_others(world, monkeypatch):
    past = timezone.now() - dt.timedelta(days=91)
    bad, good = (world.redeem(world.sister, (world.soap, 1), now=past) for _ in range(2))
    close = handing_over.close_tickets

    def breaks(tickets, **more):
        if tickets[0].redemption_id == bad.pk:
            raise ZeroDivisionError("broken")
        return close(tickets, **more)

    monkeypatch.setattr(handing_over, "close_tickets", breaks)
    assert services.expire_tickets() == 1
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("placed", "expired")
    assert SweepFailure.objects.get().sweep == "expire tickets"
    monkeypatch.setattr(handing_over, "close_tickets", close)
    assert services.expire_tickets() == 1
    assert not open_failures()
