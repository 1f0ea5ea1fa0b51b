"""What needs a role here (``duties`` says whose)."""

from __future__ import annotations

KEEP_OFFICE = "keep_office"  # hours and telephone of a place
OPEN_VILLAGE = "open_village"
ENTER_OPENING = "enter_opening"  # what residents had before
APPROVE_OPENING = "approve_opening"
