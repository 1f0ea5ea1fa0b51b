"""A resident's statement: every line says why, and what can be done about it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from itertools import groupby

from django.utils.translation import gettext as _

from timebank.ledger import selectors as ledger_read
from timebank.ledger.describing import Description, describe, reference_of
from timebank.ledger.selectors.proofs import sealed_among
from timebank.ledger.types import Line, LotUse
from timebank.registry.models import Resident


@dataclass(slots=True)
class StatementLine:
    """One line for people. ``amount`` and ``balance`` in 1/100 point; ``why`` are sentences."""

    id: int
    posted_at: dt.datetime
    on: dt.date
    kind: str
    title: str
    amount: int
    balance: int | None
    explanation: list[str] = field(default_factory=list)
    href: str = ""
    icon: str = "points"
    lots: tuple[LotUse, ...] = ()
    transfer_id: int = 0
    sealed: bool = False  # then there is a receipt that anybody can check

    @property
    def expires_on(self) -> dt.date | None:
        """First day on which some of what came in by this line runs out; None when it never does."""
        days = [lot.expires_on for lot in self.lots if lot.expires_on is not None] if self.amount > 0 else []
        return min(days, default=None)


@dataclass(slots=True)
class StatementPage:
    """A page of a statement; ``next`` is the ``before`` of the older page."""

    lines: list[StatementLine]
    next: int | None


def statement_of(resident: Resident, before: int | None = None, limit: int = 30) -> StatementPage:
    """Return a page of the statement, newest first. The number of statements does not grow with the lines."""
    page = ledger_read.statement(resident.wallet_key, before=before, limit=limit)
    described = describe(page.lines)
    legs = groupby(page.lines, key=lambda line: line.transfer_id)
    lines = [_line(list(group), described) for __, group in legs]
    sealed = sealed_among([line.transfer_id for line in lines])
    for line in lines:
        line.sealed = line.transfer_id in sealed
    return StatementPage(lines, page.next)


def _line(legs: list[Line], described: dict[str, Description]) -> StatementLine:
    """Tell one transfer: its legs (by supplier, by lot) are one line for people; the first is the newest."""
    line = legs[0]
    about = described.get(reference_of(line))
    made = StatementLine(
        id=line.id,
        posted_at=line.posted_at,
        on=line.effective_on,
        kind=line.kind,
        title=_title(line.kind),
        amount=sum(leg.amount for leg in legs),
        balance=line.balance_after,
        transfer_id=line.transfer_id,
        lots=tuple(lot for leg in legs for lot in leg.lots),
    )
    if about is not None:
        # A leg that stands on another page has its share of the title there.
        paid = {leg.counterparty for leg in legs}
        shares = [text for account, text in about.parts.items() if account in paid]
        made.title = (_(", ").join(shares) if about.parts else about.title) or made.title
        made.icon, made.href = about.icon, about.href
        made.explanation = about.sentences(line.kind, line.reason)
    elif line.kind == "expire":
        made.icon = "clock"
        made.explanation = [_("These points passed their last day.")]
    elif line.reason:
        made.explanation = [line.reason]
    return made


def _title(kind: str) -> str:
    titles = {
        "mint": _("Points for service"),
        "redeem": _("Redeemed"),
        "refund": _("Points given back"),
        "reverse": _("Taken back"),
        "reprice": _("Priced again"),
        "restore": _("Lapsed points set against a reversal"),
        "expire": _("Expired"),
        "gift": _("Gift"),
        "opening": _("Brought forward"),
        "debt": _("Debt repaid"),
    }
    return titles.get(kind, _("Other"))
