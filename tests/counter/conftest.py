from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def world(db: Any) -> Any:
    from tests.rewards.world import build  # Django is not set up yet when this file is read

    return build()
