"""Everything that is kept about one person, for that person.

Every app declares its part (``export_section`` of its contract): ``section(resident) -> {name: rows}``.
ID numbers are masked: an exported file travels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from timebank.common import contract
from timebank.registry import ids
from timebank.registry.models import AuditEntry, PhoneChange, Resident, RoleGrant
from timebank.registry.reads import reads_about

Rows = Iterable[dict[str, Any]]


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


def section(resident: Resident) -> dict[str, Rows]:
    """Return what the registry keeps about a person."""
    return {
        "person": _person(resident),
        "villages": resident.residences.values("village__name", "village__code", "since", "until").order_by("since"),
        "consents": resident.consents.values("version", "given_at", "on_paper", "withdrawn_at").order_by("given_at"),
        "cards": resident.cards.values("number", "status", "issued_at", "blocked_at", "blocked_reason").order_by(
            "issued_at"
        ),
        "helpers": resident.proxies.values("helper__name", "relation", "since", "until").order_by("since"),
        "phone_numbers": resident_numbers(resident),
        "roles": _roles(resident),
        "reads": reads_about(resident).values("occurred_at", "actor__name", "what", "reason"),
        "trail": AuditEntry.objects.filter(subject=f"resident:{resident.pk}")
        .values("occurred_at", "action", "actor__name", "reason")
        .order_by("occurred_at"),
    }


def resident_numbers(resident: Resident) -> Rows:
    """Select from which mobile number to which the person's sign-in went."""
    done = PhoneChange.objects.filter(user=resident.user_id or 0, done_at__isnull=False)
    return done.values("old_phone", "new_phone", "done_at", "done_by__name").order_by("done_at")


def _roles(resident: Resident) -> Rows:
    for grant in RoleGrant.objects.filter(user=resident.user_id or 0).select_related("region", "organisation"):
        yield {
            "role": grant.get_role_display(),
            "place": str(grant.region or grant.organisation),
            "granted_at": grant.granted_at,
            "ended_at": grant.ended_at,
        }


def export_of(resident: Resident) -> dict[str, list[dict[str, Any]]]:
    """Collect a person's own data by section, from every app; ``ValueError`` when two claim one section."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for declaration in contract.declared("export_section"):
        for name, rows in declaration.value(resident).items():
            if name in sections:
                raise ValueError(f"export: the section {name!r} is declared twice, again by {declaration.app!r}")
            # "village__name" is a path for the database; in a file it is "village_name".
            sections[name] = [{key.replace("__", "_"): value for key, value in row.items()} for row in rows]
    return sections
