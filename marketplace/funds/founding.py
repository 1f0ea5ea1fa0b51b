"""What the fund needs of a village before it opens: the money that was there already."""

from __future__ import annotations

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from marketplace.funds.models import BankLine, Fund
from marketplace.funds.models.base import Decision
from marketplace.funds.rules import RECORD_BANK
from timebank.registry.models import Region
from timebank.villages.steps import Step, Villages


def _lines(village: Region) -> str:
    """Return where the money from before is written down: at the village's fund, else at the list of funds."""
    fund = Fund.objects.filter(region=village).values_list("pk", flat=True).first()
    return reverse("funds:lines", args=[fund]) if fund else reverse("funds:home")


def _opening_money(villages: Villages) -> dict[int, str]:
    rows = BankLine.objects.filter(villages.inside("fund__region"), kind=BankLine.Kind.OPENING)
    rows = rows.exclude(state=Decision.DECLINED).order_by("state")
    words: dict[int, str] = {}
    for pk, state, count in rows.values_list("fund__region", "state").annotate(Count("pk")):
        approved = state == Decision.APPROVED
        text = (
            ngettext("%(n)s opening balance booked", "%(n)s opening balances booked", count)
            if approved
            else ngettext("%(n)s opening balance waits", "%(n)s opening balances wait", count)
        )
        words[pk] = " · ".join(filter(None, [words.get(pk, ""), text % {"n": count}]))
    return words


STEPS = [
    Step(
        key="opening_money",
        order=95,
        label=_("Money from before"),
        text=_("What the fund took over, at the bank or in cash, with its paper: written by one, approved by another."),
        action=_("Write down"),
        href=_lines,
        actions=(RECORD_BANK,),
        standing=_opening_money,
        needed=False,
    ),
]
