"""Who may do what with payments: one records or prepares, another confirms or approves."""

from __future__ import annotations

from typing import Any

from marketplace.funds.models import Fund
from marketplace.funds.rules import APPROVE_PAYMENT, INSIDE, RECORD_BANK, require_at
from marketplace.payments.models import Payment
from timebank.registry.rules import can


def require_prepare(actor: Any, fund: Fund) -> None:
    """Raise ``NotAllowed`` unless ``actor`` keeps the bank's lines of this fund."""
    require_at(actor, RECORD_BANK, fund)


def require_approve(actor: Any, fund: Fund) -> None:
    """Raise ``NotAllowed`` unless ``actor`` may confirm what others prepared for this fund."""
    require_at(actor, APPROVE_PAYMENT, fund)


def sees_payments(user: Any, fund: Fund) -> bool:
    """Say whether ``user`` may see the payments of this fund."""
    return any(can(user, action, region=fund.region) for action in INSIDE)


def may_prepare(user: Any, fund: Fund) -> bool:
    """Say whether pages offer to record and prepare."""
    return can(user, RECORD_BANK, region=fund.region)


def may_approve(user: Any, fund: Fund) -> bool:
    """Say whether pages offer to confirm and approve."""
    return can(user, APPROVE_PAYMENT, region=fund.region)


def is_payer(user: Any, payment: Payment) -> bool:
    """Say whether ``user`` started the payment, or belongs to whoever pays."""
    from marketplace.payments import sources

    return user.is_authenticated and (
        (payment.started_by_id is not None and payment.started_by_id == user.pk)
        or sources.of(payment).may_see(user, payment)
    )
