"""The fund's figures in words that villagers use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketplace.funds.models import CoverageSnapshot, Fund
from marketplace.funds.selectors.figures import Month
from marketplace.funds.selectors.keeper import percent


def words() -> dict[str, str]:
    """Name the kinds of money that came and went."""
    return {
        "opening": _("Opening balance"),
        "donation": _("Gifts"),
        "collective": _("Collective income"),
        "grant": _("Grant from above"),
        "interest": _("Interest"),
        "stray_explained": _("Money explained later"),
        "allocation_in": _("From another fund"),
        "allocation_out": _("To another fund"),
        "dispute_won": _("Disputes won"),
        "returned": _("Taken back"),
        "draw": _("Tickets handed over"),
        "buy": _("Goods bought"),
        "expense": _("Projects and commendation"),
        "bank_fee": _("Fees"),
        "fee": _("Fees"),
        "donor_refund": _("Given back to donors"),
        "dispute": _("Disputes"),
        "dispute_fee": _("Fees"),
        "correction": _("Corrections"),
    }


class Line(NamedTuple):
    """One kind of money in a month."""

    label: str
    fen: int


class MonthInWords(NamedTuple):
    """A month as villagers read it."""

    month: dt.date
    opening: int
    into: list[Line]
    out: list[Line]
    closing: int


def months_in_words(months: Sequence[Month]) -> list[MonthInWords]:
    """Put words to the months, newest first; the same word is one line."""
    names = words()

    def lines(kinds: dict[str, int]) -> list[Line]:
        sums: dict[str, int] = {}
        for kind, fen in kinds.items():
            label = names.get(kind) or pgettext("money", "Other")
            sums[label] = sums.get(label, 0) + fen
        return [Line(label, fen) for label, fen in sums.items()]

    return [
        MonthInWords(month.month, month.opening, lines(month.into), lines(month.out), month.closing)
        for month in reversed(months)
    ]


def all_funds() -> list[Any]:
    """List every fund with its newest cover in words, by place."""
    newest = CoverageSnapshot.objects.filter(fund=OuterRef("pk")).order_by("-taken_at", "-pk")
    rows: Any = Fund.objects.select_related("region").annotate(bp=Subquery(newest.values("bp")[:1]))
    funds = list(rows.order_by("region__path"))
    for fund in funds:
        fund.cover = percent(fund.bp)
    return funds
