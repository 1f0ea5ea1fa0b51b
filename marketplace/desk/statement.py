"""The village's statement: from the ledger, month by month, and checked against what the other apps say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from marketplace.desk.scope import Scope
from marketplace.desk.selectors import wallets
from marketplace.rewards.models import Ticket
from timebank.common import figures
from timebank.ledger import selectors as ledger_read
from timebank.ledger.describing import describe, reference_of
from timebank.ledger.models import Account, Posting, Transfer
from timebank.ledger.selectors.flows import flows_of, moved_by
from timebank.registry.models import Region, Resident
from timebank.service.models import PointCorrection, Record
from timebank.villages.models import Opening, OpeningLine
from timebank.villages.services.opening import account_key

MINT, REDEEM, REFUND, EXPIRE, REVERSE = "mint", "redeem", "refund", "expire", "reverse"
PART = 500  # lines of a file at a time
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


@dataclass(frozen=True)
class BehindFigure:
    """What a month's figure is made of: ``rows`` to turn pages of, ``lines`` of one page, ``points`` of all."""

    rows: QuerySet[Any, Any]
    lines: Callable[[Iterable[Any]], list[Detail]]
    points: Callable[[], int]

    def all_lines(self) -> Iterator[Detail]:
        """Give every line, some hundred at a time."""
        rows = self.rows.iterator(chunk_size=PART)
        while part := list(islice(rows, PART)):
            yield from self.lines(part)


def behind_figure(scope: Scope, month: dt.date, which: str) -> BehindFigure:
    """Select what is behind a figure of a month: one of ``KINDS``, "other" or "handed_over"."""
    if which == "handed_over":
        tickets = tickets_in(scope, month)
        return BehindFigure(tickets, hand_overs, lambda: tickets.aggregate(n=Sum("points", default=0))["n"])
    return BehindFigure(
        transfers_in(scope, month, which),
        lambda transfers: lines_of(scope, transfers),
        lambda: points_in(scope, month, which),
    )


def transfers_in(scope: Scope, month: dt.date, which: str) -> QuerySet[Transfer, int]:
    """Select the ids of the transfers behind a month's figure, by day: to turn pages of, and to count."""
    accounts = Account.objects.filter(key__in=wallets(scope)).values("pk")
    touched = Posting.objects.filter(Q(debit_id__in=accounts) | Q(credit_id__in=accounts), transfer=OuterRef("pk"))
    following = (month + dt.timedelta(days=32)).replace(day=1)
    transfers = Transfer.objects.filter(effective_on__gte=month, effective_on__lt=following).filter(Exists(touched))
    if which in KINDS:
        transfers = transfers.filter(kind__in=KINDS[which])
    else:
        transfers = transfers.exclude(kind__in=[kind for kinds in KINDS.values() for kind in kinds])
    return transfers.order_by("effective_on", "pk").values_list("pk", flat=True)


def points_in(scope: Scope, month: dt.date, which: str) -> int:
    """Add up, as the wallets saw it (1/100, signed), what ``transfers_in`` selects."""
    accounts = Account.objects.filter(key__in=wallets(scope)).values("pk")
    rows = Posting.objects.filter(transfer__in=transfers_in(scope, month, which).order_by())
    into = rows.filter(credit_id__in=accounts).aggregate(total=Sum("amount", default=0))["total"]
    return int(into - rows.filter(debit_id__in=accounts).aggregate(total=Sum("amount", default=0))["total"])


def lines_of(scope: Scope, transfers: Iterable[int]) -> list[Detail]:
    """List what transfers (a page of ``transfers_in``) did to the wallets here, with the words of the other apps."""
    rows = list(
        Posting.objects.filter(transfer__in=list(transfers))
        .annotate(
            kind=F("transfer__kind"),
            on=F("transfer__effective_on"),
            source=F("transfer__source"),
            memo=F("transfer__memo"),
        )
        .order_by("transfer__effective_on", "pk")
    )
    accounts = _wallets_among(scope, rows)
    described = describe(rows)
    summed: dict[tuple[int, int], Detail] = {}
    for row in rows:
        for account, sign in ((row.credit_id, 1), (row.debit_id, -1)):
            person = accounts.get(account)
            if person is None:
                continue
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


def _wallets_among(scope: Scope, rows: Iterable[Any]) -> dict[int, Resident]:
    """Find whose wallets, of the residents here, the postings touch: by account id."""
    touched = Account.objects.filter(pk__in={id_ for row in rows for id_ in (row.credit_id, row.debit_id)})
    keys = {key: pk for pk, key in touched.values_list("pk", "key")}
    people = {key.rpartition(":")[2]: pk for key, pk in keys.items() if key.startswith("wallet:resident:")}
    residents = Resident.objects.filter(scope.below(), pk__in=people).only("pk", "name")
    return {people[str(resident.pk)]: resident for resident in residents}


def tickets_in(scope: Scope, month: dt.date) -> QuerySet[Ticket]:
    """Select the tickets handed over in a month."""
    start = timezone.make_aware(dt.datetime.combine(month, dt.time.min))
    end = timezone.make_aware(dt.datetime.combine((month + dt.timedelta(days=32)).replace(day=1), dt.time.min))
    return (
        Ticket.objects.filter(
            scope.below("redemption__village"),
            state=Ticket.State.HANDED_OVER,
            handed_over_at__gte=start,
            handed_over_at__lt=end,
        )
        .select_related("product", "resident", "partner")
        .order_by("handed_over_at", "pk")
    )


def hand_overs(tickets: Iterable[Ticket]) -> list[Detail]:
    """List tickets (a page of ``tickets_in``) as lines."""
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
