"""What the desk reads, always within one region and by one person's rights."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat
from django.http import Http404
from django.utils import timezone

from marketplace.desk.scope import Scope
from marketplace.funds.models import Batch
from marketplace.funds.models.base import Decision
from marketplace.partner.models import StockRecord
from marketplace.rewards.models import OpeningCount, StockMovement, StockTransfer, Ticket, TicketReturn, WriteOff
from marketplace.rewards.selectors import stock_of
from marketplace.rewards.selectors.write_offs import write_offs_in
from timebank.common import figures
from timebank.common.input import clean_text, digits, fold
from timebank.ledger import selectors as ledger_read
from timebank.registry import rules
from timebank.registry.models import Region, Resident
from timebank.registry.rules import AUDIT, REGISTER_RESIDENT, VIEW_VILLAGE
from timebank.registry.selectors import residents_for, with_cards
from timebank.service import selectors as service
from timebank.service.models import Activity, NoticeList, Objection, Record
from timebank.service.rules import UNDO_WITHIN, VERIFY_RECORD

State = Record.State
#: What waits for somebody; the closed ones are many, and nobody counts them here.
OPEN_STATES = (State.SUBMITTED, State.VERIFIED, State.PUBLISHED, State.DISPUTED)
LOOKS_BACK = dt.timedelta(days=366)
USE_SOON = dt.timedelta(days=30)
LOW_STOCK = 3  # as few of a thing on the shelf, and somebody should think of more


def waiting_for_me(user: Any) -> int:
    """Count the records that this person may verify."""
    return service.verify_queue(user).order_by().count()


def verify_queue(user: Any, scope: Scope) -> QuerySet[Record]:
    """Select what this person may verify in the scope."""
    return service.verify_queue(user).filter(scope.below())


def waiting_for_others(user: Any, scope: Scope) -> int:
    """Count the records of the scope that wait for a verifier who is not this person: entered by them, of their kin."""
    submitted = Record.objects.filter(scope.below(), state=State.SUBMITTED)
    return submitted.exclude(pk__in=verify_queue(user, scope).order_by().values("pk")).count()


def searched(records: QuerySet[Record], text: str) -> QuerySet[Record]:
    """Narrow records to a person's name or number, or to what was done."""
    if not text:
        return records
    where = Q(title__icontains=text) | Q(resident__volunteer_number=digits(text) or None)
    if key := fold(text):
        where |= Q(resident__name_key__contains=key)
    return records.filter(where)


def history(scope: Scope) -> QuerySet[Record]:
    """Select what was verified within the last year and has gone on since, the latest first."""
    since = timezone.localdate() - LOOKS_BACK
    gone_on = (State.PUBLISHED, State.DISPUTED, State.CREDITED, State.REVERSED)
    return (
        Record.objects.filter(scope.below(), state__in=gone_on, served_on__gte=since)
        .select_related("resident", "activity", "village", "verified_by")
        .order_by("-served_on", "-pk")
    )


def verified(scope: Scope) -> QuerySet[Record]:
    """Select what is verified and waits for the next notice list."""
    return (
        Record.objects.filter(scope.below(), state=State.VERIFIED)
        .select_related("resident", "activity", "village", "verified_by")
        .order_by("village__path", "served_on", "pk")
    )


def verified_lately(user: Any, scope: Scope, now: dt.datetime | None = None) -> list[dict[str, Any]]:
    """List what this person verified in one go and may still take back: when, until when, how many, minutes."""
    since = (now or timezone.now()) - UNDO_WITHIN
    rows = (
        Record.objects.filter(scope.below(), state=State.VERIFIED, verified_by=user, verified_at__gt=since)
        .values("verified_at")
        .annotate(first=Min("pk"), count=Count("pk"), minutes=Sum("minutes"))
        .order_by("-verified_at")
    )
    return [{**row, "until": row["verified_at"] + UNDO_WITHIN} for row in rows[:20] if row["verified_at"]]


def returned(scope: Scope) -> QuerySet[Record]:
    """Select what was returned and is not sent again yet, latest first, with the last reason as ``last_why``."""
    from timebank.service.models import RecordChange

    last = RecordChange.objects.filter(record=OuterRef("pk"), to_state=State.RETURNED).order_by("-pk")
    return (
        Record.objects.filter(scope.below(), state=State.RETURNED)
        .annotate(last_reason=Subquery(last.values("reason")[:1]), last_at=Subquery(last.values("occurred_at")[:1]))
        .select_related("resident", "activity", "village")
        .order_by("-last_at", "-pk")
    )


def record_for(user: Any, pk: int) -> Record:
    """Return a record where this person may verify; 404 elsewhere."""
    record = (
        Record.objects.select_related(
            "resident__household",
            "village",
            "activity__team",
            "attendance__checked_in_by",
            "attendance__checked_out_by",
        )
        .select_related("entered_by", "verified_by")
        .filter(pk=pk)
        .first()
    )
    if record is None or not rules.can(user, VERIFY_RECORD, record.village):
        raise Http404
    return record


def villages_to_publish(scope: Scope) -> list[tuple[Region, int, int]]:
    """List the villages with verified records: how many, how many minutes."""
    rows = (
        Record.objects.filter(scope.below(), state=State.VERIFIED)
        .values("village")
        .annotate(count=Count("pk"), minutes=Sum("minutes"))
        .order_by("village__path")
    )
    result = list(rows)
    villages = Region.objects.in_bulk([row["village"] for row in result])
    return [(villages[row["village"]], row["count"], row["minutes"]) for row in result]


def notice_lists(scope: Scope) -> QuerySet[NoticeList]:
    """Select the published lists, newest first, with what each still holds and how many objections are open."""
    public = Record.objects.filter(
        notice_list=OuterRef("pk"), state__in=(State.PUBLISHED, State.DISPUTED, State.CREDITED)
    )
    doubts = Objection.objects.filter(record__notice_list=OuterRef("pk"), state=Objection.State.OPEN)
    return (
        NoticeList.objects.filter(scope.below())
        .annotate(
            count=_each(public, "notice_list", Count("pk")),
            minutes=_each(public, "notice_list", Sum("minutes")),
            doubts=_each(doubts, "record__notice_list", Count("pk")),
        )
        .select_related("village", "published_by")
        .order_by("-published_at", "-pk")
    )


def _each(rows: QuerySet[Any], group: str, figure: Any) -> Coalesce:
    """Work a figure out for each row that is shown, and only for those: a join would count before it turns pages."""
    counted = rows.order_by().values(group).annotate(n=figure).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def objections(scope: Scope, *, is_open: bool) -> QuerySet[Objection]:
    """Select objections: open ones by when their answer is due, answered ones latest first."""
    objections = Objection.objects.filter(scope.below("record__village")).select_related(
        "record__resident", "record__village", "resident", "answered_by"
    )
    if is_open:
        return objections.filter(state=Objection.State.OPEN).order_by("due_on", "pk")
    return objections.exclude(state=Objection.State.OPEN).order_by("-answered_at", "-pk")


def activities(scope: Scope, *, past: bool, now: dt.datetime | None = None) -> QuerySet[Activity]:
    """Select activities with how many records came of them and how many minutes."""
    now = now or timezone.now()
    counted = Record.objects.filter(activity=OuterRef("pk"), state__in=Record.COUNTED)
    activities = (
        Activity.objects.filter(scope.below())
        .annotate(
            made=_each(counted, "activity", Count("pk")),
            minutes=_each(counted, "activity", Sum("minutes")),
        )
        .select_related("team", "village")
    )
    if past:
        return activities.filter(ends_at__lte=now).order_by("-starts_at", "-pk")
    return activities.filter(ends_at__gt=now).order_by("starts_at", "pk")


def residents(user: Any, scope: Scope, *, text: str = "", status: str = "") -> QuerySet[Resident]:
    """Select residents with their active cards."""
    residents = residents_for(user, text=text, status=status).filter(scope.below())
    return with_cards(residents)


def resident_for(user: Any, pk: int) -> Resident:
    """Return a resident to the desk of their village or its auditor; 404 to everybody else."""
    resident = Resident.objects.select_related("village", "household", "user").filter(pk=pk).first()
    if resident is None or not any(rules.can(user, action, resident.village) for action in (REGISTER_RESIDENT, AUDIT)):
        raise Http404
    return resident


def stock(scope: Scope, *, text: str = "") -> QuerySet[StockRecord]:
    """Select the goods on the shelves of the scope, scarcest first; by name in either language, or by barcode."""
    stock = stock_of(scope.region)
    if text := clean_text(text):
        named = Q(product__title__icontains=text) | Q(product__title_en__icontains=text)
        stock = stock.filter(named | Q(product__upc=digits(text) or None))
    return stock


def is_low() -> Q:
    """Select, of ``stock``, what has no more left than its own threshold says, or the usual one."""
    return Q(free__lte=Coalesce(F("low_stock_threshold"), LOW_STOCK))


def use_soon(scope: Scope) -> QuerySet[Batch]:
    """Select what lies on the shelves and must be used within a month, or is past its day; soonest first."""
    until = timezone.localdate() + USE_SOON
    batches = Batch.objects.filter(
        scope.below("stockrecord__partner__village"), units_left__gt=0, use_by__isnull=False, use_by__lte=until
    )
    return batches.select_related("stockrecord__product", "stockrecord__partner__village").order_by("use_by", "pk")


def usual_receipt(stockrecord: StockRecord) -> int:
    """Return the most that ever came of this at once; 0 when nothing has."""
    receipts = stockrecord.movements.filter(kind=StockMovement.Kind.RECEIPT)
    return int(receipts.aggregate(most=Max("quantity", default=0))["most"])


def stock_item_for(user: Any, pk: int) -> StockRecord:
    """Return a stock record to whoever may look into its village; 404 to everybody else."""
    record = (
        StockRecord.objects.select_related("partner__village", "partner__organisation", "product__product_class")
        .prefetch_related("product__images")
        .filter(pk=pk, product__product_class__track_stock=True)
        .first()
    )
    if record is None or not rules.can(user, VIEW_VILLAGE, record.partner.village):
        raise Http404
    return record


LONG_ON_THE_WAY = dt.timedelta(days=7)  # between villages of one town; longer, and something is wrong


def transfers_of(region: Region) -> QuerySet[StockTransfer]:
    """Select what goes to and from the suppliers of a place and below: what is on its way first, then the latest."""
    path = region.path
    ours = Q(target__village__path__startswith=path) | Q(stockrecord__partner__village__path__startswith=path)
    rows = StockTransfer.objects.filter(ours).select_related(
        "stockrecord__product__product_class", "stockrecord__partner__village", "target__village", "sent_by"
    )
    on_its_way = Case(When(state=StockTransfer.State.SENT, then=0), default=1)
    return rows.order_by(on_its_way, "-sent_at", "-pk")


def long_on_the_way(region: Region, now: dt.datetime) -> QuerySet[StockTransfer]:
    """Select what goes to and from a place and nobody has counted for ``LONG_ON_THE_WAY``, the oldest first."""
    late = transfers_of(region).filter(state=StockTransfer.State.SENT, sent_at__lt=now - LONG_ON_THE_WAY)
    return late.order_by("sent_at", "pk")


def came_to(region: Region, now: dt.datetime) -> QuerySet[StockTransfer]:
    """Select what other villages send here: on its way, and what arrived or was taken back in the last two weeks."""
    lately = Q(state=StockTransfer.State.SENT) | Q(closed_at__gt=now - dt.timedelta(days=14))
    return transfers_of(region).filter(lately, target__village=region)


def coming_to(region: Region) -> int:
    """Count the sendings that wait to be counted in a place."""
    return StockTransfer.objects.filter(target__village=region, state=StockTransfer.State.SENT).count()


def counts_to_confirm(user: Any, region: Region) -> QuerySet[OpeningCount]:
    """Select the first counts that wait for a second person in a place, who is not the one who counted."""
    waiting = OpeningCount.objects.filter(partner__village=region, state=Decision.PREPARED)
    return waiting.exclude(prepared_by=user)


def write_offs_to_decide(user: Any, scope: Scope) -> QuerySet[WriteOff]:
    """Select the write-offs that wait for a second person here, who is not the one who asked."""
    waiting = write_offs_in(scope.region).filter(state=WriteOff.State.PREPARED)
    return waiting.exclude(prepared_by=user)


def returns_to_decide(user: Any, scope: Scope) -> QuerySet[TicketReturn]:
    """Select the returns that wait for a second person here, who is not the one who asked."""
    waiting = TicketReturn.objects.filter(scope.below("ticket__partner__village"), state=TicketReturn.State.PREPARED)
    return waiting.exclude(prepared_by=user)


def ticket_to_return(user: Any, pk: int) -> Ticket:
    """Return a ticket that was handed over once, to the desk of its supplier's village; 404 to everybody else."""
    ticket = (
        Ticket.objects.select_related("partner__village", "product", "resident__village", "redemption")
        .select_related("handed_over_by")
        .filter(pk=pk, hand_overs__gt=0)
        .first()
    )
    if ticket is None or not rules.can(user, VIEW_VILLAGE, ticket.partner.village):
        raise Http404
    return ticket


def tickets(scope: Scope, *, which: str, text: str = "", day: dt.date | None = None) -> QuerySet[Ticket]:
    """Select tickets of the scope's suppliers: handed over ``today``, ``waiting``, or ``ending`` within three days;
    handed over at any time (``done``); brought back, or asked to be (``returns``). ``text``: of whom.
    """
    tickets = Ticket.objects.filter(scope.below("partner__village")).select_related(
        "partner", "product", "resident__village", "handed_over_by"
    )
    if text := clean_text(text):
        tickets = tickets.filter(resident__name__icontains=text)
    if which == "done":
        return tickets.filter(state=Ticket.State.HANDED_OVER).order_by("-handed_over_at", "-pk")
    if which == "returns":
        came_back = (TicketReturn.State.PREPARED, TicketReturn.State.APPROVED)
        asked = TicketReturn.objects.filter(ticket=OuterRef("pk"), state__in=came_back).order_by("-pk")
        tickets = tickets.annotate(asked_at=Subquery(asked.values("prepared_at")[:1]))
        # What waits first, then what came back, the latest on top.
        return tickets.filter(asked_at__isnull=False).order_by("state", "-asked_at", "-pk")
    today = day or timezone.localdate()
    if which == "today":
        start = timezone.make_aware(dt.datetime.combine(today, dt.time.min))
        tickets = tickets.filter(handed_over_at__gte=start, handed_over_at__lt=start + dt.timedelta(days=1))
        return tickets.order_by("-handed_over_at", "-pk")
    tickets = tickets.filter(state=Ticket.State.ISSUED)
    if which == "ending":
        tickets = tickets.filter(valid_until__lte=today + dt.timedelta(days=3))
    return tickets.order_by("valid_until", "pk")


def outstanding(scope: Scope) -> figures.Kept:
    """Return the points (1/100) in all wallets of the scope, held ones included: above a village as last kept."""
    if scope.is_village:
        return figures.Kept(_outstanding_below(scope.region.path), timezone.now())
    return figures.read(OUTSTANDING, scope.region.path)


def _outstanding_below(path: str) -> int:
    return sum(ledger_read.totals_of(_wallets_below(path)))


OUTSTANDING = figures.Figure("points outstanding", _outstanding_below)


def active_residents(scope: Scope) -> figures.Kept:
    """Return how many active residents each village of the scope has, by its path: above a village as last kept."""
    if scope.is_village:
        return figures.Kept(_active_below(scope.region.path), timezone.now())
    return figures.read(RESIDENTS, scope.region.path)


def _active_below(path: str) -> dict[str, int]:
    active = Resident.objects.filter(village__path__startswith=path, status=Resident.Status.ACTIVE)
    return dict(active.order_by().values_list("village__path").annotate(n=Count("pk")))


RESIDENTS = figures.Figure("residents", _active_below)


def wallets(scope: Scope) -> QuerySet[Resident, str]:
    """Select the ledger keys of the residents' wallets; they stay in the database."""
    return _wallets_below(scope.region.path)


def _wallets_below(path: str) -> QuerySet[Resident, str]:
    key = Concat(Value("wallet:resident:"), Cast("pk", CharField()))
    return Resident.objects.filter(village__path__startswith=path).values_list(key, flat=True)


@dataclass(frozen=True)
class VillageRow:
    """One place in the overview of those above it."""

    region: Region
    residents: int
    submitted: int
    verified: int
    published: int
    doubts: int
    last_notice: dt.datetime | None


def overview(scope: Scope) -> list[VillageRow]:
    """List the villages of a town, or the towns of a county or city, with what waits in each.

    Four statements, however many places.
    """
    level = Region.Level.VILLAGE if scope.region.level == Region.Level.TOWN else Region.Level.TOWN
    places = list(
        Region.objects.filter(path__startswith=scope.region.path, level=level, is_active=True).order_by("path")
    )
    length = len(places[0].path) if places else 0
    people: Counter[str] = Counter()
    for path, count in active_residents(scope).value.items():
        people[path[:length]] += count
    states: Counter[tuple[str, str]] = Counter()
    for path, state, count in (
        Record.objects.filter(scope.below(), state__in=OPEN_STATES)
        .order_by()
        .values_list("village__path", "state")
        .annotate(n=Count("pk"))
    ):
        states[path[:length], state] += count
    last: dict[str, dt.datetime] = {}
    for path, published in (
        NoticeList.objects.filter(scope.below())
        .order_by()
        .values_list("village__path")
        .annotate(last=Max("published_at"))
    ):
        last[path[:length]] = max(published, last.get(path[:length], published))
    rows = [
        VillageRow(
            region=place,
            residents=people[place.path],
            submitted=states[place.path, State.SUBMITTED],
            verified=states[place.path, State.VERIFIED],
            published=states[place.path, State.PUBLISHED],
            doubts=states[place.path, State.DISPUTED],
            last_notice=last.get(place.path),
        )
        for place in places
    ]
    # Places where something happens first; the many quiet ones after them.
    return sorted(rows, key=lambda row: (-(row.doubts > 0), -(row.submitted + row.verified), -row.residents))
