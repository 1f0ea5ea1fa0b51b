"""Let points expire: a transfer like any other, one for each lot whose day has passed."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from timebank.ledger.canon import request_hash
from timebank.ledger.errors import LedgerError
from timebank.ledger.models import Lot
from timebank.ledger.plan import Move
from timebank.ledger.services.engine import Draft, write
from timebank.ledger.types import ExpiryReport, Leg, TransferSpec
from timebank.ledger.units import UNIT_NAMES, expired_key

BATCH = 500


def expire_due(on: dt.date | None = None) -> ExpiryReport:
    """Move what was not spent by its day to the account of expired points, for all lots whose day is before ``on``.

    Goes wallet by wallet in batches; repeat it after a crash, nothing expires twice. A lot whose content changes while
    the sweep runs (a refund comes in) is left for the next sweep.
    """
    today = on or timezone.localdate()
    wallets: set[int] = set()
    amount = 0
    last = 0
    while True:
        due = list(
            Lot.objects.filter(expires_on__lt=today, remaining__gt=0, pk__gt=last)
            .select_related("account")
            .order_by("pk")[:BATCH]
        )
        if not due:
            return ExpiryReport(on=today, wallets=len(wallets), amount=amount)
        last = due[-1].pk
        for lot, answer in zip(due, write([_draft(lot) for lot in due]), strict=True):
            if not isinstance(answer, LedgerError) and not answer.replayed:
                wallets.add(lot.account_id)
                amount += lot.remaining


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
