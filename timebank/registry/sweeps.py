"""What the registry does by itself: forgetting, and telling old numbers."""

from __future__ import annotations

from timebank.registry import reads
from timebank.registry.services import phones

SWEEPS = [*reads.SWEEPS, *phones.SWEEPS]
