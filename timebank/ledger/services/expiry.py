"""Let points expire: a transfer like any other, one for each lot whose day has passed."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.utils import timezone

from timebank.common import sweeps
from timebank.common.sweeps import Partly, Sweep
from timebank.ledger.canon import request_hash
from timebank.ledger.errors import LedgerError
from timebank.ledger.models import Lot
from timebank.ledger.plan import Move
from timebank.ledger.services.engine import Draft, write
from timebank.ledger.types import ExpiryReport, Leg, TransferSpec
from timebank.ledger.units import UNIT_NAMES, expired_key

BATCH = 500
MOST = 1_000_000


def expire_due(on: dt.date | None = None) -> ExpiryReport:
    """Move what was not spent by its day to the account of expired points, for all lots whose day is before ``on``.

    Goes lot by lot in batches; repeat it after a crash, nothing expires twice. A lot whose content changes while the
    sweep runs (a refund comes in), or that can't go where it is told, is tried again at a later sweep.
    """
    today = on or timezone.localdate()
    now = timezone.now() if on is None else timezone.make_aware(dt.datetime.combine(today, dt.time()))
    moved = [lot for lots in sweeps.run(_sweep(), now=now, most=MOST, at_once=True).results for lot in lots]
    return ExpiryReport(on=today, wallets=len({wallet for wallet, _amount in moved}), amount=sum(n for _w, n in moved))


def _due(now: dt.datetime) -> QuerySet[Lot]:
    return Lot.objects.filter(expires_on__lt=timezone.localdate(now), remaining__gt=0).order_by("pk")


def _expire(keys: list[int], now: dt.datetime) -> Partly:
    """Expire some lots; return (wallet, amount) of each that went, and why the others did not."""
    due = list(_due(now).filter(pk__in=keys).select_related("account"))
    answers = write([_draft(lot) for lot in due]) if due else []
    moved: list[tuple[int, int]] = []
    refused: dict[int, Exception] = {}
    for lot, answer in zip(due, answers, strict=True):
        if isinstance(answer, LedgerError):
            refused[lot.pk] = answer
        elif not answer.replayed:
            moved.append((lot.account_id, lot.remaining))
    return Partly(moved, refused)


def _sweep() -> Sweep:
    return Sweep(
        "expire points",
        due=lambda now: _due(now).values_list("pk", flat=True),
        handle=lambda key, now: _expire([key], now),
        handle_batch=_expire,
        every=60 * 60,
        batch=BATCH,
        atomic=False,  # ``write`` has its own, and tries again where two meet
    )


EXPIRE = _sweep()


def _draft(lot: Lot) -> Draft:
    account = lot.account
    unit = UNIT_NAMES[account.unit]
    sink = account.expires_to or expired_key(unit)
    spec = TransferSpec(
        # the version makes the key new when points came back to a lot that was swept before
        key=f"expire:lot:{lot.pk}:{account.version}",
        kind="expire",
        legs=(Leg(account.key, sink, lot.remaining),),
        unit=unit,
        effective_on=lot.expires_on,
        reason="expired",
        actor="system",
    )
    move = Move(0, account.key, sink, lot.remaining, prefer=(lot.expires_on, lot.restriction), exact=True)
    return Draft(spec, request_hash(spec), [move])
