"""Keep what somebody wanted while the fund was below its floor. Nothing is redeemed without the person's word."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from marketplace.funds import rules
from marketplace.funds.models import Fund, QueuedRedemption
from marketplace.funds.services.common import once
from marketplace.funds.services.cover import take_snapshot
from timebank.common import events
from timebank.common.errors import WrongState
from timebank.common.sweeps import Sweep
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
        raise WrongState(state=row.state)
    row.state, row.closed_at = to, now or timezone.now()
    row.save(update_fields=["state", "closed_at"])
    return row


def _offer(pk: int, now: dt.datetime) -> int:
    """Say "ready" to those who wait, first come first served, as far as the fund's cover above its floor reaches.

    Returns how many became ready.
    """
    fund = Fund.objects.select_for_update(of=("self",), no_key=True).select_related("region").get(pk=pk)
    snapshot = take_snapshot(fund=fund, now=now)
    headroom = snapshot.cover_fen - -(-snapshot.liability_fen * fund.floor_bp // 10000)
    headroom -= fund.queue.filter(state=State.READY).aggregate(total=Sum("cash_fen"))["total"] or 0
    ready = 0
    for kept in _waiting(now).filter(fund=fund).order_by("created_at", "pk"):
        if snapshot.bp is not None and kept.cash_fen > headroom:
            break  # nobody overtakes
        headroom -= kept.cash_fen
        kept.state, kept.ready_at = State.READY, now
        kept.save(update_fields=["state", "ready_at"])
        events.emit(
            "kept_ready",
            subject=kept,
            recipients=[f"resident:{kept.resident_id}"],
            region=f"region:{fund.region_id}",
            facts={"points": kept.points, "until": kept.expires_on.isoformat()},
            occurred_at=now,
        )
        ready += 1
    return ready


def _waiting(now: dt.datetime) -> QuerySet[QueuedRedemption]:
    return QueuedRedemption.objects.filter(state=State.WAITING, expires_on__gte=timezone.localdate(now))


def _past(now: dt.datetime) -> QuerySet[QueuedRedemption]:
    return QueuedRedemption.objects.filter(state__in=LIVE, expires_on__lt=timezone.localdate(now))


def _lapse(pk: int, now: dt.datetime) -> None:
    _past(now).filter(pk=pk).update(state=State.LAPSED, closed_at=now)


OFFER_KEPT = Sweep(
    "offer what was kept",
    due=lambda now: _waiting(now).order_by("fund").values_list("fund", flat=True).distinct(),
    handle=_offer,
    every=5 * 60,
)
#: What was kept longer than its days.
LAPSE_KEPT = Sweep(
    "let go what was kept",
    due=lambda now: _past(now).order_by("expires_on", "pk").values_list("pk", flat=True),
    handle=_lapse,
    every=60 * 60,
)
