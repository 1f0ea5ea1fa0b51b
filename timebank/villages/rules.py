"""What needs a role here (``duties`` says whose)."""

from __future__ import annotations

from timebank.registry.rules import GRANT_ROLE

KEEP_OFFICE = "keep_office"  # hours and telephone of a place
OPEN_VILLAGE = "open_village"
ENTER_OPENING = "enter_opening"  # what residents had before
APPROVE_OPENING = "approve_opening"
SEEING = (KEEP_OFFICE, GRANT_ROLE)  # one of these, and one reads what a village lacks
