"""How far a fund covers the points outstanding: three statements, whatever the size of the village."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.funds.models import Commitment, CoverageSnapshot, Fund, Purpose
from marketplace.funds.types import Figures
from timebank.ledger.models import Lot
from timebank.ledger.selectors.balances import LOT_REMAINING, SYSTEM_BALANCE

#: A region belongs to the nearest fund above it, or in it.
_NEARER = """EXISTS (SELECT 1 FROM funds_fund f2 JOIN registry_region g2 ON g2.id = f2.region_id
    WHERE length(g2.path) > length(g.path) AND substr(v.path, 1, length(g2.path)) = g2.path)"""
_HERE = f"substr(v.path, 1, length(g.path)) = g.path AND NOT {_NEARER}"
_RESIDENTS = """registry_resident r JOIN registry_region v ON v.id = r.village_id
    JOIN ledger_account w ON w.key = 'wallet:resident:' || r.id"""
_LIVE = f"""coalesce((SELECT sum(l.remaining) FROM {_RESIDENTS} JOIN ledger_lot l ON l.account_id = w.id
    WHERE {_HERE} AND l.remaining > 0 AND l.expires_on >= %s{{more}}), 0)"""
_HELD = f"""coalesce((SELECT sum(h.amount) FROM {_RESIDENTS} JOIN ledger_hold h ON h.wallet_id = w.id
    WHERE {_HERE} AND NOT EXISTS (SELECT 1 FROM ledger_holdresolution x WHERE x.hold_id = h.id)), 0)"""
_STOCK = """coalesce((SELECT sum(b.fen * CASE WHEN s.num_in_stock > coalesce(s.num_allocated, 0)
        THEN s.num_in_stock - coalesce(s.num_allocated, 0) ELSE 0 END / s.num_in_stock)
    FROM (SELECT stockrecord_id, CAST(sum(fen_left) AS bigint) AS fen FROM funds_batch
          WHERE fund_id = f.id AND fen_left > 0 GROUP BY stockrecord_id) b
    JOIN partner_stockrecord s ON s.id = b.stockrecord_id WHERE s.num_in_stock > 0), 0)"""
_PRICE = """(SELECT p.fen FROM funds_agreedprice p WHERE p.stockrecord_id = i.stockrecord_id AND p.state = 'approved'
    AND p.valid_from <= %s AND coalesce(p.valid_until, '9999-12-31') >= %s ORDER BY p.valid_from DESC LIMIT 1)"""
_GIFTS = f"""coalesce((SELECT sum((i.units - i.promised - i.delivered) * {_PRICE}) FROM funds_servicegift i
    WHERE i.fund_id = f.id AND coalesce(i.valid_until, '9999-12-31') >= %s), 0)"""
_COMMITTED = """coalesce((SELECT sum(c.fen) FROM funds_commitment c
    WHERE c.fund_id = f.id AND c.state = 'open' AND c.kind = 'cash'), 0)"""
_SQL = f"""SELECT {LOT_REMAINING}, {SYSTEM_BALANCE}, {_STOCK}, {_GIFTS}, {_COMMITTED},
    {_LIVE.format(more="")}, {_HELD}, {_LIVE.format(more=" AND l.expires_on <= %s")}
    FROM funds_fund f JOIN registry_region g ON g.id = f.region_id WHERE f.id = %s"""

EXPIRING_DAYS = 90


def figures_of(fund: Fund, *, on: dt.date | None = None) -> Figures:
    """Compute the cover of ``fund`` now: at most three statements."""
    day = (on or timezone.localdate()).isoformat()
    soon = ((on or timezone.localdate()) + dt.timedelta(days=EXPIRING_DAYS)).isoformat()
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [fund.wallet_key, "", fund.shortfall_key, day, day, day, day, day, soon, fund.pk])
        free, shortfall, stock, gifts, committed, live, held, expiring = (int(item) for item in cursor.fetchone())
    counted, earmarked = _counted(fund, on or timezone.localdate())
    return Figures(
        free=free,
        shortfall=shortfall,
        purposes=counted,
        stock=stock,
        gifts=gifts,
        commitments=committed,
        earmarked=earmarked - counted,
        points=live + held,
        expiring=expiring,
        point_value=fund.point_value_fen,
    )


def _counted(fund: Fund, day: dt.date) -> tuple[int, int]:
    """Return how much earmarked money is promised to open tickets that it may pay, and how much there is.

    Each commitment is counted once, lowest ticket first, out of the purposes in the order in which they are used. A
    purpose that pays on some weekdays only counts nothing: nobody knows the day of the hand-over.
    """
    lot = Lot.objects.filter(account__key=fund.wallet_key, restriction=OuterRef("restriction"))
    purposes: list[Any] = list(
        Purpose.objects.annotate(left=Subquery(lot.values("remaining")[:1])).filter(left__gt=0).order_by("restriction")
    )
    left: dict[int, int] = {item.pk: item.left for item in purposes}
    usable = [
        item
        for item in purposes
        if item.pays_tickets and item.state != Purpose.State.CLOSED and not item.weekdays and _open_on(item, day)
    ]
    counted = 0
    if usable:
        wide = any(not (item.products or item.partners or item.villages or item.min_age) for item in usable)
        rows = Commitment.objects.filter(fund=fund, state=Commitment.State.OPEN, kind=Commitment.Kind.CASH)
        if not wide:
            rows = rows.filter(_any_of(usable))
        for row in rows.order_by("ticket_id").only("product_id", "partner_id", "village_id", "age", "fen").iterator():
            row.on = day
            missing = row.fen
            for purpose in usable:
                if left[purpose.pk] and purpose.matches(row):
                    part = min(missing, left[purpose.pk])
                    left[purpose.pk] -= part
                    missing -= part
                    counted += part
                    if not missing:
                        break
    return counted, sum(item.left for item in purposes)


def _open_on(purpose: Purpose, day: dt.date) -> bool:
    return not (purpose.opens_on and day < purpose.opens_on) and not (purpose.closes_on and day > purpose.closes_on)


def _any_of(purposes: Sequence[Purpose]) -> Q:
    """Select what at least one of the purposes might pay."""
    result = Q()
    for purpose in purposes:
        part = Q(pk__isnull=False)
        if purpose.products:
            part &= Q(product_id__in=purpose.products)
        if purpose.partners:
            part &= Q(partner_id__in=purpose.partners)
        if purpose.villages:
            part &= Q(village_id__in=purpose.villages)
        if purpose.min_age is not None:
            part &= Q(age__gte=purpose.min_age)
        result |= part
    return result


def latest(fund: Fund) -> CoverageSnapshot | None:
    """Return the newest snapshot of a fund."""
    return CoverageSnapshot.objects.filter(fund=fund).order_by("-taken_at", "-pk").first()


def history(fund: Fund, days: int = 90) -> list[CoverageSnapshot]:
    """List one snapshot a day (its last), oldest first."""
    since = timezone.now() - dt.timedelta(days=days)
    by_day: dict[dt.date, CoverageSnapshot] = {}
    for coverage_snapshot in CoverageSnapshot.objects.filter(fund=fund, taken_at__gte=since).order_by("taken_at", "pk"):
        by_day[timezone.localdate(coverage_snapshot.taken_at)] = coverage_snapshot
    return list(by_day.values())


def purposes_with_headroom(funds: Sequence[Fund]) -> QuerySet[Purpose]:
    """Select the purposes of these funds that pay tickets, in order of use, with ``left`` and ``promised`` fen."""
    lots = (
        Lot.objects.filter(account__key__in=[fund.wallet_key for fund in funds], restriction=OuterRef("restriction"))
        .order_by()
        .values("restriction")
        .annotate(total=Sum("remaining"))
        .values("total")
    )
    promised = (
        Commitment.objects.filter(purpose=OuterRef("pk"), state=Commitment.State.OPEN)
        .order_by()
        .values("purpose")
        .annotate(total=Sum("fen"))
        .values("total")
    )
    purposes: Any = Purpose.objects.filter(fund__in=funds, pays_tickets=True).exclude(state=Purpose.State.CLOSED)
    return purposes.annotate(left=Coalesce(Subquery(lots), 0), promised=Coalesce(Subquery(promised), 0)).order_by(
        "restriction"
    )
