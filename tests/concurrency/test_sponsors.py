"""Many at once around gifts. Every promise has its race here, and a control that shows the race with the guard off."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

from marketplace.sponsors import errors
from marketplace.sponsors.models import Claim, Delivery, Pledge, Receipt, ReceiptSeries
from marketplace.sponsors.services import deliveries, enterprises, needs, papers, pledges
from tests.factories.rewards import counters
from tests.factories.sponsors import Giving
from tests.support import worlds
from timebank.common.errors import WrongState

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.pg_only("SQLite has one writer: there is no race to show"),
]


giving = worlds.fixture("giving", "tests.factories.sponsors.make")


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read rows without locking them: the guard off."""
    monkeypatch.setattr(models.QuerySet, "select_for_update", lambda self, *args, **kwargs: self.all())


def audited(action: str) -> int:
    from timebank.registry.models import AuditEntry

    return AuditEntry.objects.filter(action=f"sponsors_{action}").count()


def decide_at_once(giving: Giving, run_concurrently: Any) -> Any:
    made = giving.apply("新企业")
    towns = (giving.money.town, giving.money.other_town)

    def decide(number: int) -> Any:
        return enterprises.decide_application(
            enterprise=made, actor=towns[number % 2], approve=number % 2 == 0, reason="不合规"
        )

    return run_concurrently(decide, 8)


def test_two_approvals_of_one_sponsor_decide_once(giving: Giving, run_concurrently: Any) -> None:
    answer = decide_at_once(giving, run_concurrently).raise_unless(WrongState)
    assert (len(answer.results), len(answer.of(WrongState))) == (1, 7)


def test_without_the_lock_a_sponsor_is_decided_more_than_once(
    giving: Giving, run_concurrently: Any, unlocked: None
) -> None:
    """Control."""
    assert len(decide_at_once(giving, run_concurrently).results) > 1


def grant_at_once(giving: Giving, run_concurrently: Any) -> Any:
    need = giving.need()
    # Opened before, so that not its key but the lock alone decides.
    need.purpose = giving.money.purpose()
    need.save(update_fields=["purpose"])
    claims = [giving.claim(need, giving.another(f"企业{number}")) for number in range(6)]
    return run_concurrently(
        lambda number: needs.decide_claim(claim=claims[number], actor=giving.world.admin, grant=True), 6
    )


def test_two_claims_of_one_need_one_is_granted(giving: Giving, run_concurrently: Any) -> None:
    answer = grant_at_once(giving, run_concurrently).raise_unless(errors.NeedClaimed)
    assert (len(answer.results), Claim.objects.filter(state="granted").count()) == (1, 1)


def test_without_the_lock_and_the_constraint_a_need_is_claimed_twice(
    giving: Giving, run_concurrently: Any, unlocked: None, django_db_blocker: Any
) -> None:
    """Control."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX sponsors_need_claimed_once")
    try:
        grant_at_once(giving, run_concurrently)
        assert Claim.objects.filter(state="granted").count() > 1
    finally:
        Claim.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX sponsors_need_claimed_once ON sponsors_claim (need_id)"
                " WHERE state IN ('granted', 'done')"
            )


def count_at_once(giving: Giving, run_concurrently: Any) -> tuple[Any, int]:
    made = giving.announced(giving.pledge("goods"))
    before = counters(giving.world.soap)[0]

    def count(_number: int) -> Delivery:
        return deliveries.count_delivery(
            delivery=made, units=40, stockrecord=giving.world.soap, actor=giving.world.keeper
        )

    return run_concurrently(count, 6), counters(giving.world.soap)[0] - before


def test_two_counts_of_one_delivery_shelve_it_once(giving: Giving, run_concurrently: Any) -> None:
    answer, came = count_at_once(giving, run_concurrently)
    answer.raise_unless(WrongState)
    assert (len(answer.results), came, Pledge.objects.get().received_units) == (1, 40, 40)


def test_without_the_lock_a_delivery_is_shelved_more_than_once(
    giving: Giving, run_concurrently: Any, unlocked: None
) -> None:
    """Control."""
    answer, came = count_at_once(giving, run_concurrently)
    assert (len(answer.results) > 1, came > 40) == (True, True)


def test_two_decisions_of_one_pledge_open_one_purpose(giving: Giving, run_concurrently: Any) -> None:
    made = giving.pledge(accepted=False, restricted=True)
    answer = run_concurrently(
        lambda _number: pledges.decide_pledge(pledge=made, actor=giving.money.keeper, accept=True), 6
    ).raise_unless(WrongState)
    assert (len(answer.results), giving.fund.purposes.count()) == (1, 1)


def write_at_once(giving: Giving, run_concurrently: Any) -> Any:
    pledge = giving.pledge()
    papers.issue_receipt(pledge=pledge, source="payment:0", fen=1, text="款", actor=None)
    return run_concurrently(
        lambda number: papers.issue_receipt(
            pledge=pledge, source=f"payment:{number + 1}", fen=1, text="款", actor=None
        ),
        8,
    )


def test_eight_receipts_at_once_have_numbers_without_a_gap(giving: Giving, run_concurrently: Any) -> None:
    write_at_once(giving, run_concurrently).raise_unless()
    assert sorted(Receipt.objects.values_list("sequence", flat=True)) == list(range(1, 10))
    assert ReceiptSeries.objects.get().last == 9


def test_without_the_lock_two_receipts_want_one_number(giving: Giving, run_concurrently: Any, unlocked: None) -> None:
    """Control: only the constraint stands then."""
    assert write_at_once(giving, run_concurrently).errors
