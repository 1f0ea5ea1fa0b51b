"""What flowed through a set of accounts, by month and kind: the village's monthly statement rests on it."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import services as ledger
from timebank.ledger.selectors import flows
from timebank.ledger.selectors.flows import Flow, flows_of, moved_by
from timebank.ledger.types import Leg, TransferSpec

MAY, JUNE = dt.date(2030, 5, 1), dt.date(2030, 6, 1)


@pytest.fixture
def spring(move):
    """Two months of earning and spending."""
    move("issuance", "li", 500, kind="earn", effective_on=dt.date(2030, 5, 31))
    move("issuance", "li", 300, kind="earn", effective_on=dt.date(2030, 6, 1))
    move("issuance", "wang", 40, kind="earn", effective_on=dt.date(2030, 6, 30))
    move("li", "shop", 120, kind="redeem", effective_on=dt.date(2030, 6, 2))
    move("li", "wang", 7, kind="gift", effective_on=dt.date(2030, 6, 2))


def test_flows_are_summed_by_month_and_kind_oldest_first(spring):
    assert flows_of(["li"]) == [
        Flow(MAY, "earn", into=500, out=0, count=1),
        Flow(JUNE, "earn", into=300, out=0, count=1),
        Flow(JUNE, "gift", into=0, out=7, count=1),
        Flow(JUNE, "redeem", into=0, out=120, count=1),
    ]


def test_what_passes_inside_the_set_counts_on_both_sides(spring):
    assert [(one.month, one.kind, one.into, one.out) for one in flows_of(["li", "wang", "li"])] == [
        (MAY, "earn", 500, 0),
        (JUNE, "earn", 340, 0),
        (JUNE, "gift", 7, 7),
        (JUNE, "redeem", 0, 120),
    ]


def test_transfers_are_counted(spring):
    assert [(one.kind, one.count) for one in flows_of(["issuance"])] == [("earn", 1), ("earn", 2)]


def test_a_transfer_of_several_postings_counts_once(move):
    move("issuance", "li", 10, until=SOON)
    move("issuance", "li", 10, until=LATER)
    legs = (Leg("li", "shop", 15), Leg("li", "shop", 3))
    ledger.post(TransferSpec(key="basket", kind="redeem", legs=legs, effective_on=JUNE))
    assert flows_of(["shop"]) == [Flow(JUNE, "redeem", into=18, out=0, count=1)]


def test_months_are_those_of_the_deed_not_of_the_posting(move, time_machine):
    time_machine.move_to(dt.datetime(2030, 7, 15, tzinfo=dt.UTC))
    move("issuance", "li", 5, kind="earn", effective_on=dt.date(2030, 5, 15))
    move("issuance", "li", 6, kind="earn")
    assert [(flow.month, flow.into) for flow in flows_of(["li"])] == [(MAY, 5), (dt.date(2030, 7, 1), 6)]


def test_nothing_flows_through_accounts_that_are_not_there(spring):
    assert flows_of([]) == []
    assert flows_of(["nobody"]) == []
    assert flows_of(["nobody", "shop"]) == [Flow(JUNE, "redeem", into=120, out=0, count=1)]


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_many_accounts_are_read_in_portions_and_none_is_lost(spring, monkeypatch, chunk):
    whole = flows_of(["shop", "li", "wang"])
    monkeypatch.setattr(flows, "_CHUNK", chunk)
    portions = flows_of(["shop", "li", "wang"])
    assert [(one.month, one.kind, one.into, one.out) for one in portions] == [
        (one.month, one.kind, one.into, one.out) for one in whole
    ]
    assert sum(one.into for one in portions) == 500 + 300 + 40 + 120 + 7


@pytest.mark.parametrize("chunk", [1, 2, 500])
def test_what_a_set_of_transfers_moved_leaves_debts_aside(move, monkeypatch, chunk):
    monkeypatch.setattr(flows, "_CHUNK", chunk)
    wrong = move("issuance", "li", 100)
    spent = move("li", "shop", 60)
    back = ledger.reverse(wrong.id, key="back", reason="mistake", actor="staff:1")  # lends 60
    repaid = move("issuance", "li", 25)  # all of it repays
    assert moved_by([wrong.id, spent.id]) == 160
    assert moved_by([back.id]) == 100
    assert moved_by(iter([wrong.id, spent.id, back.id, repaid.id])) == 100 + 60 + 100 + 25
    assert moved_by([]) == 0
    assert moved_by([0]) == 0
