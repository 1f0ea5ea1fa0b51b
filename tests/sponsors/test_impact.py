"""What may be published of what gifts did: whole months, nothing under five, no two figures that differ by 1–4."""

from __future__ import annotations

import datetime as dt
from itertools import combinations
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from marketplace.funds.models import Commitment, DrawDown, DrawShare, Fund
from marketplace.rewards.models import Ticket
from marketplace.sponsors.selectors.impact import Impact, impact_of, rounded
from tests.factories.sponsors import Giving


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_two_published_numbers_differ_by_one_to_four(one: int, other: int) -> None:
    assert abs(rounded(one) - rounded(other)) not in {1, 2, 3, 4}
    assert rounded(one) not in {1, 2, 3, 4}
    assert 0 <= one - rounded(one) < 5


@pytest.fixture
def served(giving: Giving) -> Any:
    """Return ``served(purpose, month, people)``: that many residents had a bath under the purpose in the month."""
    Fund.objects.update(floor_bp=0)
    pool: list[Any] = []

    def serve(purpose: Any, month: dt.date, people: int, fen: int = 800) -> None:
        at = dt.datetime(month.year, month.month, 10, 4, tzinfo=dt.UTC)
        while len(pool) < people:
            pool.append(giving.world.resident(f"居民{len(pool)}", points=100000, sign_in=False))
        for resident in pool[:people]:
            made = giving.world.redeem(resident, (giving.world.ticket, 1), actor=giving.world.clerk)
            (ticket,) = made.tickets.all()
            Ticket.objects.filter(pk=ticket.pk).update(state="handed_over", handed_over_at=at, hand_overs=1)
            commitment, _made = Commitment.objects.update_or_create(
                ticket_id=ticket.pk,
                defaults={
                    "fund": giving.fund,
                    "kind": "cash",
                    "stockrecord": giving.world.ticket,
                    "partner": giving.world.bath,
                    "product": giving.world.ticket.product,
                    "village": giving.world.village,
                    "fen": fen,
                    "state": "drawn",
                },
            )
            draw = DrawDown.objects.create(
                ticket_id=ticket.pk,
                commitment=commitment,
                fund=giving.fund,
                partner=giving.world.bath,
                fen=fen,
                handed_on=timezone.localdate(at),
                transfer_id=10**6 + ticket.pk,
            )
            DrawShare.objects.create(draw=draw, fund=giving.fund, purpose=purpose, fen=fen)

    return serve


def figures(made: Impact) -> list[int]:
    return [made.people, made.units, *(n for month in made.months for n in (month.people, month.units))]


@pytest.mark.breaks_ledger("the tickets are set to handed over without the posting")
def test_months_with_few_people_are_not_shown_and_nothing_gives_them_away(giving: Giving, served: Any) -> None:
    pledge = giving.pledge(restricted=True)
    type(pledge).objects.filter(pk=pledge.pk).update(received_fen=100000, fee_fen=2930)
    september, october, november = dt.date(2026, 9, 1), dt.date(2026, 10, 1), dt.date(2026, 11, 1)
    served(pledge.purpose, september, 7)
    served(pledge.purpose, october, 4)
    served(pledge.purpose, november, 9)
    made = impact_of([giving.sponsor], today=dt.date(2026, 11, 20))
    assert [(month.month, month.people, month.fen) for month in made.months] == [(september, 5, 5600), (october, 0, 0)]
    assert (made.people, made.at_work, made.used, made.not_shown) == (5, 97070, 5600, 91470)
    assert made.rewards == [("洗浴一次", 5)]
    for one, other in combinations(figures(made), 2):
        assert abs(one - other) not in {1, 2, 3, 4}
    later = impact_of([giving.sponsor], today=dt.date(2026, 12, 1))
    assert [month.people for month in later.months] == [5, 0, 5]


@pytest.mark.breaks_ledger("the tickets are set to handed over without the posting")
def test_what_others_gave_is_not_counted(giving: Giving, served: Any) -> None:
    other = giving.another()
    served(giving.pledge(restricted=True, enterprise=other).purpose, dt.date(2026, 9, 1), 6)
    assert impact_of([giving.sponsor], today=dt.date(2026, 11, 20)).people == 0
    assert impact_of([other], today=dt.date(2026, 11, 20)).people == 5
