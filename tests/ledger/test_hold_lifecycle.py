"""A hold from its placing to its answer: what is written about it, lot by lot, and how the sweep finds those due."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Hold, HoldResolution, Transfer
from timebank.ledger.services import holds
from timebank.ledger.types import LotUse, LotView

NOON = dt.datetime(2030, 5, 4, 4, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WORDS = {"reason": "booking", "memo": "haircut", "actor": "li", "on_behalf_of": "wang", "source": "booking:1"}


@pytest.fixture(autouse=True)
def noon(time_machine):
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def rich(move):
    move("issuance", "li", 100, until=SOON)
    move("issuance", "li", 100, until=LATER)
    return move


def place(amount=150, key="hold", **more):
    return ledger.hold(**{"key": key, "wallet": "li", "amount": amount, "expires_at": NOON + HOUR, **more})


def described(transfer_id):
    view = read.transfer_by_id(transfer_id)
    return {name: getattr(view, name) for name in ("kind", "unit", "rule", *WORDS)}


# -- What is written ---------------------------------------------------------------------------------------------------
def test_a_hold_is_written_down_with_all_that_was_said(rich):
    held = place(**WORDS, rule="scheme:3")
    assert (held.amount, held.expires_at, held.created_at) == (150, NOON + HOUR, NOON)
    assert held.wallet.key == "li"
    assert described(held.transfer_id) == {**WORDS, "kind": "hold", "unit": "PTS", "rule": "scheme:3"}
    assert read.balance_of("holds:PTS").total == 150


def test_a_hold_says_no_more_than_it_was_told(rich):
    assert described(place().transfer_id) == {**dict.fromkeys(WORDS, ""), "kind": "hold", "unit": "PTS", "rule": ""}


def test_earmarked_points_are_held_only_for_what_allows_them(move):
    move("issuance", "li", 50, until=SOON, earmark="food")
    with pytest.raises(errors.InsufficientFunds):
        place(50)
    with pytest.raises(errors.InsufficientFunds):
        place(50, allow_restrictions=("books",))
    held = place(50, allow_restrictions=("food",))
    assert ledger.release(held.pk, key="r", actor="li").lots == (LotUse(SOON, "food", 50),)
    assert read.lots_of("li") == [LotView(SOON, "food", 50)]


def test_money_is_held_on_an_account_of_its_own(village):
    ledger.open_account(key="bank", kind="system", unit="CNY")
    ledger.open_account(key="fund", kind="wallet", unit="CNY")
    ledger.post(ledger_spec("bank", "fund", 500))
    held = place(200, wallet="fund", unit="CNY")
    assert described(held.transfer_id)["unit"] == "CNY"
    assert read.balance_of("holds:CNY").total == 200
    posted = ledger.capture(held.pk, to="bank", amount=80, key="c", actor="clerk:1")
    assert described(posted.id)["unit"] == "CNY"
    assert (read.balance_of("fund").total, read.balance_of("holds:CNY").total) == (420, 0)


def ledger_spec(debit, credit, amount):
    from timebank.ledger.types import Leg, TransferSpec

    return TransferSpec(key="money", kind="test", legs=(Leg(debit, credit, amount),), unit="CNY")


@pytest.mark.parametrize("late", [dt.timedelta(0), -HOUR])
def test_a_hold_that_would_be_over_at_once_is_refused(rich, late):
    with pytest.raises(errors.HoldExpired):
        place(expires_at=NOON + late)
    assert not Hold.objects.exists()


def test_the_same_key_with_another_end_is_another_hold(rich):
    place()
    with pytest.raises(errors.KeyConflict):
        place(expires_at=NOON + 2 * HOUR)


def test_what_keeps_no_lots_cannot_be_held(rich):
    rich("issuance", "shop", 10)
    with pytest.raises(errors.InvalidTransfer) as refused:
        place(1, wallet="shop")
    assert refused.value.params == {"account": "shop"}


# -- What is answered --------------------------------------------------------------------------------------------------
def test_a_capture_is_written_down_with_all_that_was_said(rich):
    held = place(**WORDS, rule="scheme:3")
    said = {"reason": "collected", "memo": "came late", "source": "ticket:9"}
    posted = ledger.capture(held.pk, to="shop", amount=120, key="c", actor="clerk:1", **said)
    expected = {
        **said,
        "kind": "capture",
        "unit": "PTS",
        "actor": "clerk:1",
        "on_behalf_of": "wang",
        "rule": "scheme:3",
    }
    assert described(posted.id) == expected
    answer = HoldResolution.objects.get()
    assert (answer.hold_id, answer.transfer_id, answer.outcome) == (held.pk, posted.id, "captured")
    assert (answer.amount, answer.captured, answer.resolved_at) == (150, 120, NOON)
    assert [(one.leg, one.debit, one.credit, one.amount) for one in read.transfer_by_id(posted.id).postings] == [
        (0, "holds:PTS", "shop", 100),
        (0, "holds:PTS", "shop", 20),
        (1, "holds:PTS", "li", 30),
    ]


def test_an_answer_that_names_no_source_keeps_the_holds(rich):
    one = place(10, key="one", **WORDS)
    two = place(10, key="two", **WORDS)
    captured = ledger.capture(one.pk, to="shop", key="c", actor="clerk:1")
    assert described(captured.id) == {
        "kind": "capture", "unit": "PTS", "rule": "", "reason": "", "memo": "",
        "actor": "clerk:1", "on_behalf_of": "wang", "source": "booking:1",
    }  # fmt: skip
    released = ledger.release(two.pk, key="r", actor="clerk:2")
    assert described(released.id) == {
        "kind": "release", "unit": "PTS", "rule": "", "reason": "", "memo": "",
        "actor": "clerk:2", "on_behalf_of": "wang", "source": "booking:1",
    }  # fmt: skip


def test_a_release_is_written_down_with_all_that_was_said(rich):
    held = place()
    posted = ledger.release(held.pk, key="r", actor="li", reason="cancelled", memo="fell ill")
    found = described(posted.id)
    assert (found["kind"], found["actor"], found["reason"], found["memo"]) == ("release", "li", "cancelled", "fell ill")
    answer = HoldResolution.objects.get()
    assert (answer.outcome, answer.amount, answer.captured, answer.transfer_id) == ("released", 150, 0, posted.id)


def test_a_capture_to_several_takes_the_soonest_lots_first(rich):
    held = place()
    posted = ledger.capture(held.pk, to=[("shop", 70), ("bath", 60)], key="c", actor="x")
    moved = [(one.leg, one.credit, one.amount, one.origin_id) for one in read.transfer_by_id(posted.id).postings]
    first, second = (one.id for one in read.transfer_by_id(held.transfer_id).postings)
    assert moved == [
        (0, "shop", 70, first),
        (1, "bath", 30, first),
        (1, "bath", 30, second),
        (2, "li", 20, second),
    ]
    assert read.lots_of("li") == [LotView(LATER, "", 70)]
    assert HoldResolution.objects.get().captured == 130


def test_a_part_that_ends_with_a_lot_leaves_the_next_lot_to_the_next_part(rich):
    held = place(200)
    posted = ledger.capture(held.pk, to=[("shop", 100), ("bath", 100)], key="c", actor="x")
    moved = [(one.leg, one.credit, one.amount) for one in read.transfer_by_id(posted.id).postings]
    assert moved == [(0, "shop", 100), (1, "bath", 100)]


@pytest.mark.parametrize("to", [[("shop", 1)], [("shop", 1), ("bath", 1)]])
def test_a_hundredth_of_a_point_is_enough(rich, to):
    ledger.capture(place().pk, to=to, key="c", actor="x")
    assert read.balance_of("li").total == 200 - len(to)


@pytest.mark.parametrize(
    "to",
    [[], [("shop", 0)], [("shop", 10), ("bath", 0)], [("shop", 10), ("bath", -1)], [("shop", 1.0)], [("shop", 151)]],
)
def test_parts_must_be_whole_and_within_what_is_held(rich, to):
    held = place()
    with pytest.raises(errors.InvalidAmount) as refused:
        ledger.capture(held.pk, to=to, key="c", actor="x")
    assert refused.value.params == {"held": 150}


def test_captured_points_that_come_back_late_get_a_grace(rich, noon):
    held = place(expires_at=dt.datetime(2100, 2, 1, tzinfo=dt.UTC))
    noon.move_to(dt.datetime(2100, 1, 1, 4, 0, tzinfo=dt.UTC))
    ledger.release(held.pk, key="r", actor="li")
    assert read.lots_of("li") == [LotView(dt.date(2100, 1, 31), "", 150)]


def test_an_unknown_hold_is_named(village):
    with pytest.raises(errors.UnknownTransfer) as refused:
        ledger.release(77, key="r", actor="x")
    assert refused.value.params == {"hold": 77}
    with pytest.raises(errors.UnknownTransfer) as refused:
        ledger.capture(77, to="shop", key="r", actor="x")
    assert refused.value.params == {"hold": 77}


def test_an_answered_hold_tells_how_it_was_answered(rich):
    held = place()
    ledger.capture(held.pk, to="shop", key="c", actor="x")
    with pytest.raises(errors.HoldResolved) as refused:
        ledger.release(held.pk, key="r", actor="x")
    assert refused.value.params == {"hold": held.pk, "outcome": "captured"}


def test_a_replay_is_answered_even_after_the_hold_ran_out(rich, noon):
    held = place()
    first = ledger.capture(held.pk, to="shop", key="c", actor="x")
    noon.move_to(NOON + 2 * HOUR)
    again = ledger.capture(held.pk, to="shop", key="c", actor="x")
    assert (again.id, again.replayed) == (first.id, True)
    assert HoldResolution.objects.count() == 1


def test_a_hold_is_captured_up_to_its_last_moment_and_then_released_only(rich, noon):
    one, two, three = (place(10, key=f"h{n}") for n in range(3))
    noon.move_to(NOON + HOUR - dt.timedelta(seconds=1), tick=False)
    ledger.capture(one.pk, to="shop", key="c1", actor="x")
    noon.move_to(NOON + HOUR, tick=False)
    with pytest.raises(errors.HoldExpired) as refused:
        ledger.capture(two.pk, to="shop", key="c2", actor="x")
    assert refused.value.params == {"hold": two.pk}
    ledger.release(three.pk, key="r3", actor="x")
    assert read.balance_of("li").held == 10


def test_a_key_of_another_transfer_does_not_answer_a_hold(rich):
    held = place()
    other = place(10, key="other")
    ledger.release(other.pk, key="taken", actor="x")
    with pytest.raises(errors.KeyConflict):
        ledger.release(held.pk, key="taken", actor="x")
    with pytest.raises(errors.KeyConflict):
        ledger.release(held.pk, key="hold", actor="x")
    assert read.balance_of("li").held == 150


@pytest.mark.parametrize("changes", [{"memo": "x" * 501}, {"reason": "x" * 65}, {"actor": "x" * 121}, {"key": ""}])
def test_an_answer_that_is_not_well_formed_is_refused(rich, changes):
    held = place()
    with pytest.raises(errors.InvalidTransfer):
        ledger.release(held.pk, **{"key": "r", "actor": "x", **changes})
    assert read.balance_of("li").held == 150


# -- The sweep ---------------------------------------------------------------------------------------------------------
def test_what_lapsed_is_written_down_as_done_by_the_system(rich, noon):
    held = place(**WORDS)
    noon.move_to(NOON + 3 * HOUR, tick=False)
    assert ledger.lapse_due_holds(NOON + HOUR) == 1
    answer = HoldResolution.objects.get()
    assert (answer.outcome, answer.captured, answer.resolved_at) == ("lapsed", 0, NOON + HOUR)
    assert described(answer.transfer_id) == {
        "kind": "lapse", "unit": "PTS", "rule": "", "reason": "hold_lapsed", "memo": "",
        "actor": "system", "on_behalf_of": "wang", "source": "booking:1",
    }  # fmt: skip
    assert Transfer.objects.get(pk=answer.transfer_id).key == f"lapse:{held.pk}"


def test_the_sweep_takes_those_due_and_no_other(rich):
    due = [place(10, key=f"due{n}") for n in range(3)]
    place(10, key="later", expires_at=NOON + 2 * HOUR)
    answered = place(10, key="answered")
    ledger.release(answered.pk, key="r", actor="li")
    assert ledger.lapse_due_holds() == 0
    assert ledger.lapse_due_holds(NOON + HOUR) == 3
    assert ledger.lapse_due_holds(NOON + HOUR) == 0
    assert set(HoldResolution.objects.filter(outcome="lapsed").values_list("hold_id", flat=True)) == {h.pk for h in due}
    assert read.balance_of("li").held == 10


def test_the_sweep_takes_all_of_them(rich):
    for number in range(5):
        place(10 + number, key=f"h{number}")
    assert ledger.lapse_due_holds(NOON + HOUR) == 5
    assert read.balance_of("li").spendable == 200


def test_the_sweep_does_not_lock_what_was_answered(rich, monkeypatch):
    ledger.release(place().pk, key="r", actor="li")

    def never(hold_id):
        raise AssertionError(hold_id)

    monkeypatch.setattr(holds, "_locked", never)
    assert ledger.lapse_due_holds(NOON + HOUR) == 0


def test_the_sweep_passes_over_what_somebody_answered_meanwhile(rich, monkeypatch):
    first, second, third = (place(10, key=f"h{n}") for n in range(3))
    locked = holds._locked

    def while_another_is_quicker(hold_id):
        monkeypatch.setattr(holds, "_locked", locked)
        ledger.release(second.pk, key="r", actor="li")
        return locked(hold_id)

    monkeypatch.setattr(holds, "_locked", while_another_is_quicker)
    assert ledger.lapse_due_holds(NOON + HOUR) == 2
    outcomes = dict(HoldResolution.objects.values_list("hold_id", "outcome"))
    assert outcomes == {first.pk: "lapsed", second.pk: "released", third.pk: "lapsed"}


def test_a_sweep_for_a_later_moment_gives_the_grace_of_that_moment(rich):
    place()
    assert ledger.lapse_due_holds(dt.datetime(2100, 1, 1, 4, 0, tzinfo=dt.UTC)) == 1
    assert read.lots_of("li") == [LotView(LATER, "", 50), LotView(dt.date(2100, 1, 31), "", 150)]
