"""What the services share: the audit line, checks of days and reasons, locked rows."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from django.db.models import Model
from django.utils import timezone

from marketplace.sponsors.errors import DayPassed, NotActive
from marketplace.sponsors.models import Enterprise
from timebank.common.errors import ReasonMissing, WrongState
from timebank.common.events import emit
from timebank.common.input import clean_text
from timebank.registry.models import Organisation, Region, User
from timebank.registry.selectors import staff_at
from timebank.registry.services import record_audit

Row = TypeVar("Row", bound=Model)


def audit(
    actor: User | None, action: str, row: Model, region: Region, *, reason: str = "", now: Any = None, **facts: Any
) -> None:
    """Add a line to the audit trail."""
    record_audit(
        actor=actor,
        action=f"sponsors_{action}"[:40],
        subject=f"{row._meta.model_name}:{row.pk}",
        region=region,
        reason=reason,
        facts=facts,
        now=now,
    )


def tell(
    kind: str, enterprise: Enterprise, *, subject: Model | str, now: dt.datetime | None = None, **facts: Any
) -> None:
    """Tell the people of a sponsor what became of what it did."""
    staff = staff_at(enterprise.organisation_id)
    if staff:
        region = enterprise.organisation.region
        emit(kind, subject=subject, recipients=staff, region=region, facts=facts, occurred_at=now)


def lock(row: Row, *related: str, states: tuple[str, ...] = ()) -> Row:
    """Lock a row and read it anew. Raises ``WrongState`` unless its state is one of ``states`` (none: any)."""
    rows = type(row)._default_manager.select_for_update(of=("self",), no_key=True).select_related(*related)
    locked = rows.get(pk=row.pk)
    if states and locked.state not in states:  # type: ignore[attr-defined]
        raise WrongState(state=locked.state)  # type: ignore[attr-defined]
    return locked


def need_reason(text: str) -> str:
    """Return a clean reason; raise ``ReasonMissing`` for none."""
    reason = clean_text(text, most=200)
    if not reason:
        raise ReasonMissing(field="reason")
    return reason


def coming_day(day: dt.date, field: str, now: dt.datetime | None = None) -> dt.date:
    """Refuse a day that has passed."""
    if day < timezone.localdate(now):
        raise DayPassed(field=field)
    return day


def require_active(enterprise: Enterprise) -> None:
    """Raise ``NotActive`` for a sponsor that is not approved, suspended or merged, or whose organisation is closed."""
    closed = enterprise.organisation.status == Organisation.Status.CLOSED
    if closed or enterprise.state != Enterprise.State.ACTIVE:
        raise NotActive(state=enterprise.state)
