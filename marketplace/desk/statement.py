"""The village's statement: from the ledger, month by month, and checked against what the other apps say."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from marketplace.desk.scope import Scope
from marketplace.desk.selectors import wallets
from marketplace.rewards.models import Ticket
from timebank.common import figures
from timebank.ledger import selectors as ledger_read
from timebank.ledger.selectors.flows import flows_of, moved_by
from timebank.registry.models import Region, Resident
from timebank.service.models import PointCorrection, Record
from timebank.villages.models import Opening, OpeningLine
from timebank.villages.services.opening import account_key

MINT, REDEEM, REFUND, EXPIRE, REVERSE = "mint", "redeem", "refund", "expire", "reverse"
REPRICE, RESTORE = "reprice", "restore"  # the difference that a reversal makes; lapsed points set against it


KINDS: dict[str, tuple[str, ...]] = {
    "minted": (MINT, REVERSE, REPRICE),
    "redeemed": (REDEEM,),
    "refunded": (REFUND,),
    "expired": (EXPIRE, RESTORE),
}


@dataclass
class Month:
    """One month; amounts in 1/100 point. ``closing`` is what the residents hold at its end."""

    month: dt.date
    minted: int = 0
    redeemed: int = 0
    refunded: int = 0
    expired: int = 0
    other: int = 0
    handed_over: int = 0
    tickets: int = 0
    closing: int = 0

    @property
    def change(self) -> int:
        return self.minted - self.redeemed + self.refunded - self.expired + self.other


@dataclass
class Check:
    """Two figures that must be the same, from two places."""

    name: str
    ledger: int
    books: int

    @property
    def agrees(self) -> bool:
        return self.ledger == self.books


@dataclass
class Statement:
    """All months, newest first, and the checks; ``computed_at`` when they were kept, None when added up just now."""

    months: list[Month] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    computed_at: dt.datetime | None = None

    @property
    def agrees(self) -> bool:
        return all(check.agrees for check in self.checks)

    @property
    def outstanding(self) -> int:
        return self.months[0].closing if self.months else 0

    def total(self, name: str) -> int:
        return sum(getattr(month, name) for month in self.months)

    @property
    def totals(self) -> dict[str, int]:
        names = ("minted", "redeemed", "refunded", "expired", "other", "handed_over", "tickets")
        return {name: self.total(name) for name in names}


def statement_of(scope: Scope) -> Statement:
    """Return every month of a place: a village's added up now, that of a town or above as last kept."""
    if scope.is_village:
        return _add_up(scope)
    kept = figures.read(STATEMENT, scope.region.path)
    months = [Month(dt.date.fromisoformat(first), *amounts) for first, *amounts in kept.value["months"]]
    return Statement(months, [Check(*check) for check in kept.value["checks"]], kept.computed_at)


def _keep(path: str) -> dict[str, Any]:
    made = _add_up(Scope(Region.objects.get(path=path)))
    months = [[row.pop("month").isoformat(), *row.values()] for row in map(asdict, made.months)]
    return {"months": months, "checks": [astuple(check) for check in made.checks]}


STATEMENT = figures.Figure("statement", _keep, every=60 * figures.MINUTE)


def _add_up(scope: Scope) -> Statement:
    """Add up every month from the ledger's postings: so many statements, however many villages."""
    keys = wallets(scope)
    months: dict[dt.date, Month] = {}

    def row_at(month: dt.date) -> Month:
        return months.setdefault(month, Month(month))

    for flow in flows_of(keys):
        row = row_at(flow.month)
        if flow.kind in KINDS["minted"]:
            row.minted += flow.into - flow.out
        elif flow.kind == REDEEM:
            row.redeemed += flow.out - flow.into
        elif flow.kind == REFUND:
            row.refunded += flow.into - flow.out
        elif flow.kind in KINDS["expired"]:
            row.expired += flow.out - flow.into
        else:
            row.other += flow.into - flow.out
    handed = (
        Ticket.objects.filter(scope.below("redemption__village"), state=Ticket.State.HANDED_OVER)
        .annotate(month=TruncMonth("handed_over_at", tzinfo=timezone.get_current_timezone()))
        .order_by()
        .values_list("month")
        .annotate(points=Sum("points"), count=Count("pk"))
    )
    for now, points, count in handed:
        row = row_at(timezone.localtime(now).date().replace(day=1))
        row.handed_over += points
        row.tickets += count
    closing = 0
    for month in sorted(months):
        closing += months[month].change
        months[month].closing = closing
    return Statement(sorted(months.values(), key=lambda row: row.month, reverse=True), _checks(scope, keys, closing))


def _checks(scope: Scope, keys: QuerySet[Resident, str], closing: int) -> list[Check]:
    villages = Region.objects.filter(path__startswith=scope.region.path, level=Region.Level.VILLAGE)
    issuance = [f"issuance:region:{pk}" for pk in villages.values_list("pk", flat=True)]
    minted = -sum(balance.total for balance in ledger_read.balances_of(issuance).values())
    sources = [account_key(pk) for pk in villages.values_list("pk", flat=True)]
    opened = -sum(balance.total for balance in ledger_read.balances_of(sources).values())
    lines = OpeningLine.objects.filter(scope.below("opening__village"), opening__state=Opening.State.APPROVED)
    booked = lines.aggregate(points=Sum("points", default=0))["points"]
    credited = Record.objects.filter(scope.below(), state=Record.State.CREDITED).aggregate(
        points=Sum("points", default=0)
    )
    corrected = PointCorrection.objects.filter(
        record__in=Record.objects.filter(scope.below(), state=Record.State.CREDITED).values("pk")
    ).aggregate(points=Sum("points", default=0))["points"]
    free, _held = ledger_read.totals_of(keys)
    done = Ticket.objects.filter(scope.below("redemption__village"), state=Ticket.State.HANDED_OVER)
    moved = moved_by(done.exclude(hand_over_transfer_id__isnull=True).values_list("hand_over_transfer_id", flat=True))
    return [
        Check("minted", minted, credited["points"] + corrected),
        *([Check("opening", opened, booked)] if opened or booked else []),
        Check("outstanding", free, closing),
        Check("handed_over", moved, done.aggregate(points=Sum("points", default=0))["points"]),
    ]
