from __future__ import annotations

from tests.support import worlds

money = worlds.fixture("money", "tests.factories.funds.make")
