"""Many rows at once: what is refused before anything is locked."""

from __future__ import annotations

import pytest

from timebank.ledger import services as ledger
from timebank.ledger.errors import KeyConflict
from timebank.ledger.types import Leg, TransferSpec


def test_rows_that_are_all_malformed_do_not_reach_the_database():
    rows = [TransferSpec(key=key, kind="test", legs=(Leg("issuance", "li", 0),)) for key in ("a", "b")]
    results = ledger.post_many(rows)  # without the fixture `db`, any statement would fail
    assert [(one.key, one.posted, one.error.code) for one in results] == [
        ("a", None, "invalid_amount"),
        ("b", None, "invalid_amount"),
    ]
    assert ledger.post_many([]) == []


def test_a_conflict_names_the_key(move):
    move("issuance", "li", 5, key="mint:1")
    with pytest.raises(KeyConflict) as refused:
        move("issuance", "li", 6, key="mint:1")
    assert refused.value.params == {"key": "mint:1"}
