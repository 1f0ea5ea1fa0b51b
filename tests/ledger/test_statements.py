"""Statements, transfers by key, and the public page."""

from __future__ import annotations

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.canon import short_digest
from timebank.ledger.models import Account, Seal
from timebank.ledger.selectors.proofs import receipt_text
from timebank.ledger.types import Leg, LotUse, LotView, Page, TransferSpec

PAGE = reverse("ledger:verify")


def test_statement_pages_newest_first_without_gap_or_repeat(move):
    for number in range(7):
        move("issuance", "li", 10 + number, until=SOON)
    seen, before = [], None
    for _page in range(10):
        page = read.statement("li", before=before, limit=3)
        seen += page.lines
        before = page.next
        if before is None:
            break
    assert [line.amount for line in seen] == [16, 15, 14, 13, 12, 11, 10]
    assert [line.balance_after for line in seen] == [91, 75, 60, 46, 33, 21, 10]
    assert len({line.id for line in seen}) == 7


def test_a_line_is_a_leg_with_its_lots(move):
    move("issuance", "li", 100, until=SOON)
    move("issuance", "li", 100, until=LATER)
    legs = (Leg("li", "shop", 120), Leg("li", "bath", 30))
    posted = ledger.post(
        TransferSpec("pay", "redeem", legs, actor="kin:1", on_behalf_of="li", memo="soap", source="order:1", rule="r1")
    )
    bath, shop, *_rest = read.statement("li").lines
    assert (bath.amount, bath.counterparty, bath.balance_after) == (-30, "bath", 50)
    assert (shop.amount, shop.counterparty, shop.balance_after) == (-120, "shop", 80)
    assert shop.lots == (LotUse(SOON, "", 100), LotUse(LATER, "", 20))
    assert (shop.actor, shop.on_behalf_of, shop.memo, shop.source, shop.rule) == (
        "kin:1",
        "li",
        "soap",
        "order:1",
        "r1",
    )
    assert (shop.transfer_id, shop.transfer_uuid, shop.kind) == (posted.id, posted.uuid, "redeem")
    (line,) = read.statement("shop").lines
    assert (line.amount, line.balance_after, line.counterparty, line.lots) == (120, None, "li", ())


def test_statement_of_many_lots_is_not_cut_in_the_middle(village):
    from datetime import date

    for number in range(20):
        ledger.post(
            TransferSpec(f"m{number}", "mint", (Leg("issuance", "li", 5, date(2090 + number % 9, 1, 1 + number)),))
        )
    ledger.post(TransferSpec("pay", "redeem", (Leg("li", "shop", 100),)))
    page = read.statement("li", limit=1)
    assert page.lines[0].amount == -100
    assert len(page.lines[0].lots) == 20
    assert read.statement("li", before=page.next, limit=1).lines[0].amount == 5


def test_unknown_account_has_an_empty_statement(db):
    assert read.statement("nobody") == Page([], None)
    assert read.balance_of("nobody").total == 0
    assert read.lots_of("nobody") == []


def test_expiring_lists_what_ends_before_a_day(move):
    move("issuance", "li", 10, until=SOON)
    move("issuance", "li", 20, until=LATER)
    move("issuance", "li", 30)
    assert read.expiring("li", before=LATER) == [LotView(SOON, "", 10)]


def test_transfers_are_found_by_key_uuid_number_and_source(move):
    posted = move("issuance", "li", 10, key="mint:record:77", source="record:77", rule="scheme:3")
    view = read.transfer_by_key("mint:record:77")
    assert view == read.transfer_by_uuid(posted.uuid) == read.transfer_by_id(posted.id)
    assert (view.amount, view.source, view.rule, view.refunded, view.reversed_by_id) == (
        10,
        "record:77",
        "scheme:3",
        0,
        None,
    )
    assert view.postings[0][2:5] == ("issuance", "li", 10)
    assert read.transfers_for_source("record:77") == [view]
    assert read.transfers_for_source("") == []
    assert read.transfer_by_key("nothing") is None
    assert read.transfer_by_uuid("not a uuid") is None
    assert read.transfer_by_id(0) is None


@pytest.mark.parametrize("many", [1, 30])
def test_pages_cost_the_same_number_of_statements(move, many):
    for number in range(many):
        move("issuance", "li", 1 + number, until=SOON)
    ledger.seal()
    for call, most in (
        (lambda: read.statement("li"), 1),
        (lambda: read.balances_of(["li", "wang", "shop", "issuance"]), 2),
        (lambda: read.lots_of("li"), 1),
    ):
        with CaptureQueriesContext(connection) as seen:
            call()
        assert len(seen) <= most


def test_balances_of_many_system_accounts_add_up_what_is_sealed_and_what_is_not(move):
    moves = [("issuance", "shop", 100), ("shop", "bath", 30), ("issuance", "li", 9), ("li", "bath", 4)]
    for round_ in range(2):  # the first is sealed, the second is not
        for debit, credit, amount in moves:
            move(debit, credit, amount)
        found = read.balances_of(["shop", "bath", "issuance", "holds:PTS"])
        assert {key: one.total // (1 + round_) for key, one in found.items()} == {
            "shop": 70,
            "bath": 34,
            "issuance": -109,
            "holds:PTS": 0,
        }
        ledger.seal()


@pytest.fixture
def busy(move):
    """A shop that was in every second posting and then fell quiet; some that is not sealed."""

    def mint(*names, count=1000):
        specs = [
            TransferSpec(f"{count} {credit} {n}", "test", (Leg("issuance", credit, 1),))
            for n in range(count)
            for credit in names
        ]
        assert all(one.posted for one in ledger.post_many(specs))

    mint("shop")
    mint("bath", "li")
    ledger.seal_all()
    mint("li", count=400)  # so many looks, one by one, that a planner would rather walk through the shop's history
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def indexes(call, change=str):
    """List by which indexes the last statement of a call reads postings, on the partition that has some."""
    with CaptureQueriesContext(connection) as seen:
        call()
    sql = change(seen.captured_queries[-1]["sql"])
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [row[3] for row in cursor.fetchall()]
            return {name for step in steps for name in re.findall(r"ledger_posting_[a-z]+", step)}
        cursor.execute("SET LOCAL enable_seqscan = off")  # a small table is read whole: here it stands for a large one
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = on")
    return set(re.findall(r"ledger_posting_p0_([a-z]+)\w*idx|ledger_posting_p0_(pkey)", plan)) - {("", "")}


def test_reads_begin_where_they_are_short_however_long_the_history(busy):
    """A balance begins at what is not sealed, a page at the account: neither walks through what else there is."""
    postgres = connection.vendor == "postgresql"
    wanted = {("transfer", "")} if postgres else {"ledger_posting_transfer"}
    assert indexes(lambda: read.balance_of("shop")) == wanted
    wanted = {("credit", ""), ("debit", "")} if postgres else {"ledger_posting_credit", "ledger_posting_debit"}
    assert indexes(lambda: read.statement("shop")) == wanted
    assert indexes(lambda: read.statement("shop", before=1700, limit=10)) == wanted


@pytest.mark.pg_only("the planner of PostgreSQL is the tempted one")
def test_a_planner_that_knew_the_account_would_walk_through_everything(busy):
    """The control: what the shape of the statements keeps away."""
    bounds = re.compile(r"debit_id >= .*?, 9223372036854775807\)", re.DOTALL)
    plain = "debit_id = (SELECT id FROM ledger_account WHERE key = 'shop')"
    assert ("", "pkey") in indexes(lambda: read.statement("shop"), lambda sql: bounds.sub(plain, sql))
    shop = Account.objects.get(key="shop").pk
    tail = "= ANY (ARRAY(SELECT transfer_id FROM ledger_unsealed))"
    free = f"IN (SELECT transfer_id FROM ledger_unsealed) AND (p.credit_id = {shop} OR p.debit_id = {shop})"
    assert ("credit", "") in indexes(lambda: read.balance_of("shop"), lambda sql: sql.replace(tail, free))


# -- The public page ---------------------------------------------------------------------------------------------------
@pytest.fixture
def sealed(move):
    posted = move("issuance", "li", 10, memo="private words")
    ledger.seal()
    seal = Seal.objects.get()
    return posted, short_digest(seal.number, seal.hash)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_page_shows_the_newest_digest_and_no_private_word(client, sealed, language):
    with translation.override(language):
        response = client.get(PAGE, headers={"accept-language": language})
    text = response.content.decode()
    assert response.status_code == 200
    assert sealed[1] in text
    assert "private words" not in text
    assert text.count("<h1") == 1


def test_page_agrees_with_the_notice_board(client, sealed):
    good = client.get(PAGE, {"digest": sealed[1]}, headers={"accept-language": "en"})
    assert "The ledger agrees with the notice board" in good.content.decode()
    other = client.get(PAGE, {"digest": "1-0000-0000-0000-0000"}, headers={"accept-language": "en"})
    assert "does not know this digest" in other.content.decode()
    assert client.get(PAGE, {"digest": "hello"}).status_code == 422
    assert client.get(PAGE, {"digest": "9" * 30 + "-0000-0000-0000-0000"}).status_code == 200


def test_page_checks_a_receipt(client, sealed):
    text = receipt_text(sealed[0].id)

    def send(content):
        file = SimpleUploadedFile("receipt.json", content.encode(), content_type="application/json")
        return client.post(PAGE, {"receipt": file}, headers={"accept-language": "en"})

    assert "This receipt is genuine" in send(text).content.decode()
    forged = json.dumps({**json.loads(text), "transfer": {**json.loads(text)["transfer"], "memo": "x"}})
    assert "does not agree with the ledger" in send(forged).content.decode()
    for nonsense in ("", "[]", "no json", "[" * 100_000, " " * 300_000):
        assert send(nonsense).status_code == 422
    assert client.post(PAGE).status_code == 422
    assert client.put(PAGE).status_code == 405


def test_readyz_tells_of_the_seal_and_refuses_without_triggers(client, sealed):
    from timebank.common.health import NotReady
    from timebank.ledger import guards
    from timebank.ledger.ready import check_ledger

    assert check_ledger().endswith("s ago, 0 waiting")
    connection.check_constraints()
    guards.remove(tables=["ledger_transfer"])
    with pytest.raises(NotReady):
        check_ledger()
    guards.install()
