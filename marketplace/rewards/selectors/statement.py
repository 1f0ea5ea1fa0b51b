"""A resident's statement: every line says why, and what can be done about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.rewards.models import Redemption, Ticket
from timebank.ledger import selectors as ledger_read
from timebank.ledger.types import Line, LotUse
from timebank.policy import words
from timebank.registry.models import Resident
from timebank.service.models import Record


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
    sources = [line.source for line in page.lines]
    records = _by_id(sources, "record", lambda ids: Record.objects.select_related("activity").in_bulk(_ints(ids)))
    redemptions = _by_id(sources, "redemption", _redemptions)
    tickets = _tickets(line.memo for line in page.lines)
    lines: list[StatementLine] = []
    for __, legs in groupby(page.lines, key=lambda line: line.transfer_id):
        lines.append(_line(list(legs), records, redemptions, tickets))
    return StatementPage(lines, page.next)


def _ints(texts: Iterable[str]) -> list[int]:
    return [int(text) for text in texts if text.isdigit()]


def _by_id(sources: Iterable[str], prefix: str, fetch: Any) -> dict[Any, Any]:
    ids = {source.partition(":")[2] for source in sources if source.startswith(prefix + ":")}
    return fetch(ids) if ids else {}


def _redemptions(ids: Iterable[str]) -> dict[int, Redemption]:
    return Redemption.objects.prefetch_related("tickets__product", "tickets__partner").in_bulk(_ints(ids))


def _tickets(memos: Iterable[str]) -> dict[str, Ticket]:
    codes = [memo.partition(":")[2] for memo in memos if memo.startswith("ticket:")]
    if not codes:
        return {}
    return {t.code: t for t in Ticket.objects.filter(code__in=codes).select_related("product", "partner")}


def _line(
    legs: list[Line], records: dict[int, Record], redemptions: dict[int, Redemption], tickets: dict[str, Ticket]
) -> StatementLine:
    """Tell one transfer: its legs (by supplier, by lot) are one line for people; the first is the newest."""
    line = legs[0]
    made = StatementLine(
        id=line.id,
        posted_at=line.posted_at,
        on=line.effective_on,
        kind=line.kind,
        title=_title(line.kind),
        amount=sum(leg.amount for leg in legs),
        balance=line.balance_after,
        lots=tuple(lot for leg in legs for lot in leg.lots),
    )
    kind, __, key = line.source.partition(":")
    if line.memo.startswith("ticket:") and line.memo.partition(":")[2] in tickets:
        _describe_refund(made, tickets[line.memo.partition(":")[2]], line.reason)
    elif kind == "record" and key.isdigit() and int(key) in records:
        _describe_record(made, records[int(key)], line)
    elif kind == "redemption" and key.isdigit() and int(key) in redemptions:
        _describe_redemption(made, redemptions[int(key)], {leg.counterparty for leg in legs})
    elif line.kind == "expire":
        made.icon = "clock"
        made.explanation = [_("These points passed their last day.")]
    elif line.reason:
        made.explanation = [line.reason]
    return made


_REASONS = {
    "repriced": gettext_lazy("An earlier record of the same period was reversed; what came after it was priced again.")
}


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


def _describe_record(made: StatementLine, record: Record, line: Line) -> None:
    from timebank.common.numbers import format_minutes

    name = record.activity.title if record.activity else record.title or record.get_category_display()
    made.title = f"{name} · {format_minutes(record.minutes)}"
    made.icon = "hours"
    steps = (record.quote or {}).get("steps", []) if line.kind == "mint" else []
    made.explanation = list(words.explain(steps))
    if line.kind != "mint":
        made.explanation = [str(_REASONS.get(line.reason, line.reason))] if line.reason else []


def _describe_redemption(made: StatementLine, redemption: Redemption, paid: set[str]) -> None:
    wanted: dict[str, int] = {}
    places: dict[str, None] = {}
    for ticket in redemption.tickets.all():
        if ticket.partner.escrow_key not in paid:
            continue  # its leg stands on another page
        title = ticket.product.get_title()
        wanted[title] = wanted.get(title, 0) + ticket.quantity
        places[ticket.partner.display_name] = None
    parts = [f"{title} × {count}" if count > 1 else title for title, count in wanted.items()]
    made.title = _(", ").join(parts) or made.title
    made.icon = "basket"
    made.explanation = [_("Redeemed at %(places)s.") % {"places": _(", ").join(places)}]
    made.href = reverse("rewards:redemption", args=[redemption.key])


def _describe_refund(made: StatementLine, ticket: Ticket, reason: str) -> None:
    made.title = _("Given back: %(reward)s") % {"reward": ticket.product.get_title()}
    made.icon = "undo"
    made.explanation = [
        _("The ticket was not collected in time.") if reason == "expired" else _("The ticket was cancelled.")
    ]
    made.href = reverse("rewards:ticket", args=[ticket.code])
