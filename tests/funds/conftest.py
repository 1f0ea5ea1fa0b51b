from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def money(db: Any) -> Any:
    from tests.funds.world import make  # Django is not set up yet when this file is read

    return make()
