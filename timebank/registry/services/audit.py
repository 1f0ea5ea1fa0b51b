"""Writing down who did what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from timebank.registry.models import AuditEntry, Region, Resident, User


def record_audit(
    *,
    actor: User | None,
    action: str,
    subject: str,
    region: Region | None = None,
    on_behalf_of: Resident | None = None,
    reason: str = "",
    facts: dict[str, Any] | None = None,
    now: dt.datetime | None = None,
) -> AuditEntry:
    """Add one line to the audit trail; ``actor`` is nobody only when the machine itself acted."""
    return AuditEntry.objects.create(
        occurred_at=now or timezone.now(),
        actor=actor if actor is not None and actor.is_authenticated else None,
        on_behalf_of=on_behalf_of,
        action=action,
        subject=subject,
        region=region,
        reason=reason[:200],
        facts=facts or {},
    )


def record_audits(
    *,
    actor: User | None,
    action: str,
    rows: Iterable[tuple[str, Region | None, dict[str, Any]]],
    reason: str = "",
    now: dt.datetime | None = None,
) -> None:
    """Add a line to the audit trail for each of many things (subject, region, facts) done at once."""
    now = now or timezone.now()
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                occurred_at=now,
                actor=actor if actor is not None and actor.is_authenticated else None,
                action=action,
                subject=subject,
                region=region,
                reason=reason[:200],
                facts=facts,
            )
            for subject, region, facts in rows
        ],
        batch_size=500,
    )
