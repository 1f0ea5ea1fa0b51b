"""What the services share: names for the ledger, rows made once, rows that two persons decide."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import Attachment, Decision, Fund, Statement
from marketplace.funds.rules import APPROVE_PAYMENT
from timebank.common.errors import KeyConflict, WrongState
from timebank.common.events import emit
from timebank.registry.interests import other_person
from timebank.registry.models import User
from timebank.registry.selectors import staff_at
from timebank.registry.services import record_audit

Row = TypeVar("Row", bound=models.Model)
MOST_BYTES = 2 * 1024 * 1024
_SIGNATURES = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def person(user: User | None) -> str:
    """Name an actor for the ledger."""
    return f"user:{user.pk}" if user is not None and user.pk else "system"


def check_fen(fen: int) -> int:
    """Refuse an amount that is not above zero, or beyond a milliard yuan."""
    if type(fen) is not int or not 0 < fen < 10**14:
        raise errors.BadAmount(field="amount")
    return fen


def once(model: type[Row], *, key: uuid.UUID | str, **fields: Any) -> tuple[Row, bool]:
    """Create a row under the form's key; the same key again answers the first row. Raises ``KeyReused``.

    Compared are the fields given, so that another content under the same key is refused.
    """
    key = uuid.UUID(str(key))
    try:
        with transaction.atomic():
            return model._default_manager.create(key=key, **fields), True
    except IntegrityError:
        row = model._default_manager.filter(key=key).first()
        if row is None:
            raise
    same = all(getattr(row, name) == value for name, value in fields.items() if not isinstance(value, dt.datetime))
    if not same:
        raise KeyConflict
    return row, False


def lock_prepared(row: Row, *related: str) -> Row:
    """Lock a row that two persons decide, and refuse one that is decided already. Raises ``WrongState``."""
    locked = type(row)._default_manager.select_for_update(of=("self",), no_key=True).select_related(*related)
    result = locked.get(pk=row.pk)
    if result.state != Decision.PREPARED:  # type: ignore[attr-defined]
        raise WrongState(state=result.state)  # type: ignore[attr-defined]
    return result


def decide(
    row: Any, *, actor: User, fund: Fund, approve: bool, reason: str = "", now: dt.datetime, **more: Any
) -> None:
    """Write the second person's decision about a locked row. Raises ``NotAllowed``, ``SamePerson``."""
    rules.require_at(actor, APPROVE_PAYMENT, fund)
    other_person(actor, row.prepared_by_id)
    row.state = Decision.APPROVED if approve else Decision.DECLINED
    row.approved_by, row.approved_at, row.decision_reason = actor, now, reason[:200]
    for name, value in more.items():
        setattr(row, name, value)
    row.save(update_fields=["state", "approved_by", "approved_at", "decision_reason", *more])
    note(actor, f"{row._meta.model_name}_{row.state}", row, fund, reason=reason, now=now)


def note(
    actor: User | None, action: str, row: models.Model, fund: Fund, *, reason: str = "", now: Any = None, **facts: Any
) -> None:
    """Add a line to the audit trail."""
    record_audit(
        actor=actor,
        action=f"funds_{action}"[:40],
        subject=f"{row._meta.model_name}:{row.pk}",
        region=fund.region,
        reason=reason,
        facts=facts,
        now=now,
    )


def keep_file(*, name: str, data: bytes, actor: User) -> Attachment:
    """Keep an invoice or signed paper: PDF, JPEG or PNG by its own first bytes, at most 2 MB. Raises ``BadFile``."""
    content_type = next((kind for start, kind in _SIGNATURES.items() if data.startswith(start)), "")
    if not content_type or len(data) > MOST_BYTES:
        raise errors.BadFile(field="file")
    return Attachment.objects.create(
        name=name.rpartition("/")[2][-120:] or "file",
        content_type=content_type,
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
        uploaded_by=actor,
        uploaded_at=timezone.now(),
    )


def tell_supplier(kind: str, statement: Statement, now: dt.datetime, **facts: Any) -> None:
    """Tell the people of the supplier what became of a statement."""
    partner = statement.partner
    staff = staff_at(partner.organisation_id)
    if staff:
        facts |= {"name": partner.display_name, "until": statement.last_day.isoformat()}
        emit(kind, subject=statement, recipients=staff, region=partner.village, facts=facts, occurred_at=now)
