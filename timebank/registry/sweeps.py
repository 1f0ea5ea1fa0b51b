"""What the registry does by itself: forgetting, and telling old numbers, sending codes."""

from __future__ import annotations

from timebank.registry import reads
from timebank.registry.services import forgotten, phones, points

SWEEPS = [*reads.SWEEPS, *phones.SWEEPS, *forgotten.SWEEPS, *points.SWEEPS]
