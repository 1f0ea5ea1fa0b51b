"""Everything the house knows about one person, for that person.

Other apps add their part in ``AppConfig.ready``: ``exports.provide("hours", lambda resident: [{...}, …])``.
ID numbers are masked: an exported file travels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from timebank.registry import ids
from timebank.registry.models import AuditEntry, Resident

Rows = Iterable[dict[str, Any]]
_providers: dict[str, Callable[[Resident], Rows]] = {}


def provide(section: str, provider: Callable[[Resident], Rows]) -> None:
    """Register a section; the same name again replaces it."""
    _providers[section] = provider


def _person(resident: Resident) -> Rows:
    number = ids.decrypt(resident.id_number_encrypted)
    yield {
        "name": resident.name,
        "volunteer_number": resident.volunteer_number,
        "birth_date": resident.birth_date,
        "phone": resident.phone,
        "id_number": ids.mask(number) if number else "",
        "village": f"{resident.village.name} {resident.village.code}",
        "household": str(resident.household or ""),
        "emergency_contact": resident.emergency_contact,
        "on_honour_roll": resident.on_honour_roll,
        "status": resident.status,
        "created_at": resident.created_at,
        "closed_at": resident.closed_at,
    }


def _sections(resident: Resident) -> Iterable[tuple[str, Rows]]:
    yield "person", _person(resident)
    yield "villages", resident.residences.values("village__name", "village__code", "since", "until").order_by("since")
    yield "consents", resident.consents.values("version", "given_at", "on_paper", "withdrawn_at").order_by("given_at")
    yield (
        "cards",
        resident.cards.values("number", "status", "issued_at", "blocked_at", "blocked_reason").order_by("issued_at"),
    )
    yield "helpers", resident.proxies.values("helper__name", "relation", "since", "until").order_by("since")
    yield (
        "trail",
        AuditEntry.objects.filter(subject=f"resident:{resident.pk}")
        .values("occurred_at", "action", "actor__name", "reason")
        .order_by("occurred_at"),
    )
    for section, provider in _providers.items():
        yield section, provider(resident)


def export_of(resident: Resident) -> dict[str, list[dict[str, Any]]]:
    """Collect a person's own data by section."""
    return {section: [dict(row) for row in rows] for section, rows in _sections(resident)}
