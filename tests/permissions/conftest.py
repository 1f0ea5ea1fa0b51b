"""One stage for all rows: made once, every row undone after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.permissions.people import Cast


@pytest.fixture(scope="module")
def _stage(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    from django.db import transaction

    from tests.permissions.people import make_cast

    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        try:
            yield make_cast()
        finally:
            transaction.set_rollback(True)
            outer.__exit__(None, None, None)


@pytest.fixture
def cast(_stage: Cast, db: None) -> Cast:
    """Return the cast; what a test writes is undone."""
    return _stage
