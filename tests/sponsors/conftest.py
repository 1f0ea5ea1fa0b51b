from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def giving(db: Any) -> Any:
    from tests.sponsors.world import make  # Django is not set up yet when this file is read

    return make()
