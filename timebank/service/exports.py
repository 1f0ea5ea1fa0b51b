"""This app's part of a person's own data: sign-ups, attendance, hours, objections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from timebank.registry.models import Resident
from timebank.service.models import Attendance, Objection, Record, SignUp


def section(resident: Resident) -> dict[str, Iterable[dict[str, Any]]]:
    """Return what service keeps about a person."""
    return {
        "sign_ups": SignUp.objects.filter(resident=resident)
        .values("activity__title", "activity__starts_at", "state", "created_at", "reason")
        .order_by("created_at", "pk"),
        "attendance": Attendance.objects.filter(resident=resident)
        .values("activity__title", "checked_in_at", "check_in_method", "checked_out_at", "check_out_method")
        .order_by("checked_in_at", "pk"),
        "hours": Record.objects.filter(resident=resident)
        .values("served_on", "title", "minutes", "state", "points", "entered_at", "verified_at", "credited_at")
        .order_by("served_on", "pk"),
        # One's own objections in full; of others' objections to one's record what they say, never who says it.
        "objections": (
            {
                "mine": objection.resident_id == resident.pk,
                "record": objection.record.title,
                "text": objection.text,
                "raised_at": objection.raised_at,
                "state": objection.state,
                "answer": objection.answer,
                "answered_at": objection.answered_at,
            }
            for objection in Objection.objects.filter(Q(resident=resident) | Q(record__resident=resident))
            .select_related("record")
            .order_by("raised_at", "pk")
        ),
    }
