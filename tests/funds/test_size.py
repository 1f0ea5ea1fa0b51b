"""A county's month: 50,000 tickets of 200 suppliers settled within two minutes, though it is killed ten times.

The suite runs a small one; ``make attack`` (``ATTACK=long``) runs the county.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import time

import pytest
from django.db import connection
from django.db.models import Count, Sum
from django.utils import timezone

from marketplace.funds import posting
from marketplace.funds.models import Commitment, DrawDown, DrawShare, Statement
from marketplace.funds.services import statements
from marketplace.partner.models import Partner
from tests.factories.funds import Money, owed
from tests.support.killing import Killed, killed_after
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec

LONG = os.environ.get("ATTACK") == "long"
TICKETS, SUPPLIERS = (50_000, 200) if LONG else (300, 15)
KILLS = 10


@pytest.mark.pg_only("a county runs on PostgreSQL; the same services are tested on both beside this")
@pytest.mark.timeout(900)
def test_a_months_close_that_is_killed_ten_times_lists_each_ticket_once(money: Money) -> None:
    world, fund = money.world, money.fund
    partners = Partner.objects.bulk_create(
        Partner(name=f"商户{number}", code=f"P{number}", village=world.village) for number in range(SUPPLIERS)
    )
    posting.open_payables(funds=[fund], partners=[one.pk for one in partners])
    money.give(TICKETS * 800)
    specs = [
        TransferSpec(
            key=f"ticket:{number}:draw",
            kind="draw",
            legs=(
                Leg(
                    fund.wallet_key,
                    posting.payable_key(fund=fund, partner_id=partners[number % SUPPLIERS].pk),
                    800,
                ),
            ),
            unit="CNY",
        )
        for number in range(1, TICKETS + 1)
    ]
    posted = ledger.post_many(specs)
    now = timezone.now()
    rows = Commitment.objects.bulk_create(
        [
            Commitment(
                ticket_id=number,
                fund=fund,
                kind="cash",
                stockrecord=world.ticket,
                partner=partners[number % SUPPLIERS],
                product=world.ticket.product,
                village=world.village,
                unit_fen=800,
                fen=800,
                state="drawn",
            )
            for number in range(1, TICKETS + 1)
        ],
        batch_size=2000,
    )
    draws = DrawDown.objects.bulk_create(
        [
            DrawDown(
                ticket_id=row.ticket_id,
                commitment=row,
                fund=fund,
                partner=row.partner,
                fen=800,
                handed_on=timezone.localdate(),
                drawn_at=now - dt.timedelta(hours=1),
                state="open",
                transfer_id=answer.posted.id,
            )
            for row, answer in zip(rows, posted, strict=True)
            if answer.posted is not None
        ],
        batch_size=2000,
    )
    DrawShare.objects.bulk_create([DrawShare(draw=one, fund=fund, fen=800) for one in draws], batch_size=2000)
    today = timezone.localdate()
    began = time.monotonic()
    chance, kills = random.Random(20261128), 0
    while kills < KILLS:
        try:
            with connection.execute_wrapper(killed_after(chance.randint(1, 14 * SUPPLIERS // KILLS))):
                statements.issue_statements(first_day=today.replace(day=1), last_day=today)
            break
        except Killed:
            kills += 1
    statements.issue_statements(first_day=today.replace(day=1), last_day=today)
    took = time.monotonic() - began
    print(f"\n{TICKETS} tickets, {SUPPLIERS} suppliers, killed {kills} times: {took:.1f} s")
    assert kills == KILLS
    assert set(Statement.objects.values_list("fen", flat=True)) == {TICKETS // SUPPLIERS * 800}
    assert DrawDown.objects.filter(state="listed").count() == TICKETS
    assert Statement.objects.count() == SUPPLIERS
    assert owed(fund, partners[0]) == TICKETS // SUPPLIERS * 800
    assert took < 120
    # the statement says what stands on it: nothing twice, nothing missing
    listed = DrawDown.objects.values_list("statement").annotate(n=Count("pk"), fen=Sum("fen"))
    assert sorted(listed) == sorted((made.pk, TICKETS // SUPPLIERS, made.fen) for made in Statement.objects.all())
