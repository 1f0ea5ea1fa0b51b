from __future__ import annotations

from typing import Any

import pytest

from tests.support import worlds

money = worlds.fixture("money", "tests.factories.funds.make")


@pytest.fixture
def no_floor(money: Any) -> None:
    """Let a fund be drawn to nothing."""
    from marketplace.funds.models import Fund

    Fund.objects.update(floor_bp=0)
