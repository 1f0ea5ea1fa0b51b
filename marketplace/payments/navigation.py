"""Payments in the desk's menu, for whoever keeps a fund or approves its payments."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from marketplace.funds.rules import APPROVE_PAYMENT, RECORD_BANK
from timebank.registry.navigation import who_may
from timebank.ui.menus import Entry

_keeps = who_may(RECORD_BANK, APPROVE_PAYMENT)
_group = _("Funds")

MENUS = [
    Entry(
        area="desk",
        key="payments",
        label=_("Payments received"),
        url_name="payments:list",
        icon="points",
        order=75,
        visible=_keeps,
        match=("payments:payment", "payments:new"),
        group=_group,
    ),
    Entry(
        area="desk",
        key="bank",
        label=_("Lines of the bank"),
        url_name="payments:bank",
        icon="list",
        order=76,
        visible=_keeps,
        match=("payments:bank_line",),
        group=_group,
    ),
    Entry(
        area="desk",
        key="reconciliation",
        label=_("Reconciliation"),
        url_name="payments:reconciliation",
        icon="chart",
        order=77,
        visible=_keeps,
        match=("payments:stray",),
        group=_group,
    ),
]
