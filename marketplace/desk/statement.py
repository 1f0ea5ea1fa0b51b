"""The village's statement: from the ledger, month by month, and checked against what the other apps say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from marketplace.desk.scope import Scope
from marketplace.desk.selectors import wallets
from marketplace.rewards.models import Ticket
from timebank.ledger import selectors as ledger_read
from timebank.ledger.describing import describe, reference_of
from timebank.ledger.models import Account, Posting
from timebank.ledger.selectors.flows import flows_of, moved_by
from timebank.registry.models import Region, Resident
from timebank.service.models import PointCorrection, Record

MINT, REDEEM, REFUND, EXPIRE, REVERSE = "mint", "redeem", "refund", "expire", "reverse"
REPRICE, RESTORE = "reprice", "restore"  # the difference that a reversal makes; lapsed points set against it


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
    """All months, newest first, and the checks."""

    months: list[Month] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

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
    """Add up every month of a village (or of all below a town) from the ledger's postings."""
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


def _checks(scope: Scope, keys: list[str], closing: int) -> list[Check]:
    villages = Region.objects.filter(path__startswith=scope.region.path, level=Region.Level.VILLAGE)
    issuance = [f"issuance:region:{pk}" for pk in villages.values_list("pk", flat=True)]
    minted = -sum(balance.total for balance in ledger_read.balances_of(issuance).values())
    credited = Record.objects.filter(scope.below(), state=Record.State.CREDITED).aggregate(
        points=Sum("points", default=0)
    )
    corrected = PointCorrection.objects.filter(
        record__in=Record.objects.filter(scope.below(), state=Record.State.CREDITED).values("pk")
    ).aggregate(points=Sum("points", default=0))["points"]
    held = sum(balance.total - balance.held for balance in ledger_read.balances_of(keys).values())
    done = Ticket.objects.filter(scope.below("redemption__village"), state=Ticket.State.HANDED_OVER)
    moved = moved_by(
        done.exclude(hand_over_transfer_id__isnull=True).values_list("hand_over_transfer_id", flat=True).distinct()
    )
    return [
        Check("minted", minted, credited["points"] + corrected),
        Check("outstanding", held, closing),
        Check("handed_over", moved, done.aggregate(points=Sum("points", default=0))["points"]),
    ]


@dataclass(frozen=True)
class Detail:
    """One line behind a figure of a month; ``points`` signed, as the wallet saw it."""

    on: dt.date
    kind: str
    name: str
    what: str
    minutes: int | None
    points: int
    resident_id: int


KINDS: dict[str, tuple[str, ...]] = {
    "minted": (MINT, REVERSE, REPRICE),
    "redeemed": (REDEEM,),
    "refunded": (REFUND,),
    "expired": (EXPIRE, RESTORE),
}


def lines_of(scope: Scope, month: dt.date, which: str) -> list[Detail]:
    """List what a month's figure is made of, from the ledger, with the words of the other apps."""
    people = {
        f"wallet:resident:{resident.pk}": resident
        for resident in Resident.objects.filter(scope.below()).only("pk", "name")
    }
    accounts = dict(Account.objects.filter(key__in=list(people)).values_list("pk", "key"))
    following = (month + dt.timedelta(days=32)).replace(day=1)
    rows = (
        Posting.objects.filter(
            Q(debit_id__in=list(accounts)) | Q(credit_id__in=list(accounts)),
            transfer__effective_on__gte=month,
            transfer__effective_on__lt=following,
        )
        .annotate(
            kind=F("transfer__kind"),
            on=F("transfer__effective_on"),
            source=F("transfer__source"),
            memo=F("transfer__memo"),
        )
        .order_by("transfer__effective_on", "pk")
    )
    if which in KINDS:
        rows = rows.filter(kind__in=KINDS[which])
    else:
        rows = rows.exclude(kind__in=[kind for kinds in KINDS.values() for kind in kinds])
    result = list(rows)
    described = describe(result)
    summed: dict[tuple[int, int], Detail] = {}
    for row in result:
        for account, sign in ((row.credit_id, 1), (row.debit_id, -1)):
            if account not in accounts:
                continue
            person = people[accounts[account]]
            about = described.get(reference_of(row))
            place = (row.transfer_id, account)
            before = summed.get(place)
            summed[place] = Detail(
                on=row.on,
                kind=row.kind,
                name=person.name,
                what=about.title if about else row.memo,
                minutes=about.minutes if about else None,
                points=(before.points if before else 0) + sign * row.amount,
                resident_id=person.pk,
            )
    return list(summed.values())


def hand_overs(scope: Scope, month: dt.date) -> list[Detail]:
    """List the tickets handed over in a month."""
    start = timezone.make_aware(dt.datetime.combine(month, dt.time.min))
    end = timezone.make_aware(dt.datetime.combine((month + dt.timedelta(days=32)).replace(day=1), dt.time.min))
    tickets = (
        Ticket.objects.filter(
            scope.below("redemption__village"),
            state=Ticket.State.HANDED_OVER,
            handed_over_at__gte=start,
            handed_over_at__lt=end,
        )
        .select_related("product", "resident", "partner")
        .order_by("handed_over_at", "pk")
    )
    return [
        Detail(
            on=timezone.localtime(ticket.handed_over_at).date(),
            kind="hand_over",
            name=ticket.resident.name,
            what=f"{ticket.product.get_title()} × {ticket.quantity} · {ticket.partner.display_name}",
            minutes=None,
            points=ticket.points,
            resident_id=ticket.resident_id,
        )
        for ticket in tickets
    ]
