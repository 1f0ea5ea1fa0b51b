"""What an issued ticket will cost: which fund, which kind of cost, whose name; and whether the fund may promise it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import AgreedPrice, BasicLine, Batch, Commitment, CoverageSnapshot, Fund, ServiceGift
from marketplace.funds.selectors.coverage import purposes_with_headroom
from marketplace.funds.services.cover import take_snapshot
from marketplace.funds.types import Handed, Wanted
from timebank.registry.models import Region
from timebank.registry.models.regions import paths_up

Kind = Commitment.Kind


@dataclass(slots=True)
class Plan:
    """What is known about a redemption's cost, read once for the check and for the commitment."""

    funds: list[Any]  # nearest first, each with ``bp`` and ``taken_at`` of its newest snapshot
    prices: dict[int, int] = field(default_factory=dict)
    gifts: dict[int, list[ServiceGift]] = field(default_factory=dict)
    purposes: list[Any] = field(default_factory=list)
    donors: dict[int, str] = field(default_factory=dict)  # of goods, by stock record

    @property
    def fund(self) -> Fund:
        """The fund that pays: the village's, else the nearest above."""
        return self.funds[0]

    def kind(self, stockrecord_id: int, *, is_stocked: bool) -> str:
        """Say out of what a line is paid. Goods with an agreed price are the supplier's own: they cost money."""
        price = self.prices.get(stockrecord_id)
        if price:
            return Kind.CASH
        if is_stocked:
            return Kind.STOCK
        return Kind.UNPRICED if price is None else Kind.OWN

    def purposes_for(self, thing: Any) -> list[Any]:
        """List the purposes that may pay for ``thing``, in their order of use."""
        return [purpose for purpose in self.purposes if purpose.matches(thing)]


def price_on(day: dt.date) -> Q:
    """Select the approved prices of a day."""
    until = Q(valid_until__isnull=True) | Q(valid_until__gte=day)
    return Q(state="approved", valid_from__lte=day) & until


def plan_for(*, village: Region, wanted: Sequence[Wanted], on: dt.date) -> Plan | None:
    """Read what a redemption costs whom: one statement where no fund stands, at most five else."""
    newest = CoverageSnapshot.objects.filter(fund=OuterRef("pk")).order_by("-taken_at", "-pk")
    funds = list(
        Fund.objects.filter(region__path__in=paths_up(village.path))
        .select_related("region")
        .annotate(bp=Subquery(newest.values("bp")[:1]), taken_at=Subquery(newest.values("taken_at")[:1]))
        .order_by("-region__depth")
    )
    if not funds:
        return None
    plan = Plan(funds)
    records = [item.stockrecord_id for item in wanted]
    plan.prices = dict(
        AgreedPrice.objects.filter(price_on(on), stockrecord_id__in=records).values_list("stockrecord_id", "fen")
    )
    services = [item.stockrecord_id for item in wanted if not item.is_stocked]
    if services:
        until = Q(valid_until__isnull=True) | Q(valid_until__gte=on)
        left = ServiceGift.objects.filter(until, units__gt=F("promised") + F("delivered"))
        for gift in left.filter(stockrecord_id__in=services, fund__in=funds).order_by("valid_until", "pk"):
            plan.gifts.setdefault(gift.stockrecord_id, []).append(gift)
    if plan.prices:
        plan.purposes = list(purposes_with_headroom(funds).select_related("fund"))
    goods = [item.stockrecord_id for item in wanted if item.is_stocked and not plan.prices.get(item.stockrecord_id)]
    if goods:
        batches = Batch.objects.filter(stockrecord_id__in=goods, units_left__gt=0)
        for record, donor in reversed(batches.order_by(*BATCH_ORDER).values_list("stockrecord_id", "donor")):
            plan.donors[record] = donor
    return plan


#: Goods leave the shelf by their last day, then by age.
BATCH_ORDER = (F("use_by").asc(nulls_last=True), "pk")


def check_cover(
    *, village: Region, age: int | None, wanted: Sequence[Wanted], on: dt.date, now: dt.datetime | None = None
) -> Plan | None:
    """Refuse lines that draw money while the fund covers less than its floor. Raises ``FundNotCovered``.

    Goods on the shelf, given services, what is free for all and what a purpose pays stay open. A region without a fund
    has no floor. The answer is handed to ``commit``.
    """
    plan = plan_for(village=village, wanted=wanted, on=on)
    if plan is None:
        return None
    cash = [item for item in wanted if plan.kind(item.stockrecord_id, is_stocked=item.is_stocked) == Kind.CASH]
    if cash and _below_floor(plan, now or timezone.now()):
        refused = _unpaid(plan, cash, village=village, age=age, on=on)
        rights = BasicLine.objects.filter(BasicLine.in_force(on), product_id__in=[item.product_id for item in refused])
        basic = set(rights.values_list("product_id", flat=True)) if refused else set()
        refused = [item for item in refused if item.product_id not in basic]
        if refused:
            raise errors.FundNotCovered(
                fund=plan.fund.pk, stockrecords=[item.stockrecord_id for item in refused], bp=plan.fund.bp
            )
    return plan


def _below_floor(plan: Plan, now: dt.datetime) -> bool:
    fund: Any = plan.fund
    if fund.taken_at is None or fund.taken_at < now - rules.SNAPSHOT_AGE:
        fund.bp = take_snapshot(fund=fund, now=now).bp  # nobody is refused because a job stood still
    return fund.bp is not None and fund.bp < fund.floor_bp


def _unpaid(plan: Plan, cash: Sequence[Wanted], *, village: Region, age: int | None, on: dt.date) -> list[Wanted]:
    """List the lines for which neither gifts nor purposes with money left are enough."""
    headroom = {row.pk: row.left - row.promised for row in plan.purposes}
    refused = []
    for line in cash:
        given = sum(gift.left for gift in plan.gifts.get(line.stockrecord_id, ()))
        missing = max(line.quantity - given, 0) * plan.prices[line.stockrecord_id]
        thing = Handed(0, 1, line.stockrecord_id, line.partner_id, line.product_id, village.pk, age, line.quantity, on)
        for purpose in plan.purposes_for(thing):
            part = min(missing, max(headroom[purpose.pk], 0))
            headroom[purpose.pk] -= part
            missing -= part
        if missing:
            refused.append(line)
    return refused


@transaction.atomic
def commit(
    *, tickets: Sequence[Handed], stocked: Sequence[bool], plan: Plan | None, now: dt.datetime | None = None
) -> list[Commitment]:
    """Write what the issued ``tickets`` will cost; ``plan`` is what ``check_cover`` answered in this transaction."""
    if plan is None or not tickets:
        return []
    taken = _reserve(plan, tickets, stocked)
    headroom = {purpose.pk: purpose.left - purpose.promised for purpose in plan.purposes}
    rows = [
        _commitment(plan, ticket, is_stocked, taken, headroom, now or timezone.now())
        for ticket, is_stocked in zip(tickets, stocked, strict=True)
    ]
    return Commitment.objects.bulk_create(rows)


def _reserve(plan: Plan, tickets: Sequence[Handed], stocked: Sequence[bool]) -> dict[int, ServiceGift]:
    """Promise given units to tickets, gift by gift, by conditional updates; what somebody else got is paid in money."""
    assigned: dict[int, ServiceGift] = {}
    for gifts in plan.gifts.values():
        for gift in gifts:
            mine: list[Handed] = []
            units = gift.left
            for ticket, is_stocked in zip(tickets, stocked, strict=True):
                open_to = ticket.stockrecord_id == gift.stockrecord_id and not is_stocked
                if open_to and ticket.ticket_id not in assigned and ticket.quantity <= units:
                    mine.append(ticket)
                    units -= ticket.quantity
            count = sum(item.quantity for item in mine)
            guard = Q(pk=gift.pk, units__gte=F("promised") + F("delivered") + count)
            if mine and ServiceGift.objects.filter(guard).update(promised=F("promised") + count):
                assigned.update((item.ticket_id, gift) for item in mine)
    return assigned


def _commitment(
    plan: Plan,
    ticket: Handed,
    is_stocked: bool,
    taken: dict[int, ServiceGift],
    headroom: dict[int, int],
    now: dt.datetime,
) -> Commitment:
    gift = taken.get(ticket.ticket_id)
    kind = Kind.GIFT if gift else plan.kind(ticket.stockrecord_id, is_stocked=is_stocked)
    unit = plan.prices.get(ticket.stockrecord_id, 0) if kind == Kind.CASH else 0
    row = Commitment(
        ticket_id=ticket.ticket_id,
        fund=plan.fund,
        kind=kind,
        stockrecord_id=ticket.stockrecord_id,
        partner_id=ticket.partner_id,
        product_id=ticket.product_id,
        village_id=ticket.village_id,
        age=ticket.age,
        quantity=ticket.quantity,
        unit_fen=unit,
        fen=unit * ticket.quantity,
        gift=gift,
        donor=gift.donor if gift else plan.donors.get(ticket.stockrecord_id, "") if kind == Kind.STOCK else "",
        created_at=now,
    )
    if kind == Kind.CASH:
        for purpose in plan.purposes_for(ticket):
            if headroom[purpose.pk] >= row.fen:
                headroom[purpose.pk] -= row.fen
                row.purpose, row.donor = purpose, purpose.donor
                break
    return row


@transaction.atomic
def release(*, ticket_ids: Sequence[int], now: dt.datetime | None = None) -> int:
    """Let go what closed tickets were promised (cancelled, expired, returned). Returns how many; again does nothing."""
    rows = list(
        Commitment.objects.select_for_update(no_key=True)
        .filter(ticket_id__in=ticket_ids, state=Commitment.State.OPEN)
        .order_by("pk")
    )
    if not rows:
        return 0
    Commitment.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=Commitment.State.RELEASED, closed_at=now or timezone.now()
    )
    units: dict[int, int] = {}
    for row in rows:
        if row.gift_id:
            units[row.gift_id] = units.get(row.gift_id, 0) + row.quantity
    for gift, count in sorted(units.items()):
        ServiceGift.objects.filter(pk=gift).update(promised=F("promised") - count)
    return len(rows)
