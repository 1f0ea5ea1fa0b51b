from __future__ import annotations

from tests.support import worlds

money = worlds.fixture("money", "tests.funds.world.make")
