"""Money that is not CNY is booked at what the bank received for its payout: shared by net, to the last fen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from marketplace.funds import book
from marketplace.funds.services.common import person
from marketplace.payments.errors import LineMismatch
from marketplace.payments.models import BalanceTransaction, BankEntry
from marketplace.payments.services.syncing import lock_payment, mark_booked


def shared(total: int, parts: Mapping[int, int]) -> dict[int, int]:
    """Share ``total`` fen by ``parts`` (net, may be below 0, their sum is above 0): largest remainder, exact sum."""
    whole = sum(parts.values())
    if whole <= 0:
        raise LineMismatch(field="payout")
    result = {key: total * part // whole for key, part in parts.items()}
    rest = total - sum(result.values())
    by_remainder = sorted(parts, key=lambda key: (-(total * parts[key] % whole), key))
    for key in by_remainder[:rest]:
        result[key] += 1
    return result


def book_payout(*, line: BankEntry, actor: Any) -> None:
    """Book each payment of a payout in another currency; refunds and disputes before it are netted in."""
    rows = list(BalanceTransaction.objects.filter(payout=line.payout, booked=False).exclude(kind__startswith="payout"))
    net: dict[int, int] = defaultdict(int)
    for row in rows:
        if row.payment_id is None:
            raise LineMismatch(field="payout", txn=row.txn)  # a line nobody can place: look at it first
        net[row.payment_id] += row.net
    shares = shared(line.amount_fen, net)
    for pk in sorted(shares):
        fen = shares[pk]
        payment = lock_payment(pk)
        words: dict[str, Any] = {
            "fund": payment.fund,
            "asset": line.bank_account.asset_key,
            "key": f"bankentry:{line.pk}:payment:{pk}",
            "actor": person(actor),
            "source": f"payment:{pk}",
            "purpose": payment.purpose,
        }
        if payment.fund.bank_account_id != line.bank_account_id:
            raise LineMismatch(field="payout", payment=pk)
        if fen > 0:
            book.receive(fen=fen, memo=payment.payer, **words)
            mark_booked(payment, gross=fen, fee=0)
        elif fen < 0:
            book.refund_donor(fen=-fen, **words)
    BalanceTransaction.objects.filter(pk__in=[row.pk for row in rows]).update(booked=True)
