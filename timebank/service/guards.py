"""What the database keeps by itself: history stays as written, credited hours stay as credited."""

from __future__ import annotations

from timebank.common.guards import Declaration, Guarded

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded("service_recordchange", because="the history of a record is never changed"),
    Guarded("service_pointcorrection", because="what was booked is never changed"),
    Guarded(
        "service_record",
        frozen=(
            "resident_id",
            "village_id",
            "category",
            "served_on",
            "minutes",
            "unit",
            "quantity",
            "factors",
            "chosen_points",
            "chosen_by_id",
            "points",
            "rule",
            "rule_version",
            "transfer_key",
        ),
        frozen_when="OLD.state IN ('credited', 'reversed')",
        moves=("state", {"credited": ("reversed",), "reversed": ()}),
        because="a credited record is only ever reversed",
    ),
)
