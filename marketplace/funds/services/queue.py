"""Keep what somebody wanted while the fund was below its floor. Nothing is redeemed without the person's word."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import Fund, QueuedRedemption
from marketplace.funds.services.common import once
from marketplace.funds.services.cover import take_snapshot
from timebank.registry.models import Resident, User

State = QueuedRedemption.State
LIVE = (State.WAITING, State.READY)


@transaction.atomic
def keep_wanted(
    *,
    resident: Resident,
    fund: Fund,
    lines: Sequence[tuple[int, int, int]],
    cash_fen: int,
    actor: User,
    key: uuid.UUID | str,
    now: dt.datetime | None = None,
) -> QueuedRedemption:
    """Keep ``lines`` (stock record, quantity, unit points in 1/100) with their price, 14 days. No points are taken."""
    now = now or timezone.now()
    kept, __ = once(
        QueuedRedemption,
        key=key,
        resident=resident,
        fund=fund,
        lines=[list(line) for line in lines],
        points=sum(quantity * unit for _record, quantity, unit in lines),
        cash_fen=cash_fen,
        actor=actor,
        created_at=now,
        expires_on=timezone.localdate(now) + dt.timedelta(days=rules.QUEUE_DAYS),
    )
    return kept


@transaction.atomic
def close_kept(*, kept: QueuedRedemption, to: str, now: dt.datetime | None = None) -> QueuedRedemption:
    """Write down that a kept redemption was redeemed or withdrawn; again does nothing. The caller has checked who."""
    row = QueuedRedemption.objects.select_for_update(of=("self",), no_key=True).get(pk=kept.pk)
    if row.state == to:
        return row
    if row.state not in LIVE:
        raise errors.WrongState(state=row.state)
    row.state, row.closed_at = to, now or timezone.now()
    row.save(update_fields=["state", "closed_at"])
    return row


def offer_kept(*, now: dt.datetime | None = None) -> int:
    """Say "ready" to those who wait, first come first served, as far as the fund's cover above its floor reaches.

    Returns how many became ready. What is past its day lapses first.
    """
    now = now or timezone.now()
    lapse_kept(now=now)
    ready = 0
    for fund in Fund.objects.filter(queue__state=State.WAITING).distinct().select_related("region").order_by("pk"):
        with transaction.atomic():
            fund = Fund.objects.select_for_update(of=("self",), no_key=True).select_related("region").get(pk=fund.pk)
            snapshot = take_snapshot(fund=fund, now=now)
            headroom = snapshot.cover_fen - -(-snapshot.liability_fen * fund.floor_bp // 10000)
            headroom -= fund.queue.filter(state=State.READY).aggregate(total=Sum("cash_fen"))["total"] or 0
            for kept in fund.queue.filter(state=State.WAITING).order_by("created_at", "pk"):
                if snapshot.bp is not None and kept.cash_fen > headroom:
                    break  # nobody overtakes
                headroom -= kept.cash_fen
                kept.state, kept.ready_at = State.READY, now
                kept.save(update_fields=["state", "ready_at"])
                ready += 1
    return ready


def lapse_kept(*, now: dt.datetime | None = None) -> int:
    """Let go what was kept longer than its days. Returns how many."""
    now = now or timezone.now()
    return QueuedRedemption.objects.filter(state__in=LIVE, expires_on__lt=timezone.localdate(now)).update(
        state=State.LAPSED, closed_at=now
    )
