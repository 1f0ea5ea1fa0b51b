"""Reserve points and then use them, in part or whole, or give them back; a hold is resolved at most once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from timebank.common import sweeps
from timebank.common.sweeps import Sweep
from timebank.ledger.canon import request_hash
from timebank.ledger.errors import (
    HoldExpired,
    HoldResolved,
    InvalidAmount,
    InvalidTransfer,
    LedgerError,
    UnknownTransfer,
)
from timebank.ledger.models import Hold, HoldResolution, Posting, Transfer
from timebank.ledger.plan import Move
from timebank.ledger.services.corrections import keys_of, lot_of
from timebank.ledger.services.engine import Draft, check_spec, only, write
from timebank.ledger.services.posting import draft_of
from timebank.ledger.types import Leg, Posted, TransferSpec
from timebank.ledger.units import UNIT_NAMES, holds_key


def hold(
    *,
    key: str,
    wallet: str,
    amount: int,
    expires_at: dt.datetime,
    unit: str = "PTS",
    reason: str = "",
    memo: str = "",
    actor: str = "",
    on_behalf_of: str = "",
    source: str = "",
    rule: str = "",
    allow_restrictions: tuple[str, ...] = (),
) -> Hold:
    """Reserve points of a wallet until ``expires_at``. The same key returns the same hold.

    Raises ``InsufficientFunds``, ``KeyConflict`` and what ``post`` raises.
    """
    spec = TransferSpec(
        key=key,
        kind="hold",
        legs=(Leg(wallet, holds_key(unit), amount),),
        unit=unit,
        reason=reason,
        memo=memo,
        actor=actor,
        on_behalf_of=on_behalf_of,
        source=source,
        rule=rule,
        allow_restrictions=allow_restrictions,
    )
    now = timezone.now()
    if expires_at <= now:
        raise HoldExpired
    with transaction.atomic():
        draft = draft_of(spec)
        answer = only(write([draft._replace(request_hash=request_hash(spec, link=["hold", expires_at.isoformat()]))]))
        if answer.replayed:
            return Hold.objects.get(transfer_id=answer.id)
        paid = Posting.objects.filter(transfer_id=answer.id, leg=0, debit_version__isnull=False).first()
        if paid is None:
            raise InvalidTransfer(account=wallet)
        return Hold.objects.create(
            transfer_id=answer.id, wallet_id=paid.debit_id, amount=amount, expires_at=expires_at, created_at=now
        )


def capture(
    hold_id: int,
    *,
    to: str | Sequence[tuple[str, int]],
    key: str,
    actor: str,
    amount: int | None = None,
    reason: str = "",
    memo: str = "",
    source: str = "",
) -> Posted:
    """Use a hold: ``amount`` (all, if not said) goes to account ``to``, or parts to several; the rest goes back.

    The lots that expire first are used first. Raises ``HoldResolved``, ``HoldExpired``, ``InvalidAmount`` (more than is
    held), ``KeyConflict``.
    """
    with transaction.atomic():
        result = _locked(hold_id)
        parts = [(to, result.amount if amount is None else amount)] if isinstance(to, str) else list(to)
        captured = sum(part for _to, part in parts)
        if any(type(part) is not int or part <= 0 for _to, part in parts) or not 0 < captured <= result.amount:
            raise InvalidAmount(held=result.amount)
        return _resolve(
            result,
            HoldResolution.Outcome.CAPTURED,
            parts,
            key=key,
            actor=actor,
            reason=reason,
            memo=memo,
            source=source,
        )


def release(hold_id: int, *, key: str, actor: str, reason: str = "", memo: str = "") -> Posted:
    """Give all of a hold back to the lots it came from. Raises ``HoldResolved``, ``KeyConflict``."""
    with transaction.atomic():
        return _resolve(
            _locked(hold_id),
            HoldResolution.Outcome.RELEASED,
            [],
            key=key,
            actor=actor,
            reason=reason,
            memo=memo,
            source="",
        )


def _due(now: dt.datetime) -> QuerySet[Any, int]:
    return Hold.objects.filter(expires_at__lte=now, resolution=None).order_by("pk").values_list("pk", flat=True)


def _lapse(hold_id: int, now: dt.datetime) -> int:
    """Give back a hold that ran out; 0 where somebody was quicker."""
    hold = _locked(hold_id)
    if HoldResolution.objects.filter(hold=hold).exists():
        return 0
    answer = _resolve(
        hold,
        HoldResolution.Outcome.LAPSED,
        [],
        key=f"lapse:{hold_id}",
        actor="system",
        reason="hold_lapsed",
        memo="",
        source="",
        now=now,
    )
    return int(not answer.replayed)


MOST = 1_000_000
LAPSE = Sweep("lapse holds", due=_due, handle=_lapse, every=5 * 60)


def lapse_due_holds(now: dt.datetime | None = None) -> int:
    """Give back the holds that ran out and return how many; run again and again, it does each once."""
    return sum(sweeps.run(LAPSE, now=now, most=MOST, at_once=True).results)


def _locked(hold_id: int) -> Hold:
    hold = Hold.objects.select_for_update().filter(pk=hold_id).first()
    if hold is None:
        raise UnknownTransfer(hold=hold_id)
    return hold


def _resolve(
    hold: Hold,
    outcome: HoldResolution.Outcome,
    parts: Sequence[tuple[str, int]],
    *,
    key: str,
    actor: str,
    reason: str,
    memo: str,
    source: str,
    now: dt.datetime | None = None,
) -> Posted:
    now = now or timezone.now()
    original = Transfer.objects.get(pk=hold.transfer_id)
    moves = _moves(hold, original, parts, timezone.localdate(now))
    spec = TransferSpec(
        key=key,
        kind={"captured": "capture", "released": "release", "lapsed": "lapse"}[outcome.value],
        legs=tuple(Leg(move.debit, move.credit, move.amount) for move in moves),
        unit=UNIT_NAMES[original.unit],
        reason=reason,
        memo=memo,
        actor=actor,
        on_behalf_of=original.on_behalf_of,
        source=source or original.source,
        rule=original.rule,
    )
    check_spec(spec)
    asked = request_hash(spec._replace(legs=()), link=[outcome.value, hold.pk, *([to, part] for to, part in parts)])
    resolution = HoldResolution.objects.filter(hold=hold).first()
    if resolution is not None:
        earlier = Transfer.objects.get(pk=resolution.transfer_id)
        if earlier.key != key:
            raise HoldResolved(hold=hold.pk, outcome=resolution.outcome)
    elif outcome == HoldResolution.Outcome.CAPTURED and now >= hold.expires_at:
        raise HoldExpired(hold=hold.pk)
    answer = only(write([Draft(spec, asked, moves)]))
    if not answer.replayed:
        HoldResolution.objects.create(
            hold=hold,
            transfer_id=answer.id,
            outcome=outcome,
            amount=hold.amount,
            captured=sum(part for _to, part in parts),
            resolved_at=now,
        )
    elif resolution is None:
        raise LedgerError(code="key_conflict", key=key)
    return answer


def _moves(item: Hold, original: Transfer, parts: Sequence[tuple[str, int]], today: dt.date) -> list[Move]:
    """Spread the held lots over what is captured, soonest expiring first, and over what goes back."""
    rows = list(Posting.objects.filter(transfer_id=original.pk, leg__gte=0).order_by("id"))
    names = keys_of([item.wallet_id, rows[0].credit_id])
    wallet, holds = names[item.wallet_id], names[rows[0].credit_id]
    wanted: list[tuple[str, int]] = list(parts)
    moves: list[Move] = []
    for row in rows:
        left = row.amount
        while left and wanted:
            to, still = wanted[0]
            part = min(left, still)
            moves.append(Move(len(parts) - len(wanted), holds, to, part, origin=row.id))
            left -= part
            wanted[0] = (to, still - part)
            if part == still:
                wanted.pop(0)
        if left:
            moves.append(Move(len(parts), holds, wallet, left, lot=lot_of(row, "debit", today), origin=row.id))
    return moves
