"""The core of the ledger's tests once more with the short way off: it is speed, never another result.

``LEDGER_FAST_PATH=0 make test`` runs the whole suite so.
"""

from __future__ import annotations

import pytest

from tests.ledger.test_corrections import *  # noqa: F403
from tests.ledger.test_holds_and_expiry import *  # noqa: F403
from tests.ledger.test_posting import *  # noqa: F403
from tests.ledger.test_posting import statements

pytestmark = [pytest.mark.fast_path("what is switched off"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _off(long_way):
    long_way()


def test_control_the_short_way_is_off(move):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from timebank.ledger.store import store_for

    move("issuance", "li", 5)
    with CaptureQueriesContext(connection) as seen:
        move("li", "shop", 5)
    assert store_for("default").fast is None
    assert len(statements(seen)) == 3, "lock, read, write: no call of a function"
