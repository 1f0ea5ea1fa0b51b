"""Nobody waits for the verifier."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.verify import verify


@pytest.mark.django_db(transaction=True)
def test_nobody_who_posts_waits_for_the_verifier(move, monkeypatch):
    """On SQLite a transaction of ours begins as the one writer; the verifier's must not."""
    from timebank.ledger.verify import run

    move("issuance", "li", 1)
    wrote = []

    def meanwhile(since, most, alias):
        with ThreadPoolExecutor(1) as pool:
            wrote.append(pool.submit(elsewhere).result(60))
        return []

    def elsewhere():
        with connections["default"].cursor() as cursor:
            if connection.vendor != "postgresql":
                cursor.execute("PRAGMA busy_timeout = 100")
        try:
            return ledger.post(TransferSpec("meanwhile", "test", (Leg("issuance", "li", 2),))).replayed
        finally:
            connections["default"].close()

    monkeypatch.setattr(run, "arithmetic", meanwhile)
    report = verify()
    assert wrote == [False]
    assert (report.transfers, report.clean) == (1, True), "it looks at one moment"
    assert verify().transfers == 2
    if connection.vendor != "postgresql":
        assert connection.transaction_mode == "IMMEDIATE"
