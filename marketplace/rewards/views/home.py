"""The first page: what can I do today, how many points, what waits for me. For strangers: what this is."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from marketplace.catalogue import selectors as catalogue
from marketplace.partner.strategy import Points, Selector
from marketplace.rewards import selectors
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Resident
from timebank.registry.navigation import start_url
from timebank.registry.selectors import acting_resident
from timebank.service import selectors as service
from timebank.villages.selectors import setup_is_open

SOON = dt.timedelta(days=45)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the resident's own page, lead staff to their work, and tell anybody else what Shanji is."""
    resident = acting_resident(request) if request.user.is_authenticated else None
    if resident is None:
        if not request.user.is_authenticated and setup_is_open():
            return redirect("villages:setup_enter")
        if (start := start_url(request)) != request.path:
            return redirect(start)
        return render(request, "rewards/landing.html", _landing(request))
    return render(request, "rewards/home.html", _home(request, resident))


def greeting(now: dt.datetime | None = None) -> str:
    """Return the greeting of this time of day."""
    hour = timezone.localtime(now or timezone.now()).hour
    if hour < 5 or hour >= 18:
        return _("Good evening")
    if hour < 11:
        return _("Good morning")
    return _("Good day") if hour < 14 else _("Good afternoon")


def _home(request: HttpRequest, resident: Resident) -> dict[str, Any]:
    now = timezone.now()
    today = timezone.localdate(now)
    balance = ledger_read.balance_of(resident.wallet_key)
    expiring = ledger_read.expiring(resident.wallet_key, before=today + SOON)
    sign_ups = list(service.sign_ups_of(resident, now=now)[:3])
    mine = {sign_up.activity_id for sign_up in sign_ups}
    nearby = [item for item in service.activities_open_to(resident, now=now)[:6] if item.pk not in mine][:3]
    strategy = request.strategy  # type: ignore[attr-defined]
    waiting = list(selectors.tickets_of(resident, is_open=True)[:4])
    return {
        "resident": resident,
        "greeting": greeting(now),
        "balance": balance,
        "expiring": sum(lot.remaining for lot in expiring),
        "expiring_on": expiring[0].expires_on if expiring else None,
        "standing": strategy.standing,
        "tickets": waiting[:3],
        "more_tickets": len(waiting) > 3,
        "sign_ups": sign_ups,
        "activities": nearby,
        "today": today,
        "rewards": _shelf(strategy, affordable_with=balance.spendable, each=4),
    }


def _shelf(strategy: Points, *, affordable_with: int | None, each: int) -> list[Any]:
    """Pick some services and some goods that can be had now."""
    chosen: list[int] = []
    for kind in ("service", "goods"):
        rewards = catalogue.rewards(strategy, affordable_with=affordable_with, kind=kind)
        chosen += catalogue.chosen(rewards.exclude(min_star__gt=strategy.star))[: each * 3]
    cards = [card for card in catalogue.cards(strategy, chosen) if card.info.availability.is_available_to_buy]
    services = [card for card in cards if card.product.is_service][:each]
    goods = [card for card in cards if not card.product.is_service][:each]
    return services + goods


def _landing(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    strategy = Selector().strategy(user=AnonymousUser())
    return {
        "rewards": _shelf(strategy, affordable_with=None, each=4),
        "activities": selectors.activities_anywhere(now, limit=3),
        "today": timezone.localdate(now),
        "figures": selectors.public_figures(),
        "is_staff_only": request.user.is_authenticated,
    }
