from __future__ import annotations

from timebank.common.guards import Guarded

APPEND_ONLY = (Guarded("bees_hive"),)
