"""What is behind a month of the statement: its lines, page by page, and what they come to.

A village's figures are added up when they are asked for. Those of a town, a county or a city are kept (``MONTH``), one
row for each place and month that somebody opened, and renewed by the sweep: the latest months every quarter of an hour,
a month that is over when something was posted into it, and once a day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import BigIntegerField, Case, Count, Exists, F, Max, OuterRef, QuerySet, Sum, When
from django.db.models.functions import Cast, Substr
from django.utils import timezone

from marketplace.desk.scope import Scope
from marketplace.desk.selectors import wallets
from marketplace.desk.statement import KINDS
from marketplace.rewards.models import Ticket
from timebank.common import figures
from timebank.ledger.describing import describe, reference_of
from timebank.ledger.models import Account, Posting, Seal, SealMember, Transfer, Unsealed
from timebank.registry.models import Region, Resident

FIGURES = (*KINDS, "other", "handed_over")
PART = 500  # lines of a file at a time
WALLET = "wallet:resident:"
SETTLES = dt.timedelta(days=31)  # so long after its end a month's tickets are still brought back, its hours credited


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


@dataclass(frozen=True)
class BehindFigure:
    """What a month's figure is made of: ``rows`` to turn pages of, ``lines`` of one page."""

    rows: QuerySet[Any, Any]
    lines: Callable[[Iterable[Any]], list[Detail]]

    def all_lines(self) -> Iterator[Detail]:
        """Give every line, some hundred at a time."""
        rows = self.rows.iterator(chunk_size=PART)
        while part := list(islice(rows, PART)):
            yield from self.lines(part)


def behind_figure(scope: Scope, month: dt.date, which: str) -> BehindFigure:
    """Select what is behind a figure of a month: one of ``KINDS``, "other" or "handed_over"."""
    if which == "handed_over":
        return BehindFigure(tickets_in(scope, month), hand_overs)
    return BehindFigure(transfers_in(scope, month, which), lambda transfers: lines_of(scope, transfers))


def transfers_in(scope: Scope, month: dt.date, which: str) -> QuerySet[Transfer, int]:
    """Select the ids of the transfers behind a month's figure, by day: to turn pages of."""
    transfers = _touching(scope, month, _wallets(scope))
    if which in KINDS:
        transfers = transfers.filter(kind__in=KINDS[which])
    else:
        transfers = transfers.exclude(kind__in=[kind for kinds in KINDS.values() for kind in kinds])
    return transfers.order_by("effective_on", "pk").values_list("pk", flat=True)


def _touching(scope: Scope, month: dt.date, ids: Any) -> QuerySet[Transfer]:
    """Select a month's transfers that touched a wallet here: a village's few wallets first, else day after day.

    Above a village a page reads the days in their order and looks whose wallet each transfer touched, until it is full.
    """
    transfers = Transfer.objects.filter(effective_on__gte=month, effective_on__lt=_following(month))
    if scope.is_village:
        touched = Posting.objects.filter(credit_id__in=ids).values("transfer")
        return transfers.filter(pk__in=touched.union(Posting.objects.filter(debit_id__in=ids).values("transfer")))
    people = Resident.objects.filter(scope.below()).values("pk")
    whose = Case(When(key__startswith=WALLET, then=Cast(Substr("key", len(WALLET) + 1), BigIntegerField())))

    def lives_here(side: str) -> Exists:
        return Exists(Account.objects.filter(pk=OuterRef(side)).annotate(whose=whose).filter(whose__in=people))

    touched = Posting.objects.filter(lives_here("credit_id") | lives_here("debit_id"), transfer=OuterRef("pk"))
    return transfers.filter(Exists(touched))


def _wallets(scope: Scope) -> Any:
    """Return the ids of the wallets here that points ever came to or went from: a village's listed, else selected."""
    ids = Account.objects.filter(key__in=wallets(scope), version__gt=0).values_list("pk", flat=True)
    return list(ids) if scope.is_village else ids


def _following(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class Sums:
    """By figure of a month: how many transfers or tickets, how many points; ``computed_at`` when they were kept."""

    counts: dict[str, int]
    points: dict[str, int]
    computed_at: dt.datetime | None = None


def sums_of(scope: Scope, month: dt.date) -> Sums:
    """Return what a month's figures come to: a village's added up now, that of a town or above as last kept."""
    if scope.is_village:
        return _sums(_add_up(scope, month))
    kept = figures.read(MONTH, f"{scope.region.path} {month:%Y-%m}")
    return _sums(kept.value, kept.computed_at)


def _sums(value: dict[str, Any], computed_at: dt.datetime | None = None) -> Sums:
    counts, points = ({name: value[name][place] for name in FIGURES} for place in (0, 1))
    return Sums(counts, points, computed_at)


def _add_up(scope: Scope, month: dt.date) -> dict[str, list[int]]:
    """Add a month up: five statements, however many wallets; points (1/100) signed as the wallets saw them."""
    sums = {name: [0, 0] for name in FIGURES}
    figure_of = {kind: name for name, kinds in KINDS.items() for kind in kinds}
    ids = _wallets(scope)
    counted = _touching(scope, month, ids).order_by().values_list("kind").annotate(n=Count("pk"))
    for kind, count in counted:
        sums[figure_of.get(kind, "other")][0] += count
    rows = Posting.objects.filter(transfer__effective_on__gte=month, transfer__effective_on__lt=_following(month))
    for side, sign in (("credit_id__in", 1), ("debit_id__in", -1)):
        moved = rows.filter(**{side: ids}).order_by().values_list("transfer__kind").annotate(n=Sum("amount"))
        for kind, points in moved:
            sums[figure_of.get(kind, "other")][1] += sign * int(points)
    handed = tickets_in(scope, month).order_by().aggregate(count=Count("pk"), points=Sum("points", default=0))
    sums["handed_over"] = [handed["count"], int(handed["points"])]
    return sums


def _keep(place: str) -> dict[str, Any]:
    path, month = _read(place)
    seal = Seal.objects.aggregate(last=Max("number", default=0))["last"]  # read first: what comes meanwhile is after it
    return {**_add_up(Scope(Region.objects.get(path=path)), month), "seal": seal}


def _read(place: str) -> tuple[str, dt.date]:
    path, _space, month = place.partition(" ")
    return path, dt.date.fromisoformat(f"{month}-01")


def _still_true(place: str, kept: figures.Kept, now: dt.datetime) -> bool:
    """Say whether a month that is long over can be left: nothing was posted into it since, and it is a day old at most.

    What is not sealed yet, or was sealed since, is new; a late commit cannot hide from that. Who moves, and a ticket of
    old that is brought back, come with the day.
    """
    _path, month = _read(place)
    if month > (timezone.localdate(now) - SETTLES).replace(day=1) or now - kept.computed_at >= dt.timedelta(days=1):
        return False
    late = Transfer.objects.filter(effective_on__gte=month, effective_on__lt=_following(month))
    since = SealMember.objects.filter(seal__gt=kept.value["seal"]).values("transfer")
    return not (late.filter(pk__in=Unsealed.objects.values("pk")).exists() or late.filter(pk__in=since).exists())


MONTH = figures.Figure("month", _keep, every=15 * figures.MINUTE, still_true=_still_true)


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
                what=(about.brief or about.title) if about else row.memo,
                minutes=about.minutes if about else None,
                points=(before.points if before else 0) + sign * row.amount,
                resident_id=person.pk,
            )
    return list(summed.values())


def _wallets_among(scope: Scope, rows: Iterable[Any]) -> dict[int, Resident]:
    """Find whose wallets, of the residents here, the postings touch: by account id."""
    touched = Account.objects.filter(pk__in={id_ for row in rows for id_ in (row.credit_id, row.debit_id)})
    keys = {key: pk for pk, key in touched.values_list("pk", "key")}
    people = {key.rpartition(":")[2]: pk for key, pk in keys.items() if key.startswith(WALLET)}
    residents = Resident.objects.filter(scope.below(), pk__in=people).only("pk", "name")
    return {people[str(resident.pk)]: resident for resident in residents}


def tickets_in(scope: Scope, month: dt.date) -> QuerySet[Ticket]:
    """Select the tickets handed over in a month."""
    start = timezone.make_aware(dt.datetime.combine(month, dt.time.min))
    end = timezone.make_aware(dt.datetime.combine(_following(month), dt.time.min))
    # The ids in a list, so that a planner knows how many tickets to expect, and reads them by their day.
    here = Region.objects.filter(path__startswith=scope.region.path).values_list("pk", flat=True)
    return (
        Ticket.objects.filter(
            redemption__village__in=[scope.region.pk] if scope.is_village else list(here),
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
