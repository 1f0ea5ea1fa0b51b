"""How the funds' figures are written."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.funds.models import Fund
from marketplace.funds.rules import APPROVE_PAYMENT
from marketplace.funds.selectors.keeper import percent
from timebank.registry.rules import can

register = template.Library()


@register.filter
def cover(bp: int | None) -> str:
    """Write a cover in 1/100 % as "70.5 %"."""
    return percent(bp)


@register.filter
def fund_links(fund: Fund, user: Any) -> list[tuple[str, str, str]]:
    """List the pages of a fund that this person may see: address, label, icon."""
    pages = (
        ("purposes", _("Purposes"), "gift"),
        ("prices", _("Agreed prices"), "points"),
        ("statements", _("Statements"), "list"),
        ("payouts", _("Payouts"), "arrow-right"),
        ("payees", _("Payees"), "card"),
        ("lines", _("Income and bank"), "plus"),
        ("expenses", _("Expenses"), "minus"),
        ("budgets", _("Budgets"), "chart"),
        ("goods", _("Goods at cost"), "stock"),
        ("periods", _("Close of the month"), "calendar"),
        ("approvals", _("To approve"), "check"),
        ("terms", _("Terms of the fund"), "settings"),
    )
    approves = can(user, APPROVE_PAYMENT, region=fund.region)
    return [
        (reverse(f"funds:{name}", args=[fund.pk]), label, icon)
        for name, label, icon in pages
        if name != "approvals" or approves
    ]
