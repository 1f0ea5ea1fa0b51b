"""Money that nobody asked for, or not so: it waits in suspense until two persons say where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from marketplace.funds import book
from marketplace.funds.services.common import person
from marketplace.payments import providers, rules
from marketplace.payments.errors import LineMismatch
from marketplace.payments.models import BalanceTransaction
from marketplace.payments.services.syncing import ACTOR, CNY, lock_payment, mark_booked, record_line, transfer_key
from timebank.common.errors import WrongState
from timebank.registry.interests import other_person

if TYPE_CHECKING:
    from marketplace.funds.models import Fund, Purpose


def record_strays(provider: str, intent: str) -> int:
    """Book the money of an intent that belongs to no payment of ours to suspense; return how many lines."""
    result = providers.of(provider).stray_lines(intent) if intent else ()
    done = 0
    for line in result:
        with transaction.atomic():
            row = record_line(line, provider=provider)
            row = BalanceTransaction.objects.select_for_update().get(pk=row.pk)
            if row.booked or row.payment_id is not None or line.currency != CNY:
                continue
            book.receive_stray(
                asset=providers.asset_of(provider),
                fen=line.amount,
                fee_fen=line.fee,
                key=transfer_key(line.txn),
                actor=ACTOR,
                source=f"stray:{row.pk}",
                memo=intent,
            )
            row.booked = row.stray = True
            row.save(update_fields=["booked", "stray"])
            done += 1
    return done


@transaction.atomic
def propose_place(*, line: BalanceTransaction, fund: Fund, purpose: Purpose | None, actor: Any) -> BalanceTransaction:
    """Say which fund (and purpose) unexplained money belongs to; a second person confirms it."""
    rules.require_prepare(actor, fund)
    row = BalanceTransaction.objects.select_for_update().get(pk=line.pk)
    if not row.stray or row.place_approved_by_id is not None:
        raise WrongState
    if row.payment_id is not None and (row.payment is None or row.payment.fund_id != fund.pk):
        raise LineMismatch(field="fund")  # what the payer was told stays true
    row.place_fund, row.place_purpose, row.place_prepared_by = fund, purpose, actor
    row.save(update_fields=["place_fund", "place_purpose", "place_prepared_by"])
    return row


@transaction.atomic
def confirm_place(*, line: BalanceTransaction, actor: Any) -> BalanceTransaction:
    """Move unexplained money to the fund that was proposed. Raises ``SamePerson``, ``WrongState``."""
    row = BalanceTransaction.objects.select_related("place_fund", "place_purpose").get(pk=line.pk)
    payment = lock_payment(row.payment_id) if row.payment_id is not None else None
    row = (
        BalanceTransaction.objects.select_for_update(of=("self",))
        .select_related("place_fund", "place_purpose")
        .get(pk=line.pk)
    )
    if not row.stray or row.place_fund is None or row.place_approved_by_id is not None:
        raise WrongState
    rules.require_approve(actor, row.place_fund)
    other_person(actor, row.place_prepared_by_id)
    back = -sum(
        BalanceTransaction.objects.filter(payment=payment, kind__in=("refund", "refund_failure"), booked=True)
        .exclude(payment=None)
        .values_list("amount", flat=True)
    )
    book.explain_stray(
        asset=providers.asset_of(row.provider),
        fen=row.net - back,
        key=f"{transfer_key(row.txn)}:placed",
        actor=person(actor),
        source=f"payment:{payment.pk}" if payment is not None else f"stray:{row.pk}",
        fund=row.place_fund,
        purpose=row.place_purpose,
    )
    row.stray = False
    row.place_approved_by, row.placed_at = actor, timezone.now()
    row.save(update_fields=["stray", "place_approved_by", "placed_at"])
    if payment is not None:
        payment.failure, payment.purpose = "", row.place_purpose
        payment.save(update_fields=["purpose"])
        mark_booked(payment, gross=row.amount, fee=row.fee)
    return row
