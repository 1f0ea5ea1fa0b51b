"""What two persons move: allocations, purposes, budgets, the bank's lines; and the close of a month."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from marketplace.funds import errors, tasks
from marketplace.funds.models import BankLine, Budget, CoverageSnapshot, Fund
from marketplace.funds.selectors.figures import budgets_of, months_of, purposes_of, standing_of
from marketplace.funds.services import closing, cover, moving, setup, statements
from marketplace.funds.services.common import keep_file
from marketplace.rewards import services as rewards
from tests.factories.funds import Money, agree, free, hand_over, issue, left, short, total, well
from timebank.common import sweeps
from timebank.common.errors import SamePerson, WrongState
from timebank.ledger import services as ledger
from timebank.registry.errors import NotAllowed

TODAY = timezone.localdate


@pytest.fixture(autouse=True)
def _no_floor(money: Money) -> None:
    Fund.objects.update(floor_bp=0)


def line(money: Money, kind: str, fen: int = 1000, **facts: Any) -> BankLine:
    facts.setdefault("fund", money.fund)
    facts.setdefault("bank_account", money.bank)
    facts.setdefault("booked_on", TODAY())
    made = moving.record_line(kind=kind, fen=fen, actor=money.keeper, key=uuid.uuid4(), **facts)
    return moving.decide_line(line=made, actor=money.town)


@pytest.mark.parametrize("kind", ["opening", "collective", "grant", "interest"])
def test_money_that_is_no_gift(money: Money, kind: str) -> None:
    line(money, kind, 500000, note="交接单")
    assert (free(money.fund), total(money.bank.asset_key)) == (500000, -500000)
    assert months_of(money.fund)[0].into == {kind: 500000}
    well()


def test_a_line_is_confirmed_by_another_person_once(money: Money) -> None:
    made = moving.record_line(
        kind="collective",
        fen=100,
        booked_on=TODAY(),
        fund=money.fund,
        bank_account=money.bank,
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    assert free(money.fund) == 0
    with pytest.raises(NotAllowed):
        moving.decide_line(line=made, actor=money.keeper)
    moving.decide_line(line=made, actor=money.town)
    with pytest.raises(WrongState):
        moving.decide_line(line=made, actor=money.other_town)
    assert free(money.fund) == 100


def test_a_declined_line_moves_nothing(money: Money) -> None:
    made = moving.record_line(
        kind="collective",
        fen=100,
        booked_on=TODAY(),
        fund=money.fund,
        bank_account=money.bank,
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    moving.decide_line(line=made, actor=money.town, approve=False, reason="重复")
    assert free(money.fund) == 0


def test_a_bank_fee_and_cash(money: Money) -> None:
    line(money, "collective", 1000)
    line(money, "fee", 300)
    assert free(money.fund) == 700
    line(money, "collective", 5000, bank_account=None)
    assert total(money.fund.cash_key) == -5000
    line(money, "banked", 5000)
    assert (total(money.fund.cash_key), total(money.bank.asset_key)) == (0, -5700)
    with pytest.raises(errors.BankShort):
        line(money, "banked", 1)
    well()


def test_unknown_money_is_explained_never_beyond_what_came(money: Money) -> None:
    unknown = line(money, "unknown", 10000)
    p = money.purpose()
    first = moving.prepare_explanation(
        line=unknown, fen=9000, fund=money.fund, purpose=p, note="春风公司补的款", actor=money.keeper, key=uuid.uuid4()
    )
    second = moving.prepare_explanation(line=unknown, fen=2000, note="退回", actor=money.keeper, key=uuid.uuid4())
    moving.decide_explanation(move=first, actor=money.town)
    with pytest.raises(errors.AlreadySpent) as refused:
        moving.decide_explanation(move=second, actor=money.town)
    assert refused.value.params["most"] == 1000
    assert (left(money.fund, p), total(money.bank.suspense_key)) == (9000, 1000)
    well()


def test_a_day_in_a_closed_month_is_booked_today(money: Money) -> None:
    last_month = TODAY().replace(day=1) - dt.timedelta(days=1)
    ledger.seal_all()
    closing.close_period(fund=money.fund, kind="month", day=last_month, actor=money.town)
    line(money, "collective", 100, booked_on=last_month)
    assert months_of(money.fund)[-1].month == TODAY().replace(day=1)


def test_an_allocation_needs_two_persons_and_the_money(money: Money) -> None:
    town = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    from timebank.registry import services as registry

    registry.grant_role(user=money.other_town, role="fund_keeper", actor=None, region=money.world.town)
    money.give(1000, fund=town)
    hand = money.fund
    made = moving.prepare_allocation(source=town, target=hand, fen=1500, actor=money.other_town, key=uuid.uuid4())
    with pytest.raises(SamePerson):
        moving.decide_allocation(allocation=made, actor=money.other_town)
    with pytest.raises(errors.AlreadySpent):
        moving.decide_allocation(allocation=made, actor=money.town)
    good = moving.prepare_allocation(source=town, target=hand, fen=600, actor=money.other_town, key=uuid.uuid4())
    moving.decide_allocation(allocation=good, actor=money.town)
    assert (free(town), free(hand)) == (400, 600)
    well()


def test_a_remainder_moves_with_consent_and_two_persons(money: Money) -> None:
    p, q = money.purpose("洗浴"), money.purpose("理发")
    money.give(900, p)
    facts = {"purpose": p, "to": q, "fen": 900, "actor": money.keeper, "key": uuid.uuid4()}
    with pytest.raises(errors.EvidenceMissing):
        moving.prepare_purpose_change(consent=" ", **facts)
    change = moving.prepare_purpose_change(consent="春风公司 10 月 8 日来函", **facts)
    with pytest.raises(NotAllowed):
        moving.decide_purpose_change(change=change, actor=money.keeper)
    moving.decide_purpose_change(change=change, actor=money.town)
    assert [(one.purpose.pk, one.left) for one in purposes_of(money.fund)] == [(p.pk, 0), (q.pk, 900)]
    well()


def test_a_budget_beside_what_was_spent(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    money.give(10000)
    issue(money, money.world.ticket, 1)
    hand_over(money.world.ticket, 1)
    key = uuid.uuid4()
    made = moving.prepare_budget(
        fund=money.fund, quarter=TODAY(), kind="rewards", fen=1600, actor=money.keeper, key=key
    )
    with pytest.raises(WrongState):
        moving.prepare_budget(
            fund=money.fund, quarter=TODAY(), kind="rewards", fen=1, actor=money.keeper, key=uuid.uuid4()
        )
    moving.decide_budget(budget=made, actor=money.town)
    assert Budget.objects.get().state == "approved"
    from marketplace.funds.rules import quarter_of

    (only,) = budgets_of(money.fund, *quarter_of(TODAY()))
    assert (only.spent, only.percent) == (800, 50)


def test_the_months_of_a_fund_follow_each_other(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    money.give(500)
    issue(money, money.world.ticket, 1)
    hand_over(money.world.ticket, 1)
    (month,) = months_of(money.fund)
    assert (month.into, month.out, month.closing) == ({"donation": 500}, {"draw": 800}, -300)
    assert standing_of(money.fund) == {"free": 0, "earmarked": 0, "shortfall": -300, "payable": 800}


# -- Close -------------------------------------------------------------------------------------------------------------
def test_a_month_is_closed_only_when_all_is_in_order(money: Money) -> None:
    last_month = TODAY().replace(day=1) - dt.timedelta(days=1)
    issue(money, money.world.ticket, 1)
    hand_over(money.world.ticket, 1, on=last_month)
    unknown = line(money, "unknown", 100)
    with pytest.raises(errors.PeriodNotReady) as refused:
        closing.close_period(fund=money.fund, kind="month", day=last_month, actor=money.town)
    assert set(refused.value.params["conditions"]) == {"priced", "suspense"}
    with pytest.raises(NotAllowed):
        closing.close_period(fund=money.fund, kind="month", day=last_month, actor=money.keeper)
    agree(money, money.world.ticket, 0)
    back = moving.prepare_explanation(line=unknown, fen=100, note="退回", actor=money.keeper, key=uuid.uuid4())
    moving.decide_explanation(move=back, actor=money.town)
    closing.close_period(fund=money.fund, kind="month", day=last_month, actor=money.town)
    with pytest.raises(errors.PeriodLocked):
        closing.close_period(fund=money.fund, kind="month", day=last_month, actor=money.town)
    with pytest.raises(errors.PeriodNotReady):
        closing.close_period(fund=money.fund, kind="month", day=TODAY(), actor=money.town)


def test_other_apps_add_conditions(money: Money, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "_more", {})
    closing.register("reconciled", lambda fund, first, last: closing.Condition("reconciled", "对账", 1))
    last_month = TODAY().replace(day=1) - dt.timedelta(days=1)
    with pytest.raises(errors.PeriodNotReady) as refused:
        closing.close_period(fund=money.fund, kind="month", day=last_month, actor=money.town)
    assert refused.value.params["conditions"] == ["reconciled"]


# -- check_funds -------------------------------------------------------------------------------------------------------
def test_check_funds_prints_the_equation(money: Money, capsys: pytest.CaptureFixture[str]) -> None:
    agree(money, money.world.ticket, 800)
    money.give(5000, fee_fen=100)
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    rewards.hand_over(code=ticket.code, actor=money.world.bath_clerk, nonce=uuid.uuid4())
    call_command("check_funds")
    said = capsys.readouterr().out
    assert "money in" in said
    assert "¥50.00" in said
    assert "¥41.00" in said
    assert "¥8.00" in said
    assert "¥1.00" in said


@pytest.mark.money_without_rows("a control: a row is spoiled")
def test_check_funds_names_the_first_difference(money: Money) -> None:
    from marketplace.funds.models import DrawDown

    agree(money, money.world.ticket, 800)
    issue(money, money.world.ticket, 1)
    hand_over(money.world.ticket, 1)
    DrawDown.objects.update(fen=900)
    with pytest.raises(CommandError, match="shares of ticket:1:1 900: ledger 900, rows 800") as stopped:
        call_command("check_funds")
    assert stopped.value.returncode == 1
    assert short(money.fund) == -800


def test_settle_issues_the_statements_once(money: Money, capsys: pytest.CaptureFixture[str]) -> None:
    from marketplace.funds.models import DrawDown

    agree(money, money.world.ticket, 800)
    issue(money, money.world.ticket, 1)
    hand_over(money.world.ticket, 1)
    DrawDown.objects.update(drawn_at=timezone.now() - dt.timedelta(hours=1))
    call_command("settle", "--today")
    call_command("settle", "--today")
    assert "1 statements, ¥8.00\n0 statements" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("settle", "--month", "October")


@pytest.mark.parametrize(
    ("_case", "data"), [("html", b"<html>"), ("empty", b""), ("too large", b"%PDF-" + b"x" * 2_097_152)]
)
def test_a_file_of_another_kind_is_refused(money: Money, _case: str, data: bytes) -> None:
    with pytest.raises(errors.BadFile):
        keep_file(name="x.pdf", data=data, actor=money.keeper)


def test_a_pdf_is_kept(money: Money) -> None:
    kept = keep_file(name="../发票.pdf", data=b"%PDF-1.7", actor=money.keeper)
    assert (kept.name, kept.content_type) == ("发票.pdf", "application/pdf")


def test_what_the_clock_does_can_run_twice_and_one_bad_fund_holds_up_no_other(
    money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = setup.open_fund(region=money.world.other_village, bank_account=money.bank, actor=money.town)
    figures_of = cover.figures_of

    def broken(fund: Fund, **more: Any) -> Any:
        if fund.pk == money.fund.pk:
            raise RuntimeError("this fund can't be computed")
        return figures_of(fund, **more)

    monkeypatch.setattr(cover, "figures_of", broken)
    report = sweeps.run(cover.COVER)
    assert (report.handled, report.failed) == (1, 1)
    assert list(CoverageSnapshot.objects.values_list("fund", flat=True)) == [other.pk]
    monkeypatch.undo()
    for _time in range(2):
        assert sweeps.run(cover.COVER, at_once=True).failed == 0
        assert sweeps.run(statements.ISSUE).handled == 0
        assert tasks.task_reprice() == 0
