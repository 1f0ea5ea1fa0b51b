"""What every request has that one person makes and another decides: locked, withdrawn, decided once."""

from __future__ import annotations

import datetime as dt
from typing import TypeVar

from marketplace.rewards.errors import NotYourRequest, ReturnDecided
from marketplace.rewards.models.asking import Asked
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.registry.models import User

T = TypeVar("T", bound=Asked)


def lock_asked(model: type[T], pk: int) -> T:
    """Lock a request; whoever decides or withdraws it at the same moment waits."""
    return model._default_manager.select_for_update(of=("self",), no_key=True).get(pk=pk)


def withdraw_asked(row: Asked, *, actor: User, reason: str = "") -> None:
    """Mark a locked request as withdrawn; only who asked can. Raises ``NotYourRequest``, ``ReturnDecided``."""
    if row.prepared_by_id != actor.pk:
        raise NotYourRequest
    if row.state != Asked.State.PREPARED:
        raise ReturnDecided
    row.state, row.decision_reason = Asked.State.WITHDRAWN, reason
    row.save(update_fields=["state", "decision_reason"])


def decide_asked(row: Asked, *, actor: User, approve: bool, reason: str, now: dt.datetime) -> None:
    """Mark a locked request as approved, or as declined with a reason; the caller has asked whether ``actor`` may."""
    if row.state != Asked.State.PREPARED:
        raise ReturnDecided
    row.decision_reason = clean_text(reason, lines=True)[:200]
    if not approve and not row.decision_reason:
        raise ReasonMissing(field="reason")
    row.state = Asked.State.APPROVED if approve else Asked.State.DECLINED
    row.approved_by, row.approved_at = actor, now
    row.save(update_fields=["state", "approved_by", "approved_at", "decision_reason"])
