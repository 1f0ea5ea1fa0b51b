"""A small town to serve in: two villages, an admin, a leader, some residents, Wendeng's scheme."""

from __future__ import annotations

from tests.support import worlds

world = worlds.fixture("world", "tests.factories.service.make_world")
