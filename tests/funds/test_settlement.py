"""Suppliers are paid: statements, objections, two persons, payees, payouts, the bank's file; returns are netted."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import uuid
from typing import Any

import pytest
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import BankFile, DrawDown, Fund, Payout, Statement
from marketplace.funds.services import drawing, moving, payees, payouts, prices, setup, statements
from marketplace.funds.services.numbers import check_account_number
from tests.factories.funds import Money, agree, hand_over, issue, owed, total, well
from tests.support.clock import at
from timebank.common.errors import NotFound, SamePerson
from timebank.common.models import Event
from timebank.registry import services as registry
from timebank.registry.errors import ConflictOfInterest, NotAllowed
from timebank.registry.models import AuditEntry, Resident, User

ACCOUNT = "6222020200112233446"  # invented; passes Luhn's check
TODAY = timezone.localdate


def later(**delta: int) -> dt.datetime:
    return timezone.now() + dt.timedelta(**delta)


@pytest.fixture(autouse=True)
def _no_floor(money: Money) -> None:
    Fund.objects.update(floor_bp=0)


def paid_account(money: Money, partner: Any = None) -> Any:
    """Enter and confirm an account long enough ago."""
    payee = payees.payee_of(partner=partner or money.world.bath)
    account = payees.enter_account(
        payee=payee,
        holder="辛旺庄洗浴中心",
        bank_name="威海银行",
        number=ACCOUNT,
        actor=money.keeper,
        key=uuid.uuid4(),
        now=later(days=-9),
    )
    return payees.confirm_account(account=account, actor=money.town, now=later(days=-8))


def tickets(money: Money, *numbers: int, fen: int = 800, on: dt.date | None = None) -> None:
    """Hand tickets over, half an hour ago."""
    record = money.world.ticket
    if not record.agreed_prices.exists():
        agree(money, record, fen)
    issue(money, record, *numbers)
    for number in numbers:
        hand_over(record, number, on=on)
    DrawDown.objects.filter(ticket_id__in=numbers).update(drawn_at=later(minutes=-30))


def statement(money: Money, **facts: Any) -> Statement:
    """Issue the bath house's statement of this month, up to today."""
    facts.setdefault("first_day", TODAY().replace(day=1))
    facts.setdefault("last_day", TODAY())
    made = statements.issue_statement(partner=money.world.bath, actor=None, **facts)
    assert made is not None
    return made


def approved(money: Money, made: Statement) -> Statement:
    statements.accept_statement(statement=made, actor=money.world.bath_clerk)
    statements.prepare_statement(statement=made, actor=money.keeper, invoice_number="25371000001")
    return statements.approve_statement(statement=made, actor=money.town)


def send(money: Money, made: Statement) -> Payout:
    """Let an approved statement's payout go to the bank and be paid."""
    payout = made.payouts.get(state="approved")
    payouts.write_bank_file(bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=uuid.uuid4())
    return payouts.confirm_paid(payout=payout, actor=money.keeper)


def test_example_three_two_prices_and_an_objection(money: Money) -> None:
    """198 × 8.00, from the 16th 214 × 8.50 = 3,403.00; one objected: 3,394.50."""
    record = money.world.ticket
    agree(money, record, 800, dt.date(2026, 3, 1), dt.date(2026, 3, 15))
    agree(money, record, 850, dt.date(2026, 3, 16))
    money.give(1000000)
    numbers = range(1, 413)
    issue(money, record, *numbers, on=dt.date(2026, 3, 14))
    for number in numbers:
        hand_over(record, number, on=dt.date(2026, 3, 15 if number <= 198 else 16))
    DrawDown.objects.update(drawn_at=later(minutes=-30))
    made = statement(money, first_day=dt.date(2026, 3, 1), last_day=dt.date(2026, 3, 31))
    assert (made.fen, made.draws.count()) == (340300, 412)
    line = made.draws.get(ticket_id=412)
    statements.object_to(statement=made, draw=line, actor=money.world.bath_clerk, text="这张不是我们兑付的")
    made.refresh_from_db()
    assert made.fen == 339450
    well()


def test_from_ticket_to_bank_and_each_ticket_once(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2, 3)
    made = statement(money)
    assert statements.issue_statements(first_day=made.first_day, last_day=made.last_day) == []
    approved(money, made)
    well()
    payout = send(money, made)
    made.refresh_from_db()
    assert (made.state, payout.fen, owed(money.fund, money.world.bath)) == ("paid", 2400, 0)
    assert total(money.bank.asset_key) == -97600
    assert set(DrawDown.objects.values_list("state", flat=True)) == {"settled"}
    with pytest.raises(errors.AlreadySettled):
        payouts.confirm_paid(payout=payout, actor=money.keeper)
    assert total(money.bank.asset_key) == -97600
    told = Event.objects.filter(subject=f"statement:{made.pk}").order_by("pk")
    assert [(event.kind, event.recipients) for event in told] == [
        (kind, [f"user:{money.world.bath_clerk.pk}"]) for kind in ("statement_issued", "statement_paid")
    ]
    assert told[1].facts["amount_fen"] == 2400
    well()


def _pay_own(money: Money) -> list[str]:
    """Let staff of the bath house, who also keep or approve the fund, see to all that it is paid; name what worked."""
    registry.grant_role(user=money.keeper, role="supplier_staff", organisation=money.world.organisation, actor=None)
    registry.grant_role(user=money.town, role="supplier_staff", organisation=money.world.organisation, actor=None)
    money.keeper, money.town = (User.objects.get(pk=user.pk) for user in (money.keeper, money.town))
    money.give(100000)
    record, other = money.world.ticket, money.other_town
    price = prices.AgreedPrice.objects.create(
        stockrecord=record, fen=700, valid_from=TODAY(), prepared_by=money.world.admin, key=uuid.uuid4()
    )
    made = statement(money)
    done: list[str] = []

    def attempt(name: str, service: Any, **facts: Any) -> None:
        with contextlib.suppress(errors.OwnSupplier):
            service(**facts)
            done.append(name)

    attempt(
        "propose a price",
        prices.propose_price,
        stockrecord=record,
        fen=900,
        valid_from=later(days=40).date(),
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    attempt("agree a price", prices.decide_price, price=price, actor=money.town, approve=False, reason="否")
    attempt("prepare", statements.prepare_statement, statement=made, actor=money.keeper, invoice_number="1")
    statements.prepare_statement(statement=made, actor=money.world.fund_friend, invoice_number="1")
    statements.accept_statement(statement=made, actor=money.world.bath_clerk)
    attempt("approve", statements.approve_statement, statement=made, actor=money.town)
    if "approve" not in done:
        statements.approve_statement(statement=made, actor=other)
    send(money, made)
    return done


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "control"])
def test_nobody_prices_prepares_or_approves_for_a_supplier_they_work_for(
    money: Money, watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    money.world.people["fund_friend"] = money.world.staff("另一资金员", "fund_keeper")
    paid_account(money)
    tickets(money, 1, 2)
    if not watched:
        monkeypatch.setattr(rules, "not_own_supplier", lambda actor, partner: None)
    wanted = [] if watched else ["propose a price", "agree a price", "prepare", "approve"]
    assert _pay_own(money) == wanted


def test_a_hand_over_that_can_still_be_undone_is_not_listed(money: Money) -> None:
    money.give(100000)
    tickets(money, 1)
    issue(money, money.world.ticket, 2)
    hand_over(money.world.ticket, 2)
    assert statement(money).fen == 800


def test_who_may_do_what(money: Money) -> None:
    world = money.world
    money.give(100000)
    paid_account(money)
    tickets(money, 1)
    with pytest.raises(NotAllowed):
        statements.issue_statement(partner=world.bath, first_day=TODAY(), last_day=TODAY(), actor=world.admin)
    made = statement(money)
    for wrong in (world.clerk, world.keeper, money.keeper):
        with pytest.raises(NotAllowed):
            statements.accept_statement(statement=made, actor=wrong)
    with pytest.raises(errors.EvidenceMissing):
        statements.prepare_statement(statement=made, actor=money.keeper)
    with pytest.raises(NotAllowed):
        statements.prepare_statement(statement=made, actor=world.admin, invoice_number="1")
    with pytest.raises(errors.EvidenceMissing):
        statements.approve_statement(statement=made, actor=money.town)
    statements.prepare_statement(statement=made, actor=money.keeper, no_invoice_reason="代开中")
    with pytest.raises(errors.ObjectionsOpen):
        statements.approve_statement(statement=made, actor=money.town)
    for wrong in (money.keeper, world.admin, world.bath_clerk):
        with pytest.raises(NotAllowed):
            statements.approve_statement(statement=made, actor=wrong)
    made.refresh_from_db()
    assert (made.state, made.payouts.count()) == ("issued", 0)


def test_one_person_with_two_roles_is_still_one_person(money: Money) -> None:
    from timebank.registry import services as registry

    registry.grant_role(user=money.town, role="fund_keeper", actor=None, region=money.world.town)
    tickets(money, 1)
    paid_account(money)
    made = statement(money)
    statements.accept_statement(statement=made, actor=money.world.bath_clerk)
    statements.prepare_statement(statement=made, actor=money.town, invoice_number="1")
    with pytest.raises(SamePerson):
        statements.approve_statement(statement=made, actor=money.town)
    statements.approve_statement(statement=made, actor=money.other_town)


def test_silence_for_seven_working_days_is_agreement(money: Money) -> None:
    paid_account(money)
    tickets(money, 1)
    made = statement(money, now=later(days=0))
    assert made.objections_until is not None
    statements.prepare_statement(statement=made, actor=money.keeper, invoice_number="1")
    last = timezone.make_aware(dt.datetime.combine(made.objections_until, dt.time(12)))
    with pytest.raises(errors.ObjectionsOpen):
        statements.approve_statement(statement=made, actor=money.town, now=last)
    statements.approve_statement(statement=made, actor=money.town, now=last + dt.timedelta(days=1))


def test_an_objection_to_the_whole_waits_for_its_answer(money: Money) -> None:
    paid_account(money)
    tickets(money, 1)
    made = statement(money)
    objection = statements.object_to(statement=made, actor=money.world.bath_clerk, text="少了一张")
    statements.accept_statement(statement=made, actor=money.world.bath_clerk)
    statements.prepare_statement(statement=made, actor=money.keeper, invoice_number="1")
    with pytest.raises(errors.StatementDisputed):
        statements.approve_statement(statement=made, actor=money.town)
    with pytest.raises(NotAllowed):
        statements.answer_objection(objection=objection, actor=money.keeper, answer="x", pay=True)
    statements.answer_objection(objection=objection, actor=money.town, answer="下月补上", pay=True)
    statements.approve_statement(statement=made, actor=money.town)


@pytest.mark.parametrize(("pay", "state", "owes"), [(True, "open", 800), (False, "reversed", 0)])
def test_a_line_set_aside_is_paid_later_or_taken_back(money: Money, pay: bool, state: str, owes: int) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2)
    made = statement(money)
    line = made.draws.get(ticket_id=2)
    objection = statements.object_to(statement=made, draw=line, actor=money.keeper, text="没有签字")
    approved(money, made)
    send(money, made)
    statements.answer_objection(objection=objection, actor=money.town, answer="查过了", pay=pay)
    line.refresh_from_db()
    assert (line.state, owed(money.fund, money.world.bath)) == (state, owes)
    well()
    if pay:
        assert statement(money).fen == 800


def test_a_statement_taken_back_lets_its_lines_wait(money: Money) -> None:
    tickets(money, 1)
    made = statement(money)
    statements.void_statement(statement=made, actor=money.keeper, reason="日期错了")
    told = Event.objects.get(kind="statement_withdrawn")
    assert (told.recipients, told.facts["reason"]) == ([f"user:{money.world.bath_clerk.pk}"], "日期错了")
    assert statement(money).number == 2
    well()


def test_a_supplier_without_confirmed_account_is_not_paid(money: Money) -> None:
    tickets(money, 1)
    made = statement(money)
    with pytest.raises(errors.PayeeUnconfirmed):
        approved(money, made)
    made.refresh_from_db()
    assert made.state == "issued"


# -- Payees ------------------------------------------------------------------------------------------------------------
def test_a_new_account_waits_for_a_second_person_and_three_working_days(money: Money) -> None:
    payee = payees.payee_of(partner=money.world.bath)
    friday = at(2026, 10, 16, 10)
    account = payees.enter_account(
        payee=payee,
        holder="洗浴",
        bank_name="银行",
        number=ACCOUNT,
        actor=money.world.bath_clerk,
        key=uuid.uuid4(),
        now=friday,
    )
    assert account.usable_from == dt.date(2026, 10, 21)
    assert ACCOUNT not in account.number_encrypted
    with pytest.raises(NotAllowed):
        payees.confirm_account(account=account, actor=money.world.bath_clerk)
    payees.confirm_account(account=account, actor=money.keeper, now=friday)
    with pytest.raises(errors.PayeeUnconfirmed):
        payees.usable_account(partner=money.world.bath, today=dt.date(2026, 10, 20))
    assert payees.usable_account(partner=money.world.bath, today=dt.date(2026, 10, 21)).pk == account.pk


def test_who_entered_an_account_does_not_confirm_it(money: Money) -> None:
    payee = payees.payee_of(partner=money.world.bath)
    account = payees.enter_account(
        payee=payee, holder="洗浴", bank_name="银行", number=ACCOUNT, actor=money.keeper, key=uuid.uuid4()
    )
    with pytest.raises(SamePerson):
        payees.confirm_account(account=account, actor=money.keeper)


def test_a_change_stops_payments_until_it_may_be_used(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1)
    made = approved(money, statement(money))
    new = payees.enter_account(
        payee=money.world.bath.payee,
        holder="洗浴",
        bank_name="银行",
        number="15550101000099999",
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    payees.confirm_account(account=new, actor=money.town)
    payout = made.payouts.get()
    with pytest.raises(errors.PayeeUnconfirmed):
        payouts.write_bank_file(bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=uuid.uuid4())


def test_a_stranger_does_not_enter_an_account(money: Money) -> None:
    payee = payees.payee_of(partner=money.world.bath)
    for wrong in (money.world.clerk, money.world.admin):
        with pytest.raises((NotFound, NotAllowed)):
            payees.enter_account(payee=payee, holder="x", bank_name="x", number=ACCOUNT, actor=wrong, key=uuid.uuid4())


@pytest.mark.parametrize("text", ["", "1234", "12345678x", "6222020200112233447", "1" * 31])
def test_what_is_no_account_number(text: str) -> None:
    with pytest.raises(errors.BadAccountNumber):
        check_account_number(text)


def test_account_numbers_are_read_as_people_write_them() -> None:
    assert check_account_number("6222 0202 0011 2233 446") == ACCOUNT
    assert check_account_number("１５５５０１０１") == "15550101"


# -- The bank's file ---------------------------------------------------------------------------------------------------
def test_the_banks_file(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2)
    made = approved(money, statement(money))
    payout = made.payouts.get()
    key = uuid.uuid4()
    file = payouts.write_bank_file(bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=key)
    again = payouts.write_bank_file(bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=key)
    assert again.pk == file.pk
    with pytest.raises(errors.AlreadySettled):
        payouts.write_bank_file(bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=uuid.uuid4())
    rows = list(csv.DictReader(io.StringIO(payouts.read_bank_file(file=file, actor=money.keeper).decode("utf-8-sig"))))
    assert rows == [
        {
            "收款账号": ACCOUNT,
            "收款户名": "辛旺庄洗浴中心",
            "开户行": "威海银行",
            "联行号": "",
            "金额": "16.00",
            "用途": "结算款",
            "业务编号": f"SJ{payout.pk:010d}",
        }
    ]
    with pytest.raises(NotAllowed):
        payouts.read_bank_file(file=file, actor=money.town)
    assert ACCOUNT not in str(list(AuditEntry.objects.values_list("facts", flat=True)))
    assert AuditEntry.objects.filter(action="funds_read_bank_file").count() == 1


def test_a_file_beyond_what_the_bank_holds_is_refused(money: Money) -> None:
    paid_account(money)
    tickets(money, 1, 2)
    money.give(1000)
    made = approved(money, statement(money))
    with pytest.raises(errors.BankShort) as refused:
        payouts.write_bank_file(
            bank_account=money.bank, payout_ids=[made.payouts.get().pk], actor=money.keeper, key=uuid.uuid4()
        )
    assert refused.value.params["missing"] == 600
    assert (BankFile.objects.count(), made.payouts.get().state) == (0, "approved")


def test_what_is_on_its_way_is_not_there_for_another_file(money: Money) -> None:
    paid_account(money)
    money.give(1200)
    tickets(money, 1)
    first = approved(money, statement(money))
    payouts.write_bank_file(
        bank_account=money.bank, payout_ids=[first.payouts.get().pk], actor=money.keeper, key=uuid.uuid4()
    )
    tickets(money, 2)
    second = approved(money, statement(money))
    with pytest.raises(errors.BankShort) as refused:
        payouts.write_bank_file(
            bank_account=money.bank, payout_ids=[second.payouts.get().pk], actor=money.keeper, key=uuid.uuid4()
        )
    assert refused.value.params["there"] == 400


def test_a_payout_that_comes_back_is_prepared_anew_by_two_persons(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1)
    made = approved(money, statement(money))
    payout = send(money, made)
    payouts.bounce_payout(payout=payout, actor=money.keeper, reason="户名不符")
    second = User.objects.create_user(name="二会计")
    registry.grant_role(user=second, role="fund_keeper", region=money.fund.region, actor=None)
    assert owed(money.fund, money.world.bath) == 800
    told = {event.kind: event for event in Event.objects.filter(kind__startswith="payout_")}
    assert told["payout_failed"].recipients == [f"user:{money.world.bath_clerk.pk}"]
    assert told["payout_to_mend"].recipients == [f"user:{money.town.pk}"]  # who wrote it down knows
    assert told["payout_failed"].facts == {
        "name": payout.payee_account.payee.name,
        "amount_fen": 800,
        "reason": "户名不符",
    }
    well()
    again = payouts.prepare_again(payout=payout, actor=money.keeper)
    with pytest.raises(errors.AlreadySettled):
        payouts.prepare_again(payout=payout, actor=money.keeper)
    with pytest.raises(NotAllowed):
        payouts.approve_payout(payout=again, actor=money.keeper)
    payouts.approve_payout(payout=again, actor=money.town)
    payouts.fail_payout(payout=again, actor=money.keeper, reason="账号已注销")
    last = Event.objects.filter(kind="payout_to_mend").latest("pk")
    assert last.recipients == [f"user:{pk}" for pk in sorted([money.town.pk, second.pk])]
    again = payouts.prepare_again(payout=again, actor=money.keeper)
    payouts.approve_payout(payout=again, actor=money.town)
    send(money, made)
    made.refresh_from_db()
    assert (made.state, owed(money.fund, money.world.bath)) == ("paid", 0)
    well()


def test_two_funds_in_two_banks_pay_one_statement_each_its_part(money: Money) -> None:
    other = setup.open_bank_account(region=money.world.town, name="镇财政", actor=money.town)
    town = setup.open_fund(region=money.world.town, bank_account=other, actor=money.town)
    p = money.purpose(fund=town)
    p.fund = town
    money.give(500, p, fund=town)
    money.give(100000)
    paid_account(money)
    tickets(money, 1)
    made = approved(money, statement(money))
    parts = {one.bank_account_id: one.fen for one in made.payouts.all()}
    assert parts == {money.bank.pk: 300, other.pk: 500}
    well()


# -- Returns -----------------------------------------------------------------------------------------------------------
def test_a_ticket_returned_after_payment_is_netted_next_time(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2)
    send(money, approved(money, statement(money)))
    drawing.return_(ticket_id=2, restock=False, actor=money.keeper, reason="没有热水")
    assert owed(money.fund, money.world.bath) == -800
    well()
    tickets(money, 3, 4)
    made = statement(money)
    assert made.fen == 800
    send(money, approved(money, made))
    assert owed(money.fund, money.world.bath) == 0
    well()


def test_a_return_larger_than_what_is_owed_waits(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2)
    send(money, approved(money, statement(money)))
    for number in (1, 2):
        drawing.return_(ticket_id=number, restock=False, actor=money.keeper, reason="没有热水")
    assert statements.issue_statements(first_day=TODAY().replace(day=1), last_day=TODAY()) == []
    tickets(money, 3)
    made = statement(money)
    assert (made.fen, made.returns.count()) == (0, 1)


def test_a_ticket_returned_between_approval_and_payment_is_netted_next_time(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2)
    made = approved(money, statement(money))
    drawing.return_(ticket_id=2, restock=False, actor=money.keeper, reason="没有热水")
    well()
    send(money, made)
    assert owed(money.fund, money.world.bath) == -800
    well()


def test_a_ticket_returned_before_approval_leaves_the_statement(money: Money) -> None:
    money.give(100000)
    tickets(money, 1, 2)
    made = statement(money)
    drawing.return_(ticket_id=2, restock=False, actor=money.keeper, reason="没有热水")
    made.refresh_from_db()
    assert made.fen == 800
    well()


def test_what_a_supplier_paid_back_is_not_netted_as_well(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    tickets(money, 1, 2)
    send(money, approved(money, statement(money)))
    drawing.return_(ticket_id=2, restock=False, actor=money.keeper, reason="没有热水")
    line = moving.record_line(
        kind="repaid",
        fen=800,
        booked_on=TODAY(),
        fund=money.fund,
        bank_account=money.bank,
        partner=money.world.bath,
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    moving.decide_line(line=line, actor=money.town)
    assert owed(money.fund, money.world.bath) == 0
    well()
    tickets(money, 3)
    assert statement(money).fen == 800


# -- Expenses ----------------------------------------------------------------------------------------------------------
def test_a_projects_bill_is_paid_out_of_its_purpose_only(money: Money) -> None:
    p = money.purpose("修桥", pays_tickets=False, donor="春风公司")
    money.give(10000, p)
    money.give(50000)
    payee = payees.create_payee(region=money.world.village, name="匠心施工队", actor=money.keeper)
    account = payees.enter_account(
        payee=payee,
        holder="匠心施工队",
        bank_name="银行",
        number=ACCOUNT,
        actor=money.keeper,
        key=uuid.uuid4(),
        now=later(days=-9),
    )
    payees.confirm_account(account=account, actor=money.town)
    facts = {"fund": money.fund, "payee": payee, "text": "木料", "actor": money.keeper, "purpose": p}
    with pytest.raises(errors.EvidenceMissing):
        moving.prepare_expense(fen=1, voucher_number=" ", key=uuid.uuid4(), **facts)
    too_much = moving.prepare_expense(fen=10001, voucher_number="1", key=uuid.uuid4(), **facts)
    with pytest.raises(errors.AlreadySpent):
        moving.decide_expense(expense=too_much, actor=money.town)
    bill = moving.prepare_expense(fen=9000, voucher_number="2", key=uuid.uuid4(), **facts)
    with pytest.raises(NotAllowed):
        moving.decide_expense(expense=bill, actor=money.keeper)
    moving.decide_expense(expense=bill, actor=money.town)
    well()
    payout = payouts.prepare_expense_payout(expense=bill, actor=money.keeper)
    with pytest.raises(errors.AlreadySettled):
        payouts.prepare_expense_payout(expense=bill, actor=money.keeper)
    payouts.approve_payout(payout=payout, actor=money.town)
    payouts.write_bank_file(bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=uuid.uuid4())
    payouts.confirm_paid(payout=payout, actor=money.keeper)
    assert total(money.bank.asset_key) == -51000
    well()


def test_a_donor_paid_out_of_its_own_gift_is_said_aloud(money: Money) -> None:
    p = money.purpose("修桥", donor="春风公司")
    money.give(10000, p)
    payee = payees.create_payee(region=money.world.village, name="春风公司", actor=money.keeper)
    bill = moving.prepare_expense(
        fund=money.fund,
        payee=payee,
        fen=100,
        text="水泥",
        voucher_number="1",
        purpose=p,
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    with pytest.raises(errors.RelatedParty):
        moving.decide_expense(expense=bill, actor=money.town)
    moving.decide_expense(expense=bill, actor=money.town, related_party=True)
    bill.refresh_from_db()
    assert bill.state == "approved"


@pytest.mark.parametrize(
    "whose", ["own name", "own number", "wife's name", "wife's number", "organisation", "another's"]
)
def test_nobody_approves_what_they_are_paid_themselves(money: Money, whose: str) -> None:
    money.give(50000)
    village, town = money.world.village, money.town
    facts: dict[str, Any] = {"village": village, "actor": None, "household_number": "5"}
    own = registry.register_resident(name="镇本人", id_number="11010519491231002X", **facts)
    Resident.objects.filter(pk=own.pk).update(user=town)
    registry.register_resident(name="镇妻", id_number="990000196507189604", **facts)
    organisation = money.world.organisation
    payee_facts: dict[str, dict[str, Any]] = {
        "own name": {"name": town.name},
        "own number": {"name": "写错的名字", "id_number": "11010519491231002X"},
        "wife's name": {"name": "镇 妻"},
        "wife's number": {"name": "小名", "id_number": "990000196507189604"},
        "organisation": {"name": organisation.name, "organisation": organisation, "kind": "organisation"},
        "another's": {"name": "匠人"},
    }
    payee = payees.create_payee(region=village, actor=money.keeper, **{"kind": "person", **payee_facts[whose]})
    if whose == "organisation":
        registry.grant_role(user=town, role="supplier_staff", organisation=organisation, actor=None)
    town = User.objects.get(pk=town.pk)
    bill = moving.prepare_expense(
        fund=money.fund,
        payee=payee,
        fen=100,
        text="工钱",
        voucher_number="1",
        kind="other",
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    account = payees.enter_account(
        payee=payee, holder="收款人", bank_name="银行", number=ACCOUNT, actor=money.keeper, key=uuid.uuid4()
    )
    if whose == "another's":
        payees.confirm_account(account=account, actor=town)
        moving.decide_expense(expense=bill, actor=town)
        return
    for deed in (
        lambda: payees.confirm_account(account=account, actor=town),
        lambda: moving.decide_expense(expense=bill, actor=town),
    ):
        with pytest.raises((errors.OwnSupplier, ConflictOfInterest)):
            deed()
