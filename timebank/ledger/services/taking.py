"""Take back what a transfer credited to a wallet: a part of it, and never what has lapsed there unspent."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Sum

from timebank.ledger.canon import request_hash
from timebank.ledger.errors import InvalidAmount, UnknownTransfer
from timebank.ledger.models import Account, Posting
from timebank.ledger.plan import Move
from timebank.ledger.services.engine import Draft, check_spec, only, write
from timebank.ledger.types import Leg, Posted, TransferSpec
from timebank.ledger.units import UNIT_NAMES, expired_key, is_guarded

ASSUME = "assume"  # kind of the transfer by which one wallet takes over what another owes
RESTORE = "restore"  # kind of the transfer that sets lapsed points against their reversal


def _credited(transfer_id: int) -> list[Posting]:
    """Return the postings of a transfer that credited wallets; raises UnknownTransfer."""
    rows = Posting.objects.filter(transfer_id=transfer_id, leg__gte=0).select_related("transfer").order_by("id")
    result = [row for row in rows if is_guarded(row.credit_id)]
    if not result:
        raise UnknownTransfer(id=transfer_id)
    return result


def lapsed_of(transfer_id: int) -> int:
    """Return how much of what a transfer credited lies among the expired points of its lot (smallest unit).

    Points of one lot are alike: what lapsed of it is set against reversals first, until all of it is used up.
    """
    row = _credited(transfer_id)[0]
    lapsed = Posting.objects.filter(
        debit_id=row.credit_id,
        debit_expires_on=row.credit_expires_on,
        debit_restriction=row.credit_restriction,
        transfer__kind="expire",
    )
    restored = Posting.objects.filter(
        credit_id=row.credit_id,
        credit_expires_on=row.credit_expires_on,
        credit_restriction=row.credit_restriction,
        transfer__kind=RESTORE,
    )
    gone, back = (rows.aggregate(sum=Sum("amount", default=0))["sum"] for rows in (lapsed, restored))
    return max(min(row.amount, gone - back), 0)


def restore_lapsed(transfer_id: int, *, amount: int, key: str, reason: str, actor: str) -> int:
    """Bring lapsed points of a transfer back to their dead lot, so that its reversal finds them there; return how many.

    They can't be spent there: their day has passed. Call it in the transaction of the reversal.
    """
    row = _credited(transfer_id)[0]
    back = min(amount, lapsed_of(transfer_id))
    if back <= 0:
        return 0
    wallet = Account.objects.get(pk=row.credit_id)
    unit = UNIT_NAMES[wallet.unit]
    sink = wallet.expires_to or expired_key(unit)
    day, restriction = row.credit_expires_on, row.credit_restriction or ""
    spec = TransferSpec(
        key=key,
        kind=RESTORE,
        legs=(Leg(sink, wallet.key, back, expires_on=day, restriction=restriction),),
        unit=unit,
        reason=reason[:64],
        actor=actor,
        source=row.transfer.source,
    )
    check_spec(spec)
    move = Move(0, sink, wallet.key, back, lot=(day, restriction), lend=True)  # type: ignore[arg-type]
    only(write([Draft(spec, request_hash(spec), [move])]))
    return back


def assume_debt(*, debtor: str, payer: str, key: str, reason: str, actor: str, source: str) -> int:
    """Let one wallet owe what another one owes: paid out of what it has, the rest is its debt; return how much.

    Of two wallets of one person. Raises ``UnknownAccount``.
    """
    with transaction.atomic():
        owing = Account.objects.select_for_update().filter(key=debtor).first()
        if owing is None or not owing.debt:
            return 0
        debt, unit = owing.debt, UNIT_NAMES[owing.unit]
        legs = (Leg(payer, debtor, debt),)
        spec = TransferSpec(key=key, kind=ASSUME, legs=legs, unit=unit, reason=reason[:64], actor=actor, source=source)
        check_spec(spec)
        only(write([Draft(spec, request_hash(spec), [Move(0, payer, debtor, debt, lend=True)])]))
    return debt


def take_back(
    transfer_id: int, *, amount: int, key: str, kind: str, reason: str, actor: str, memo: str = "", rule: str = ""
) -> Posted:
    """Move a part of what a transfer credited back to where it came from, once per key.

    What has lapsed comes out of the expired points; what is spent becomes a debt that later earnings repay. Raises
    ``UnknownTransfer`` and ``InvalidAmount`` (more than was credited).
    """
    with transaction.atomic():
        rows = _credited(transfer_id)
        if type(amount) is not int or not 0 < amount <= sum(row.amount for row in rows):
            raise InvalidAmount
        names = dict(
            Account.objects.filter(pk__in={pk for row in rows for pk in (row.debit_id, row.credit_id)}).values_list(
                "pk", "key"
            )
        )
        moves: list[Move] = []
        left = amount
        for row in reversed(rows):  # what went to a pool comes back before what the person got
            part = min(row.amount, left)
            if part:
                prefer = (row.credit_expires_on, row.credit_restriction or "")
                wallet, issuer = names[row.credit_id], names[row.debit_id]
                moves.append(Move(len(moves), wallet, issuer, part, prefer=prefer, lend=True))  # type: ignore[arg-type]
            left -= part
        if moves[-1].debit == names[rows[0].credit_id]:
            restore_lapsed(transfer_id, amount=moves[-1].amount, key=f"{key}:lapsed", reason=reason, actor=actor)
        spec = TransferSpec(
            key=key,
            kind=kind,
            legs=tuple(Leg(move.debit, move.credit, move.amount) for move in moves),
            unit=UNIT_NAMES[rows[0].unit],
            reason=reason[:64],
            memo=memo,
            actor=actor,
            source=rows[0].transfer.source,
            rule=rule,
        )
        check_spec(spec)
        return only(write([Draft(spec, request_hash(spec), moves)]))
