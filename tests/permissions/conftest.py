"""One stage for all rows: made once, every row undone after it."""

from __future__ import annotations

from tests.support import worlds

cast = worlds.fixture("cast", "tests.permissions.people.make_cast", shared=True)
