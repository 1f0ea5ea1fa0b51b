from __future__ import annotations

from tests.support import worlds

giving = worlds.fixture("giving", "tests.factories.sponsors.make")
