"""Pages on which a fund is set up: it is opened, its terms and rights change, a payee gets an account."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from marketplace.funds.models import (
    BasicLine,
    DrawDown,
    Fund,
    FundTerms,
    Statement,
)
from marketplace.funds.services.terms import APPLY_TERMS
from marketplace.partner.models import StockRecord
from tests.factories.funds import Money
from tests.funds.test_pages import as_, text, url
from tests.funds.test_settlement import ACCOUNT, tickets
from timebank.common import sweeps

pytestmark = pytest.mark.usefixtures("no_floor")


def fund_form(region: Any, **more: Any) -> dict[str, Any]:
    form = {
        "region": region.pk,
        "holder": "寨西村委会",
        "bank_name": "威海银行",
        "number": ACCOUNT,
        "point_value": "1.00",
        "warn": "100",
        "floor": "60",
        "key": uuid.uuid4(),
        **more,
    }
    return {f"fund-{name}": value for name, value in form.items()} | {"fund": "1"}


def test_the_town_opens_a_fund_with_its_bank_account(money: Money) -> None:
    town, village = as_(money.town), money.world.other_village
    assert reverse("funds:open") in text(town.get(reverse("funds:home")))
    html = text(town.get(reverse("funds:open")))
    assert str(village.name) in html
    assert f'value="{money.world.village.pk}"' not in html  # it has one
    assert town.post(reverse("funds:open"), fund_form(village, number="123")).status_code == 422
    assert town.post(reverse("funds:open"), fund_form(village, floor="120")).status_code == 422
    answer = town.post(reverse("funds:open"), fund_form(village))
    made = Fund.objects.get(region=village)
    assert answer.url == reverse("funds:purposes", args=[made.pk])
    assert (made.bank_account.number_last4, made.floor_bp, made.opened_by) == (ACCOUNT[-4:], 6000, money.town)
    assert town.post(reverse("funds:open"), fund_form(village)).status_code == 422  # one only
    assert Fund.objects.filter(region=village).count() == 1


def test_nobody_else_opens_a_fund(money: Money) -> None:
    village = money.world.other_village
    for user in (money.keeper, money.world.sister.user, money.world.bath_clerk):
        assert as_(user).get(reverse("funds:open")).status_code == 404
        assert as_(user).post(reverse("funds:open"), fund_form(village)).status_code == 404
    supervisor = money.world.staff("村务监督", "supervisor", region=village)
    assert as_(supervisor).post(reverse("funds:open"), fund_form(village)).status_code == 404
    assert not Fund.objects.filter(region=village).exists()


def terms_form(**changes: str) -> dict[str, str]:
    today = str(timezone.localdate())
    base = {"amount": "1.00", "warn": "100", "floor": "60", "since": today, "reason": "x", "key": str(uuid.uuid4())}
    return {f"terms-{name}": value for name, value in (base | changes).items()} | {"terms": "1"}


def test_floor_and_warning_hold_from_their_day_and_stay_in_the_history(money: Money) -> None:
    """Today's at once, tomorrow's tomorrow and once; wrong ones change nothing; what was decided stays readable."""
    town, tomorrow = as_(money.town), timezone.localdate() + dt.timedelta(days=1)
    assert town.post(url("terms", money), terms_form(warn="120", floor="80")).status_code == 302
    later = terms_form(floor="70", warn="120", since=str(tomorrow), reason="十二月会议")
    for _time in range(2):
        assert town.post(url("terms", money), later).status_code == 302
    for wrong in (
        {"floor": "130", "warn": "120"},
        {"since": str(tomorrow - dt.timedelta(days=2))},
        {"floor": "x"},
        {"amount": "-1"},
    ):
        assert town.post(url("terms", money), terms_form(**wrong)).status_code == 422, wrong
    money.fund.refresh_from_db()
    assert (money.fund.warn_bp, money.fund.floor_bp) == (12000, 8000)
    sweeps.run(APPLY_TERMS)
    assert Fund.objects.get(pk=money.fund.pk).floor_bp == 8000
    for _time in range(2):
        sweeps.run(APPLY_TERMS, now=timezone.now() + dt.timedelta(days=1))
    assert Fund.objects.get(pk=money.fund.pk).floor_bp == 7000
    assert FundTerms.objects.count() == 2
    page = text(as_(money.keeper).get(url("terms", money)))
    assert [word in page for word in ("十二月会议", "80.0 %", "70.0 %")] == [True] * 3
    with pytest.raises(DatabaseError), transaction.atomic():
        FundTerms.objects.update(reason="anders")


def test_a_right_ends_from_a_day_and_only_then_may_have_a_price(money: Money) -> None:
    record = money.world.reward("体检", 0, stock=5)
    town, today = as_(money.town), timezone.localdate()
    declare = {"basic-product": record.product_id, "basic-reason": "村民代表会议", "basic": "1"}
    assert town.post(url("terms", money), declare).status_code == 302
    line = BasicLine.objects.get()
    end = {"end-line": line.pk, "end-since": str(today + dt.timedelta(days=1)), "end-reason": "换季", "end": "1"}
    assert as_(money.keeper).post(url("terms", money), end).status_code == 403
    assert town.post(url("terms", money), {**end, "end-reason": ""}).status_code == 422
    assert town.post(url("terms", money), {**end, "end-since": str(today - dt.timedelta(days=1))}).status_code == 422
    assert town.post(url("terms", money), end).status_code == 302
    assert "换季" in text(as_(money.keeper).get(url("terms", money)))
    with pytest.raises(DatabaseError), transaction.atomic():  # until the evening before it is a right
        StockRecord.objects.filter(pk=record.pk).update(price=5)
    BasicLine.objects.update(ends_on=today)
    StockRecord.objects.filter(pk=record.pk).update(price=5)
    assert town.post(url("terms", money), {**end, "end-line": line.pk}).status_code == 422  # ended already
    StockRecord.objects.filter(pk=record.pk).update(price=0)
    assert town.post(url("terms", money), declare).status_code == 302  # and may be one again
    assert BasicLine.objects.filter(BasicLine.in_force(today)).count() == 1


def test_the_town_sets_what_a_point_is_worth(money: Money) -> None:
    form = terms_form(amount="0.80", reason="十月镇长办公会")
    assert as_(money.keeper).post(url("terms", money), form).status_code == 403
    assert as_(money.town).post(url("terms", money), {**form, "terms-reason": ""}).status_code == 422
    assert as_(money.town).post(url("terms", money), form).status_code == 302
    money.fund.refresh_from_db()
    assert (money.fund.point_value_fen, money.fund.value_approved_by) == (80, money.town)
    assert "¥0.80" in text(as_(money.keeper).get(url("terms", money)))


def test_what_is_everybodys_right_is_named_on_the_page(money: Money) -> None:
    record = money.world.reward("体检", 0, stock=5)
    form = {"basic-product": record.product_id, "basic-reason": "村民代表会议", "basic": "1"}
    assert as_(money.keeper).post(url("terms", money), form).status_code == 403
    assert as_(money.town).post(url("terms", money), form).status_code == 302
    assert "村民代表会议" in text(as_(money.keeper).get(url("terms", money)))
    priced = {**form, "basic-product": money.world.ticket.product_id}
    assert as_(money.town).post(url("terms", money), priced).status_code == 422


def test_a_statement_is_taken_back_and_its_lines_wait(money: Money) -> None:
    tickets(money, 1, 2)
    client = as_(money.keeper)
    client.post(url("statements", money), {"which": "today"})
    row = Statement.objects.get()
    here = reverse("funds:statement", args=[row.pk])
    assert client.post(here, {"void-reason": "", "void": "1"}).status_code == 422
    assert as_(money.world.bath_clerk).post(here, {"void-reason": "不对", "void": "1"}).status_code == 403
    assert client.post(here, {"void-reason": "少了一天", "void": "1"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.fen, DrawDown.objects.filter(state="open").count()) == ("void", 0, 2)
    assert "少了一天" in text(client.get(here))


def test_a_payee_who_is_no_supplier_gets_an_account(money: Money) -> None:
    from marketplace.funds.models import Payee

    client = as_(money.keeper)
    form = {"payee-name": "老王理发", "payee-kind": "person", "payee-id_number": "11010519491231002X", "payee": "1"}
    for _time in range(2):
        answer = client.post(url("payees", money), {**form, "payee-key": str(uuid.uuid4())})
    made = Payee.objects.get(partner__isnull=True)
    here = url("payee", money, made.pk)
    assert answer.url == here
    html = text(client.get(here))
    assert "11010519491231002X" not in html
    assert made.id_number_masked in html
    account = {
        "account-holder": "王师傅",
        "account-bank_name": "威海银行",
        "account-number": ACCOUNT,
        "account-key": uuid.uuid4(),
        "account": "1",
    }
    assert client.post(here, account).status_code == 302
    entered = made.accounts.get()
    assert client.post(url("payees", money), {"account": entered.pk}).status_code == 302
    entered.refresh_from_db()
    assert entered.confirmed_at is None  # the same person
    as_(money.town).post(url("payees", money), {"account": entered.pk})
    entered.refresh_from_db()
    assert entered.confirmed_by == money.town
    assert here in text(client.get(url("payees", money)))
    far = money.world.staff("外村资金管理员", "fund_keeper", region=money.world.other_village)
    assert as_(far).get(here).status_code == 404
