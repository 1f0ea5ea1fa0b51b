from __future__ import annotations

from tests.support import worlds

world = worlds.fixture("world", "tests.factories.rewards.build")
