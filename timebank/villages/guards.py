"""What the database keeps by itself: an opening list stays as it was entered."""

from __future__ import annotations

from timebank.common.guards import Declaration, Guarded

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded(
        "villages_openingline",
        frozen=("opening_id", "resident_id", "row", "points", "minutes"),
        because="what was signed and entered stays",
    ),
    Guarded(
        "villages_opening",
        frozen=("village_id", "state", "signed_on", "entered_by_id", "decided_by_id"),
        frozen_when="OLD.state <> 'entered'",
        because="a list is decided once",
    ),
)
