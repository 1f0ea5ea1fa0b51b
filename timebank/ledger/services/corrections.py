"""Give back: a whole transfer (reversal, once) or parts of it (refunds, never more than was taken)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import connection, transaction
from django.db.models import F, Sum
from django.utils import timezone

from timebank.ledger.canon import key_uuid, request_hash
from timebank.ledger.errors import AlreadyReversed, InvalidAmount, LedgerError, RefundExceeds, UnknownTransfer
from timebank.ledger.models import Account, Hold, HoldResolution, Posting, RefundTotal, Transfer
from timebank.ledger.plan import LotKey, Move
from timebank.ledger.services.engine import Draft, check_spec, only, write
from timebank.ledger.types import NEVER, Leg, Posted, TransferSpec
from timebank.ledger.units import UNIT_NAMES, is_guarded

GRACE_DAYS = 30  # points that come back after their day stay usable this long


def graced(day: dt.date, today: dt.date) -> dt.date:
    """Return the day of points that come back: their own, or a grace if it has passed."""
    return day if day >= today else today + dt.timedelta(days=GRACE_DAYS)


def lot_of(posting: Posting, side: str, today: dt.date) -> LotKey:
    """Name the lot that one side of a posting touched, as it is credited again today."""
    day = getattr(posting, f"{side}_expires_on")
    return (NEVER, "") if day is None else (graced(day, today), getattr(posting, f"{side}_restriction"))


def keys_of(ids: Iterable[int]) -> dict[int, str]:
    """Name accounts."""
    return dict(Account.objects.filter(pk__in=set(ids)).values_list("pk", "key"))


def lock_total(transfer_id: int, postings: Sequence[Posting]) -> RefundTotal:
    """Lock the one row that all givings back of a transfer share."""
    cap = sum(row.amount for row in postings)
    if connection.vendor == "postgresql":
        RefundTotal.objects.bulk_create([RefundTotal(transfer_id=transfer_id, cap=cap)], ignore_conflicts=True)
    elif not RefundTotal.objects.filter(pk=transfer_id).exists():
        RefundTotal.objects.create(transfer_id=transfer_id, cap=cap)
    return RefundTotal.objects.select_for_update().get(pk=transfer_id)


def _original(transfer_id: int) -> tuple[Transfer, list[Posting]]:
    original = Transfer.objects.filter(pk=transfer_id).first()
    if original is None:
        raise UnknownTransfer(id=transfer_id)
    return original, list(Posting.objects.filter(transfer_id=transfer_id, leg__gte=0).order_by("id"))


def _correction(
    original: Transfer, moves: Sequence[Move], *, key: str, kind: str, reason: str, actor: str, memo: str, behalf: str
) -> TransferSpec:
    return TransferSpec(
        key=key,
        kind=kind,
        legs=tuple(Leg(move.debit, move.credit, move.amount) for move in moves),
        unit=UNIT_NAMES[original.unit],
        reason=reason,
        memo=memo,
        actor=actor,
        on_behalf_of=behalf,
        source=original.source,
        rule=original.rule,
    )


def reverse(transfer_id: int, *, key: str, reason: str, actor: str, memo: str = "") -> Posted:
    """Post the exact mirror of a transfer, at most once. Lots get back their old day (a grace if it has passed).

    Points that were spent meanwhile leave a debt that future credits repay. Raises ``UnknownTransfer``,
    ``AlreadyReversed``, ``RefundExceeds`` (parts were refunded already), ``KeyConflict``.
    """
    today = timezone.localdate()
    with transaction.atomic():
        original, postings = _original(transfer_id)
        if original.reverses_id is not None or original.refund_of_id is not None:
            raise LedgerError(code="correction_of_correction", id=transfer_id)
        if (
            Hold.objects.filter(transfer_id=transfer_id).exists()
            or HoldResolution.objects.filter(transfer_id=transfer_id).exists()
        ):
            raise LedgerError(code="reversal_of_hold", id=transfer_id)
        total = lock_total(transfer_id, postings)
        names = keys_of(account for row in postings for account in (row.debit_id, row.credit_id))
        moves = [
            Move(
                row.leg,
                names[row.credit_id],
                names[row.debit_id],
                row.amount,
                lot=lot_of(row, "debit", today),
                prefer=(row.credit_expires_on, row.credit_restriction)
                if row.credit_expires_on is not None and row.credit_restriction is not None
                else None,
                lend=True,
                origin=row.id,
            )
            for row in reversed(postings)
        ]
        spec = _correction(original, moves, key=key, kind="reverse", reason=reason, actor=actor, memo=memo, behalf="")
        check_spec(spec)
        asked = request_hash(spec._replace(legs=()), link=["reverses", transfer_id])
        earlier = Transfer.objects.filter(reverses_id=transfer_id).first()
        if earlier is not None and earlier.uuid != key_uuid(key):
            raise AlreadyReversed(id=transfer_id)
        if earlier is None and total.refunded:
            raise RefundExceeds(id=transfer_id)
        draft = Draft(spec, asked, moves, reverses_id=transfer_id)
        answer = only(write([draft]))
        if not answer.replayed:
            RefundTotal.objects.filter(pk=transfer_id).update(refunded=F("cap"))
    return answer


def refund(
    transfer_id: int,
    *,
    amount: int,
    key: str,
    reason: str,
    actor: str,
    from_account: str | None = None,
    memo: str = "",
    on_behalf_of: str = "",
) -> Posted:
    """Give back a part of what a wallet paid, to the same lots (a grace if their day has passed).

    What was eaten last comes back first. ``from_account`` pays: one of the accounts that received, which limits the
    refund to what it received, or another one. Raises ``RefundExceeds``, ``InvalidAmount``, ``UnknownTransfer``.
    """
    if type(amount) is not int or amount <= 0:
        raise InvalidAmount
    today = timezone.localdate()
    with transaction.atomic():
        original, postings = _original(transfer_id)
        if original.reverses_id is not None or original.refund_of_id is not None:
            raise LedgerError(code="correction_of_correction", id=transfer_id)
        paid = [row for row in postings if is_guarded(row.debit_id)]
        if not paid:
            raise RefundExceeds(id=transfer_id)
        total = lock_total(transfer_id, postings)
        names = keys_of(account for row in paid for account in (row.debit_id, row.credit_id))
        link = ["refund", transfer_id, amount, from_account or ""]
        earlier = Transfer.objects.filter(uuid=key_uuid(key)).exists()
        moves = [] if earlier else _refund_moves(paid, names, amount, from_account, today)
        if not earlier and total.refunded + amount > total.cap:
            raise RefundExceeds(id=transfer_id, left=total.cap - total.refunded)
        if earlier:  # a replay: the answer is looked up by key, what moves is not asked
            moves = [Move(0, names[paid[0].credit_id], names[paid[0].debit_id], amount)]
        spec = _correction(
            original, moves, key=key, kind="refund", reason=reason, actor=actor, memo=memo, behalf=on_behalf_of
        )
        check_spec(spec)
        asked = request_hash(spec._replace(legs=()), link=link)
        answer = only(write([Draft(spec, asked, moves, refund_of_id=transfer_id)]))
        if not answer.replayed:
            RefundTotal.objects.filter(pk=transfer_id).update(refunded=F("refunded") + amount)
    return answer


def _refund_moves(
    paid: Sequence[Posting], names: dict[int, str], amount: int, from_account: str | None, today: dt.date
) -> list[Move]:
    given = refunded(row.id for row in paid)
    if from_account is not None and from_account in {names[row.credit_id] for row in paid}:
        paid = [row for row in paid if names[row.credit_id] == from_account]
    moves: list[Move] = []
    missing = amount
    for row in reversed(paid):
        part = min(row.amount - given[row.id], missing)
        if part > 0:
            moves.append(
                Move(
                    len(moves),
                    from_account or names[row.credit_id],
                    names[row.debit_id],
                    part,
                    lot=lot_of(row, "debit", today),
                    origin=row.id,
                )
            )
            missing -= part
    if missing:
        raise RefundExceeds(left=amount - missing)
    return moves


def refunded(posting_ids: Iterable[int]) -> defaultdict[int, int]:
    """Sum what was already given back of each posting."""
    wanted = list(posting_ids)
    transfers = Transfer.objects.filter(refund_of__postings__in=wanted).values("pk")
    rows = (
        Posting.objects.filter(transfer__in=transfers, origin_id__in=wanted)
        .values_list("origin_id")
        .annotate(total=Sum("amount"))
    )
    return defaultdict(int, {int(origin): int(total) for origin, total in rows if origin is not None})
