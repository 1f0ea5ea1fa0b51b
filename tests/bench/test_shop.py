"""B8's crowd redeems and collects at a real server: what it counts has happened."""

from __future__ import annotations

import pytest
from django.conf import settings

from bench import b8, http, shop_jobs
from marketplace.rewards.models import Redemption, Ticket
from tests.faults.test_slow_clients import database_url

CROWD = b8.Crowd(1, 1, 1, 0.2)  # who redeems and hands over goes on until one thing was collected


@pytest.mark.slow("starts a web server")
@pytest.mark.money_without_rows("the residents' points come from nowhere, by the ledger alone")
def test_a_crowd_reads_redeems_and_collects(transactional_db, tmp_path):
    shop = shop_jobs.prepare(products=3, residents=2, clerks=1)
    environment = {"DEBUG": "1", "DEMO": "0", "SECRET_KEY": settings.SECRET_KEY}  # no collected files, no practice bank
    load = b8.measure(database_url(), shop, CROWD, str(tmp_path), "--no-tasks", "--workers", "1", **environment)
    assert load.errors == []
    assert len(load.times["redeem"]) == Redemption.objects.count() > 0
    assert len(load.times["hand over"]) == Ticket.objects.filter(state=Ticket.State.HANDED_OVER).count() > 0
    made = {row.case: row for row in b8.rows(load, CROWD)}
    assert made["errors"].met
    assert made["all"].figure > 0
    assert len(load.times["request"]) > len(load.times["redeem"]) * 4  # with the pages that steps lead to
    assert made["every request, p95"].goal == "< 1000"


def test_control_what_goes_wrong_is_counted_and_ends_nobodys_work():
    turns = iter(range(10**9))

    def person(timed):
        if next(turns) % 2:
            raise http.RefusedError("GET /: 500")
        timed("look", lambda: http.Answer(200, "/", ""))

    load = http.together([person], 0.05)
    assert load.errors[0] == "RefusedError: GET /: 500"
    assert len(load.times["look"]) > 1
    assert not b8.rows(load, b8.CROWDS["toy"])[0].met
