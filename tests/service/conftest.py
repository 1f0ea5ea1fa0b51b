"""A small town to serve in: two villages, an admin, a leader, some residents, Wendeng's scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.service.world import World


@pytest.fixture
def world(db: None) -> World:
    """Return the town."""
    from tests.service.world import make_world  # models are ready only now

    return make_world()
