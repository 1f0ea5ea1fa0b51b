"""Everything that a reader is shown of a transfer, a line and a receipt, field by field."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import pytest
from django.utils import timezone

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.canon import leaf_hash, seal_hash, short_digest
from timebank.ledger.models import Seal, Transfer
from timebank.ledger.selectors.flows import flows_of
from timebank.ledger.selectors.proofs import receipt_holds, receipt_of, receipt_text, seal_by_digest
from timebank.ledger.types import Balance, Leg, Line, LotUse, LotView, Page, PostingView, TransferSpec, TransferView

NOON = dt.datetime(2030, 5, 4, 4, 0, tzinfo=dt.UTC)
DAY = dt.date(2030, 5, 1)
WORDS = {
    "memo": "rice", "reason": "redeem", "actor": "clerk:1", "on_behalf_of": "wang", "source": "ticket:9", "rule": "v3",
}  # fmt: skip


@pytest.fixture
def paid(move, time_machine):
    """Pay 60 out of two lots, with all that can be said about it."""
    time_machine.move_to(NOON, tick=False)
    move("issuance", "li", 50, until=SOON, earmark="food")
    move("issuance", "li", 50)
    legs = (Leg("li", "shop", 60),)
    return ledger.post(
        TransferSpec(key="pay", kind="redeem", legs=legs, effective_on=DAY, allow_restrictions=("food",), **WORDS)
    )


# -- Transfers ---------------------------------------------------------------------------------------------------------
def test_a_transfer_is_shown_as_it_was_posted(paid):
    view = read.transfer_by_key("pay")
    first, second = (one.id for one in view.postings)
    assert view == TransferView(
        id=paid.id, uuid=paid.uuid, key="pay", kind="redeem", unit="PTS", posted_at=NOON, effective_on=DAY,
        reverses_id=None, refund_of_id=None, reversed_by_id=None, refunded=0, **WORDS,
        postings=(
            PostingView(first, 0, "li", "shop", 50, SOON, "food", None),
            PostingView(second, 0, "li", "shop", 10, None, "", None),
        ),
    )  # fmt: skip
    assert view == read.transfer_by_id(paid.id) == read.transfer_by_uuid(paid.uuid)
    assert view.amount == 60


def test_a_credit_shows_the_lot_it_went_into(paid):
    earmarked = Transfer.objects.order_by("pk").first()
    (posting,) = read.transfer_by_id(earmarked.pk).postings
    assert (posting.expires_on, posting.restriction) == (SOON, "food")


def test_what_touches_no_lot_shows_none(move):
    (posting,) = read.transfer_by_id(move("issuance", "shop", 5).id).postings
    assert (posting.expires_on, posting.restriction) == (None, "")


def test_a_reversed_transfer_was_not_refunded(paid):
    back = ledger.reverse(paid.id, key="back", reason="mistake", actor="staff:1")
    view = read.transfer_by_id(paid.id)
    assert (view.reversed_by_id, view.refunded) == (back.id, 0)
    assert read.transfer_by_id(back.id).postings[0].origin_id == view.postings[1].id


def test_debts_do_not_count_into_what_a_transfer_moved(move):
    wrong = move("issuance", "li", 100)
    move("li", "shop", 100)
    back = read.transfer_by_id(ledger.reverse(wrong.id, key="back", reason="mistake", actor="staff:1").id)
    assert [one.leg for one in back.postings] == [-1, 0]
    assert back.amount == 100


def test_transfers_of_a_source_are_listed_oldest_first(move):
    first = move("issuance", "li", 1, source="record:7")
    move("issuance", "li", 1)
    second = move("issuance", "wang", 2, source="record:7")
    assert [one.id for one in read.transfers_for_source("record:7")] == [first.id, second.id]
    assert read.transfers_for_source("") == []
    assert read.transfers_for_source("record:8") == []


# -- Statements --------------------------------------------------------------------------------------------------------
def test_a_line_shows_all_that_was_said(paid):
    (line, *_older) = read.statement("li").lines
    postings = read.transfer_by_id(paid.id).postings
    assert line == Line(
        id=postings[0].id, posted_at=NOON, effective_on=DAY, kind="redeem", amount=-60, balance_after=40,
        counterparty="shop", transfer_id=paid.id, transfer_uuid=paid.uuid,
        lots=(LotUse(SOON, "food", 50), LotUse(None, "", 10)), **WORDS,
    )  # fmt: skip
    (other,) = read.statement("shop").lines
    assert (other.amount, other.balance_after, other.counterparty, other.lots) == (60, None, "li", ())


def test_a_page_has_thirty_lines_and_knows_whether_there_are_more(move):
    for number in range(30):
        move("issuance", "li", 1 + number)
    assert len(read.statement("li").lines) == 30
    assert read.statement("li").next is None
    move("issuance", "li", 31)
    page = read.statement("li")
    assert (len(page.lines), page.next) == (30, page.lines[-1].id)
    rest = read.statement("li", before=page.next)
    assert ([line.amount for line in rest.lines], rest.next) == ([1], None)


def test_a_leg_of_many_lots_is_one_line_however_small_the_page(move):
    for month in range(1, 13):
        move("issuance", "li", 1, until=dt.date(2099, month, 28))
    move("li", "shop", 12)
    page = read.statement("li", limit=1)
    assert [(line.amount, line.balance_after) for line in page.lines] == [(-12, 0)]
    assert [use.amount for use in page.lines[0].lots] == [1] * 12
    assert read.statement("li", limit=1, before=page.next).lines[0].amount == 1


def test_nobody_has_an_empty_statement(village):
    assert read.statement("nobody") == Page([], None)
    assert read.statement("li") == Page([], None)


# -- Balances ----------------------------------------------------------------------------------------------------------
def test_lots_that_expire_before_a_day_soonest_first(move, time_machine):
    time_machine.move_to(NOON, tick=False)
    today = timezone.localdate()
    move("issuance", "wang", 99, until=today)
    for day, amount, earmark in (
        (LATER, 1, ""),
        (SOON, 2, ""),
        (today + dt.timedelta(days=1), 8, "food"),
        (today + dt.timedelta(days=1), 4, ""),
        (today, 1, ""),
        (today - dt.timedelta(days=1), 32, ""),
        (None, 64, ""),
    ):
        move("issuance", "li", amount, until=day, earmark=earmark)
    tomorrow = [LotView(today + dt.timedelta(days=1), "", 4), LotView(today + dt.timedelta(days=1), "food", 8)]
    assert read.expiring("li", before=SOON) == [LotView(today, "", 1), *tomorrow]
    assert read.expiring("li", before=SOON + dt.timedelta(days=1))[-1] == LotView(SOON, "", 2)
    move("li", "shop", 1)
    assert read.expiring("li", before=SOON) == tomorrow
    assert read.lots_of("li") == [*tomorrow, LotView(SOON, "", 2), LotView(LATER, "", 1), LotView(None, "", 64)]


def test_an_account_without_lots_has_a_total_that_may_be_below_nothing(move):
    move("issuance", "li", 10)
    move("li", "shop", 4)
    assert read.balance_of("shop") == Balance(total=4, held=0, spendable=4, debt=0, restricted=0)
    assert read.balance_of("issuance") == Balance(total=-10, held=0, spendable=-10, debt=0, restricted=0)
    assert read.balance_of("nobody") == Balance()


def test_what_flows_in_and_what_flows_out_is_counted_together(move):
    move("issuance", "li", 10)
    move("issuance", "wang", 10)
    for amount in (1, 2):
        move("li", "shop", amount, kind="gift", effective_on=DAY)
    move("wang", "li", 4, kind="gift", effective_on=DAY)
    (gifts,) = [flow for flow in flows_of(["li"]) if flow.kind == "gift"]
    assert (gifts.into, gifts.out, gifts.count) == (4, 3, 3)


# -- Receipts ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def sealed(paid, move):
    ledger.seal()
    move("issuance", "li", 5)
    ledger.seal()
    return paid


def test_a_receipt_is_what_was_posted_with_its_way_to_the_seal(sealed):
    receipt = receipt_of(sealed.id)
    seal = Seal.objects.get(number=1)
    assert receipt.keys() == {"transfer", "path", "seal", "hash", "digest"}
    assert receipt["transfer"]["uuid"] == sealed.uuid
    assert [side for side, _node in receipt["path"]] == ["L"]  # the third of three, with the pair beside it
    assert (receipt["seal"]["number"], receipt["hash"], receipt["digest"]) == (1, seal.hash, short_digest(1, seal.hash))
    assert receipt_holds(receipt)
    assert json.loads(receipt_text(sealed.id)) == receipt


def test_what_is_not_sealed_or_not_there_has_no_receipt(sealed, move):
    waiting = move("issuance", "li", 1)
    for id in (waiting.id, 0):
        assert receipt_of(id) is None
        assert receipt_text(id) is None


@pytest.mark.parametrize("number", [1, 3, True, 1.0, "1"])
def test_a_receipt_under_a_seal_of_ones_own_making_does_not_hold(sealed, number):
    receipt = receipt_of(sealed.id)
    leaf = leaf_hash(receipt["transfer"])
    own = {**receipt["seal"], "number": number, "root": leaf.hex()}
    assert not receipt_holds({**receipt, "path": [], "seal": own, "hash": seal_hash(own)})


def test_a_receipt_with_anothers_seal_does_not_hold(sealed):
    receipt = receipt_of(sealed.id)
    other = Seal.objects.get(number=2)
    assert not receipt_holds({**receipt, "hash": other.hash})


def test_a_digest_names_one_seal_by_number_and_letters(sealed):
    first, second = Seal.objects.order_by("number")
    assert seal_by_digest(short_digest(1, first.hash)) == first
    assert seal_by_digest(short_digest(2, first.hash)) is None
    assert seal_by_digest(short_digest(1, second.hash)) is None
    assert seal_by_digest(short_digest(1 << 63, first.hash)) is None
    assert seal_by_digest(short_digest((1 << 64) + 1, first.hash)) is None
    with pytest.raises(ValueError):
        seal_by_digest("hello")


# -- What was asked for ------------------------------------------------------------------------------------------------
def asked(kind, link, *, legs=(), **words):
    """Hash a request as it was hashed in the first release."""
    said = {"reason": "", "memo": "", "actor": "", "on_behalf_of": "", "source": "", "rule": "", **words}
    content = [kind, "PTS", list(legs), None, *said.values(), [], link]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).digest()


def hashed(id):
    return bytes(Transfer.objects.get(pk=id).request_hash)


def test_a_request_repeated_after_an_upgrade_is_still_known(move, time_machine):
    """A key is compared by this hash for ever: if its recipe changed, a request sent again would be a conflict."""
    time_machine.move_to(NOON, tick=False)
    move("issuance", "li", 100)
    one, two = move("li", "shop", 40), move("li", "shop", 20)
    words = {"reason": "late", "actor": "staff:1"}
    back = ledger.refund(one.id, amount=10, key="r1", **words)
    assert hashed(back.id) == asked("refund", ["refund", one.id, 10, ""], **words)
    back = ledger.refund(one.id, amount=5, key="r2", from_account="shop", **words)
    assert hashed(back.id) == asked("refund", ["refund", one.id, 5, "shop"], **words)
    back = ledger.reverse(two.id, key="r3", **words)
    assert hashed(back.id) == asked("reverse", ["reverses", two.id], **words)
    held = ledger.hold(key="h", wallet="li", amount=10, expires_at=NOON + dt.timedelta(hours=1), actor="li")
    leg = ["li", "holds:PTS", 10, None, ""]
    assert hashed(held.transfer_id) == asked("hold", ["hold", "2030-05-04T05:00:00+00:00"], legs=[leg], actor="li")
    answer = ledger.capture(held.pk, to=[("shop", 4), ("bath", 1)], key="c", actor="x")
    assert hashed(answer.id) == asked("capture", ["captured", held.pk, ["shop", 4], ["bath", 1]], actor="x")
