"""Pages of money: each shows what it should, writes once, refuses in words; and the way from ticket to bank."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.funds.models import (
    AgreedPrice,
    BankLine,
    Budget,
    DrawDown,
    Expense,
    Purpose,
    Statement,
)
from marketplace.funds.services import cover, goods, setup
from tests.factories.funds import Money, agree, free, issue, owed, well
from tests.funds.test_settlement import ACCOUNT, later, paid_account, tickets

pytestmark = pytest.mark.usefixtures("no_floor")


def as_(user: Any, language: str = "en") -> Client:
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = language
    return client


def url(name: str, money: Money, *more: Any) -> str:
    return reverse(f"funds:{name}", args=[money.fund.pk, *more])


def text(answer: Any) -> str:
    assert answer.status_code == 200, (answer.status_code, answer.content[:500])
    return str(answer.content.decode())


PAGES = [
    "fund",
    "purposes",
    "prices",
    "budgets",
    "lines",
    "expenses",
    "goods",
    "payees",
    "periods",
    "statements",
    "payouts",
    "terms",
]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("name", [*PAGES, "public"])
def test_every_page_stands_in_both_languages(money: Money, name: str, language: str) -> None:
    p = money.purpose("洗浴专款", donor="春风公司")
    money.give(5000, p)
    agree(money, money.world.ticket, 800)
    cover.take_snapshot(fund=money.fund, now=timezone.now() - dt.timedelta(days=1))
    cover.take_snapshot(fund=money.fund)
    html = text(as_(money.keeper, language).get(url(name, money)))
    assert html.count("<h1") == 1
    assert str(money.fund) in html
    assert "style=" not in html


@pytest.mark.parametrize("name", ["prices", "purposes", "lines", "payouts", "statements", "payees", "goods"])
def test_a_list_costs_the_same_for_one_row_and_for_thirty(money: Money, name: str, query_budget: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = as_(money.keeper)

    def grow(count: int) -> None:
        for number in range(count):
            record = money.world.reward(f"{uuid.uuid4().hex[:6]}", 1000)
            agree(money, record, 800)
            money.purpose(f"用途{number}")
            BankLine.objects.create(
                kind="collective", fen=1, booked_on=timezone.localdate(), fund=money.fund, prepared_by=money.keeper
            )
            partner = money.world.shop if number == 0 else None
            if partner is None:
                from marketplace.partner.services import create_partner

                partner = create_partner(name=uuid.uuid4().hex, village=money.world.village)
            paid_account(money, partner)
            Statement.objects.create(
                partner=partner, first_day=dt.date(2026, 1, 1) + dt.timedelta(days=count), last_day=dt.date(2026, 12, 1)
            )
            goods.stock_received(
                stockrecord=money.world.soap, movement_id=count * 1000 + number, units=1, cost_fen=100, actor=None
            )

    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            text(client.get(url(name, money)))
        return len(seen)

    grow(1)
    client.get(url(name, money))
    few = count()
    grow(15)
    assert count() == few


def test_strangers_find_nothing(money: Money) -> None:
    others = [money.world.staff("外村资金管理员", "fund_keeper", region=money.world.other_village)]
    others += [money.world.clerk, money.world.sister.user, money.world.bath_clerk]
    for user in others:
        for name in PAGES:
            assert as_(user).get(url(name, money)).status_code == 404, (user, name)
    assert Client().get(url("fund", money)).status_code == 302
    assert Client().get(url("public", money)).status_code == 200


def test_who_only_looks_writes_nothing(money: Money) -> None:
    auditor = money.world.staff("审计", "auditor", region=money.world.town)
    form = {"purpose-name": "x", "purpose-key": str(uuid.uuid4()), "purpose": "1"}
    answer = as_(auditor).post(url("purposes", money), form)
    assert answer.status_code == 403
    assert Purpose.objects.count() == 0
    answer = as_(auditor).post(url("decide", money), {"what": "line:1", "decision": "approve"})
    assert answer.status_code == 403


def test_a_purpose_is_opened_once(money: Money) -> None:
    client = as_(money.keeper)
    form = {
        "purpose-name": "七十岁以上洗浴",
        "purpose-donor": "春风公司",
        "purpose-min_age": "70",
        "purpose-products": [money.world.ticket.product_id],
        "purpose-pays_tickets": "on",
        "purpose-key": str(uuid.uuid4()),
        "purpose": "1",
    }
    for _time in range(2):
        assert client.post(url("purposes", money), form).status_code == 302
    made = Purpose.objects.get()
    assert (made.min_age, made.products, made.donor) == (70, [money.world.ticket.product_id], "春风公司")
    assert "春风公司" in text(client.get(url("purpose", money, made.pk)))


def test_a_wrong_form_says_why_and_keeps_what_was_typed(money: Money) -> None:
    form = {
        "line-kind": "collective",
        "line-amount": "12.345",
        "line-booked_on": "2026-10-01",
        "line-key": uuid.uuid4(),
        "line-note": "滩涂承包费",
        "line": "1",
    }
    answer = as_(money.keeper).post(url("lines", money), form)
    assert answer.status_code == 422
    assert "滩涂承包费" in answer.content.decode()
    assert BankLine.objects.count() == 0


def test_income_is_prepared_and_approved_by_another(money: Money) -> None:
    keeper, town = as_(money.keeper), as_(money.town)
    form = {
        "line-kind": "collective",
        "line-amount": "1,200.50",
        "line-booked_on": str(timezone.localdate()),
        "line-key": uuid.uuid4(),
        "line": "1",
    }
    assert keeper.post(url("lines", money), form).status_code == 302
    line = BankLine.objects.get()
    assert (line.fen, free(money.fund)) == (120050, 0)
    assert "1,200.50" in text(town.get(url("approvals", money)))
    decision = {"what": f"line:{line.pk}", "decision": "approve"}
    assert keeper.post(url("decide", money), decision).status_code == 403
    assert town.post(url("decide", money), decision).status_code == 302
    assert free(money.fund) == 120050
    assert "1,200.50" in text(Client().get(url("public", money)))


def test_everything_that_waits_can_be_declined(money: Money) -> None:
    keeper, town = as_(money.keeper), as_(money.town)
    form = {
        "price-record": money.world.ticket.pk,
        "price-amount": "8",
        "price-valid_from": "2026-12-01",
        "price-key": uuid.uuid4(),
        "price": "1",
    }
    keeper.post(url("prices", money), form)
    form = {
        "budget-quarter": "2026-10-01",
        "budget-kind": "rewards",
        "budget-amount": "100",
        "budget-key": uuid.uuid4(),
        "budget": "1",
    }
    from marketplace.funds.rules import quarter_of

    form["budget-quarter"] = quarter_of(timezone.localdate())[0].isoformat()
    keeper.post(url("budgets", money), form)
    money.give(50000)
    form = {
        "expense-kind": "other",
        "expense-payee": "匠心施工队",
        "expense-text": "木料",
        "expense-amount": "10",
        "expense-voucher_number": "1",
        "expense-key": uuid.uuid4(),
        "expense": "1",
    }
    keeper.post(url("expenses", money), form)
    for what, row in (
        ("price", AgreedPrice.objects.get()),
        ("budget", Budget.objects.get()),
        ("expense", Expense.objects.get()),
    ):
        town.post(url("decide", money), {"what": f"{what}:{row.pk}", "decision": "decline", "reason": "太贵"})
        row.refresh_from_db()
        assert (row.state, row.decision_reason) == ("declined", "太贵")
    well()


def test_what_is_not_this_funds_is_not_decided_here(money: Money) -> None:
    other = setup.open_fund(region=money.world.other_village, bank_account=money.bank, actor=money.town)
    line = BankLine.objects.create(
        kind="collective", fen=1, booked_on=timezone.localdate(), fund=other, prepared_by=money.keeper
    )
    answer = as_(money.town).post(url("decide", money), {"what": f"line:{line.pk}", "decision": "approve"})
    assert answer.status_code == 404
    for what in ("", "line:", "line:x", "nothing:1", "payout:0", "statement:9"):
        assert as_(money.town).post(url("decide", money), {"what": what, "decision": "approve"}).status_code == 404


def test_from_statement_to_the_banks_file_by_hand(money: Money) -> None:
    """Issue up to today; the supplier accepts, the keeper adds the invoice, the town approves; file; the bank paid."""
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2, 3)
    keeper, town, supplier = as_(money.keeper), as_(money.town), as_(money.world.bath_clerk)
    assert keeper.post(url("statements", money), {"which": "today"}).status_code == 302
    made = Statement.objects.get()
    here = reverse("funds:statement", args=[made.pk])
    assert "¥24.00" in text(supplier.get(here))
    assert as_(money.world.clerk).get(here).status_code == 404
    supplier.post(here, {"accept": "1"})
    keeper.post(here, {"prepare-invoice_number": "25371000001", "prepare": "1"})
    assert "¥24.00" in text(town.get(url("approvals", money)))
    town.post(url("decide", money), {"what": f"statement:{made.pk}", "decision": "approve"})
    html = text(keeper.get(url("payouts", money)))
    payout = made.payouts.get()
    assert f'value="{payout.pk}"' in html
    key = str(uuid.uuid4())
    for _time in range(2):
        keeper.post(url("payouts", money), {"write": str(payout.pk), "key": key})
    file = money.bank.files.get()
    answer = keeper.post(url("bank_file", money, file.pk))
    assert ACCOUNT in answer.content.decode()
    assert town.post(url("bank_file", money, file.pk)).status_code == 403
    keeper.post(url("payouts", money), {"paid": str(payout.pk)})
    made.refresh_from_db()
    assert (made.state, owed(money.fund, money.world.bath)) == ("paid", 0)
    assert ACCOUNT not in text(keeper.get(url("payouts", money)))
    well()


def test_a_supplier_objects_to_a_line_and_gets_an_answer(money: Money) -> None:
    tickets(money, 1, 2)
    as_(money.keeper).post(url("statements", money), {"which": "today"})
    made = Statement.objects.get()
    here = reverse("funds:statement", args=[made.pk])
    line = made.draws.get(ticket_id=2)
    supplier = as_(money.world.bath_clerk)
    assert f"?line={line.pk}#object" in text(supplier.get(here))
    supplier.post(here, {"object-text": "不是我们兑付的", "line": str(line.pk), "object": "1"})
    line.refresh_from_db()
    assert line.state == "disputed"
    as_(money.town).post(here, {"answer-answer": "查过了，确实不是", "answer-pay": "no", "answer": "1"})
    line.refresh_from_db()
    assert line.state == "reversed"
    assert "查过了" in text(supplier.get(here))


def test_a_suppliers_month_and_its_account(money: Money) -> None:
    tickets(money, 1)
    supplier = as_(money.world.bath_clerk)
    here = reverse("funds:supplier", args=[money.world.bath.pk])
    assert supplier.get(reverse("funds:suppliers")).url == here
    html = text(supplier.get(here))
    assert "¥8.00" in html
    form = {
        "account-holder": "洗浴",
        "account-bank_name": "威海银行",
        "account-number": ACCOUNT[:-1] + "0",
        "account-key": uuid.uuid4(),
        "account": "1",
    }
    wrong = supplier.post(here, form)
    assert wrong.status_code == 422
    form["account-number"] = ACCOUNT
    assert supplier.post(here, form).status_code == 302
    account = money.world.bath.payee.accounts.get()
    assert account.confirmed_at is None
    as_(money.keeper).post(url("payees", money), {"account": account.pk})
    account.refresh_from_db()
    assert account.confirmed_by == money.keeper
    assert ACCOUNT not in text(supplier.get(here))
    assert supplier.get(reverse("funds:supplier", args=[money.world.shop.pk])).status_code == 404
    assert text(supplier.get(f"{here}?month=2026-01")).count("¥8.00") == 0
    for odd in ("x", "9999-12", "0001-01", "2026-13", "9" * 30, "２０２６-01"):
        assert supplier.get(f"{here}?month={odd}").status_code == 200


def test_given_goods_are_valued_by_their_evidence(money: Money) -> None:
    batch = goods.stock_received(
        stockrecord=money.world.soap, movement_id=1, units=10, actor=None, source="delivery", donor="春风公司"
    )
    client = as_(money.keeper)
    assert "春风公司" in text(client.get(url("goods", money)))
    client.post(
        url("goods", money), {"value-batch": batch.pk, "value-amount": "50", "value-reason": "发票", "value": "1"}
    )
    batch.refresh_from_db()
    assert batch.fen_left == 5000


def test_an_invoice_is_handed_out_only_to_its_fund(money: Money) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    money.give(5000)
    form = {
        "expense-kind": "other",
        "expense-payee": "匠心施工队",
        "expense-text": "木料",
        "expense-amount": "10",
        "expense-voucher_number": "1",
        "expense-key": uuid.uuid4(),
        "expense": "1",
        "expense-file": SimpleUploadedFile("发票.pdf", b"%PDF-1.7 x"),
    }
    as_(money.keeper).post(url("expenses", money), form)
    kept = Expense.objects.get().voucher
    answer = as_(money.keeper).get(url("attachment", money, kept.pk))
    assert answer.content == b"%PDF-1.7 x"
    assert answer["X-Content-Type-Options"] == "nosniff"
    other = setup.open_fund(region=money.world.other_village, bank_account=money.bank, actor=money.town)
    assert as_(money.town).get(reverse("funds:attachment", args=[other.pk, kept.pk])).status_code == 404


def test_the_month_is_closed_on_its_page(money: Money) -> None:
    from timebank.ledger import services as ledger

    ledger.seal_all()
    town = as_(money.town)
    html = text(town.get(url("periods", money)))
    last = timezone.localdate().replace(day=1) - dt.timedelta(days=1)
    assert f"{last:%Y-%m}" in html
    town.post(url("periods", money), {"close-month": f"month:{last.replace(day=1)}", "close": "1"})
    assert money.fund.closes.count() == 1
    issue(money, money.world.ticket, 1)
    assert DrawDown.objects.count() == 0
    assert later(days=1) > timezone.now()
