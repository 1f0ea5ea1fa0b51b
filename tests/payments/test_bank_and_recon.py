"""The bank's file is taken in once and never guessed; our books agree with the provider's, or it is said where not."""

from __future__ import annotations

import re
import uuid
from io import StringIO
from pathlib import Path

import pytest
import stripe
from django.core.checks import run_checks
from django.core.management import call_command
from django.urls import reverse

from marketplace.payments.errors import BankFileInvalid, BankFileTwice, LineMismatch
from marketplace.payments.models import (
    BalanceTransaction,
    BankEntry,
    BankImport,
    BankTemplate,
    Payment,
    ProviderPayout,
    ReconRun,
)
from marketplace.payments.practice import money
from marketplace.payments.providers.stripe import EVENT_TYPES
from marketplace.payments.services import bank_entries, by_hand, events, recon
from marketplace.payments.services.foreign import shared
from marketplace.payments.services.payouts import sync_payout
from tests.factories.payments import World, assert_equation, balance
from timebank.common import sweeps
from timebank.common.errors import WrongState

pytestmark = pytest.mark.django_db

HEAD = "日期,金额,对方户名,摘要,流水号\n"


@pytest.fixture
def template(db: None) -> BankTemplate:
    return BankTemplate.objects.create(
        name="测试银行", day="日期", amount="金额", party="对方户名", memo="摘要", serial="流水号"
    )


def take_in(world: World, template: BankTemplate, text: str, *, head: str = HEAD) -> BankImport:
    """Take in a file as the keeper."""
    return bank_entries.import_file(
        bank_account=world.fund.bank_account,
        template=template,
        name="bank.csv",
        data=(head + text).encode(),
        actor=world.keeper,
    )


def transfer(world: World, fen: int, reference: str) -> Payment:
    """Announce a transfer."""
    return by_hand.announce_transfer(
        fund=world.fund,
        amount_fen=fen,
        key=uuid.uuid4(),
        title="捐赠",
        actor=world.donor,
        reference=reference,
    )


def test_a_line_that_fits_one_payment_is_proposed_and_a_second_person_books_it(world: World, template):
    payment = transfer(world, 50_000, "SJ-AAAAAA")
    take_in(world, template, "2026-11-02,500.00,泽库渔业,捐款 sj aaaaaa,1001\n")
    line = BankEntry.objects.get()
    assert (line.state, line.payment_id, world.free()) == ("proposed", payment.pk, 0)
    bank_entries.decide_line(line=line, approve=True, actor=world.approver)
    payment.refresh_from_db()
    assert (payment.state, world.free()) == ("booked", 50_000)
    with pytest.raises(WrongState):
        bank_entries.decide_line(line=line, approve=True, actor=world.approver)
    assert_equation(world)


@pytest.mark.parametrize(
    ("_case", "memo", "amount"),
    [
        ("two fit", "SJ-AAAAAA SJ-BBBBBB", "500.00"),
        ("none fits", "谢谢", "500.00"),
        ("another amount", "SJ-AAAAAA", "499.00"),
    ],
)
def test_a_line_that_fits_two_or_none_is_never_guessed(world: World, template, _case, memo, amount):
    transfer(world, 50_000, "SJ-AAAAAA")
    transfer(world, 50_000, "SJ-BBBBBB")
    take_in(world, template, f"2026-11-02,{amount},某人,{memo},1001\n")
    line = BankEntry.objects.get()
    assert (line.state, line.payment_id, world.free()) == ("new", None, 0)


def test_two_lines_for_one_payment_are_left_to_people(world: World, template):
    transfer(world, 50_000, "SJ-AAAAAA")
    take_in(world, template, "2026-11-02,500.00,甲,SJ-AAAAAA,1001\n2026-11-02,500.00,甲,SJ-AAAAAA,1002\n")
    assert set(BankEntry.objects.values_list("state", flat=True)) == {"new"}


def test_a_file_twice_is_refused_and_files_may_overlap(world: World, template):
    first = "2026-11-02,1.00,甲,a,1\n2026-11-02,1.00,甲,a,1\n"
    take_in(world, template, first)
    with pytest.raises(BankFileTwice):
        take_in(world, template, first)
    batch = take_in(world, template, first + "2026-11-03,2.00,乙,b,2\n")
    assert (batch.lines_new, batch.lines_known, BankEntry.objects.count()) == (1, 2, 3)


@pytest.mark.parametrize(
    ("_case", "text", "row"),
    [
        ("bad day", "2026-11-02,1.00,甲,a,1\n2026-13-02,1.00,甲,a,2\n", 3),
        ("bad amount", "2026-11-02,1.0x,甲,a,1\n", 2),
        ("nothing moves", "2026-11-02,0.00,甲,a,1\n", 2),
        ("empty", "", None),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_nothing_is_taken_in(world: World, template, _case, text, row):
    with pytest.raises(BankFileInvalid) as refusal:
        take_in(world, template, text)
    assert refusal.value.params.get("row") == row
    assert not BankImport.objects.exists()
    assert not BankEntry.objects.exists()


def test_what_is_no_gift_is_booked_as_what_two_persons_say(world: World, template):
    take_in(world, template, "2026-11-02,300.00,村集体,分红,1\n2026-11-03,-2.00,银行,手续费,2\n")
    income, fee = BankEntry.objects.order_by("booked_on")
    words = {"fund": world.fund, "actor": world.keeper}
    with pytest.raises(LineMismatch):
        bank_entries.propose_line(line=income, kind="fee", **words)
    bank_entries.propose_line(line=income, kind="collective", **words)
    bank_entries.propose_line(line=fee, kind="fee", **words)
    for line in (income, fee):
        bank_entries.decide_line(line=line, approve=True, actor=world.approver)
    assert (world.free(), -balance(world.fund.bank_account.asset_key)) == (29_800, 29_800)
    assert_equation(world)


def test_a_proposal_that_is_given_back_is_to_be_decided_anew(world: World, template):
    take_in(world, template, "2026-11-02,300.00,甲,x,1\n")
    line = bank_entries.propose_line(line=BankEntry.objects.get(), kind="none", actor=world.keeper)
    bank_entries.decide_line(line=line, approve=False, actor=world.approver)
    line.refresh_from_db()
    assert (line.state, line.prepared_by) == ("new", None)


def test_a_payout_arrives_with_its_line(world: World, template):
    world.paid()
    with world.double.world.lock:
        sent = money.payout(world.double.world)
    payout = sync_payout("practice", sent["id"])
    take_in(world, template, "2026-11-02,970.70,Stripe,payout,1\n2026-11-02,970.71,Stripe,payout,2\n")
    right, wrong = BankEntry.objects.order_by("amount_fen")
    with pytest.raises(LineMismatch):
        bank_entries.propose_line(line=wrong, kind="payout", payout=payout, actor=world.keeper)
    bank_entries.propose_line(line=right, kind="payout", payout=payout, actor=world.keeper)
    bank_entries.decide_line(line=right, approve=True, actor=world.approver)
    assert (balance("asset:payout"), -balance(world.fund.bank_account.asset_key)) == (0, 97_070)
    assert_equation(world)


def test_money_in_another_currency_is_booked_at_what_the_bank_received(world: World, template):
    world.double.world.moods.settles_in = "hkd"
    first = world.paid(100_000, currency="HKD")
    second = world.paid(50_000, currency="HKD")
    with world.double.world.lock:
        money.refund(world.double.world, {"payment_intent": first.intent, "amount": 10_000})
    recon.reconcile(provider="practice")
    with world.double.world.lock:
        sent = money.payout(world.double.world)
    sync_payout("practice", sent["id"])
    take_in(world, template, "2026-11-02,1200.01,Stripe,payout,1\n")
    line = bank_entries.propose_line(
        line=BankEntry.objects.get(), kind="payout", payout=ProviderPayout.objects.get(), actor=world.keeper
    )
    bank_entries.decide_line(line=line, approve=True, actor=world.approver)
    for payment in (first, second):
        payment.refresh_from_db()
    assert (first.state, second.state) == ("booked", "booked")
    assert first.gross_fen + second.gross_fen == 120_001 == world.left()
    assert_equation(world)


def test_shares_are_exact_to_the_fen():
    assert shared(100, {1: 1, 2: 1, 3: 1}) == {1: 34, 2: 33, 3: 33}
    assert sum(shared(120_001, {1: 87_070, 2: 48_520, 3: -900}).values()) == 120_001
    with pytest.raises(LineMismatch):
        shared(100, {1: -5, 2: 5})


# -- Reconciliation ----------------------------------------------------------------------------------------------------
def test_books_that_agree(world: World):
    world.paid()
    run = recon.reconcile(provider="practice")
    assert (run.ok, run.lines_seen, list(run.items.all())) == (True, 1, [])


def test_what_was_never_told_is_fetched(world: World):
    world.pay(world.start())
    assert world.left() == 0
    run = recon.reconcile(provider="practice")
    assert run.ok
    assert run.events_found > 0
    assert world.left() == 97_070
    assert recon.reconcile(provider="practice").events_found == 0


def test_differences_are_named_both_ways(world: World):
    payment = world.paid()
    line = BalanceTransaction.objects.get()
    double = world.double.world
    double.objects[line.txn]["amount"] += 100
    double.objects[line.txn]["net"] += 100
    with double.lock:
        money.balance_line(double, "stripe_fee", -500, "", currency="cny")
    BalanceTransaction.objects.create(
        txn="txn_ours", provider="practice", kind="charge", currency="CNY", amount=5, net=5, created_at=payment.paid_at
    )
    run = recon.reconcile(provider="practice")
    assert not run.ok
    assert sorted(run.items.values_list("kind", flat=True)) == ["amount", "balance", "not_here", "not_there"]


def test_an_address_that_is_switched_off_is_red(world: World):
    from marketplace.payments.practice import api

    with world.double.world.lock:
        api.add_endpoint(world.double.world, "http://127.0.0.1:9/x", "whsec_x")["status"] = "disabled"
    run = recon.reconcile(provider="practice")
    assert list(run.items.values_list("kind", "reference")) == [("endpoint", "http://127.0.0.1:9/x")]
    assert not run.ok


def test_a_provider_that_is_away_leaves_a_run_that_says_so(world: World):
    world.double.world.moods.failures = [{"on": "GET /v1/events", "how": "500"}] * 3
    run = recon.reconcile(provider="practice")
    assert not run.ok
    assert run.error.startswith("provider_down")


def test_commands_print_and_exit(world: World):
    world.pay(world.start())
    out = StringIO()
    call_command("pull_events", stdout=out)
    assert "new events" in out.getvalue()
    assert world.left() == 97_070
    call_command("reconcile", stdout=out)
    assert "agrees" in out.getvalue()
    with world.double.world.lock:
        money.balance_line(world.double.world, "stripe_fee", -500, "", currency="cny")
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", stdout=out)
    assert ended.value.code == 1
    assert ReconRun.objects.count() == 2


def test_a_lost_message_costs_minutes(world: World):
    payment = world.pay(world.start())
    Payment.objects.update(expires_at=payment.created_at)
    sweeps.run(events.LOOK_AFTER)
    assert world.left() == 97_070


# -- Settings ----------------------------------------------------------------------------------------------------------
KEY, WHSEC, DOUBLE = "rk_live_" + "x" * 24, "whsec_" + "x" * 32, "http://127.0.0.1:8021"
REAL = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRETS": [WHSEC], "DEMO": False, "PRACTICE_PAYMENTS": ""}
PRACTICE = {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRETS": [], "DEMO": True, "PRACTICE_PAYMENTS": DOUBLE}
#: what is wrong, the settings, how the findings are called, a word that the first must say
SETTINGS = [
    ("all is well", REAL, "", ""),
    ("the demo's own", PRACTICE, "", ""),
    ("the double in production", PRACTICE | {"DEMO": False}, "E001 I001", "PRACTICE_PAYMENTS"),
    ("the double beside real keys", PRACTICE | {"STRIPE_SECRET_KEY": KEY}, "E002 W004", "STRIPE_SECRET_KEY"),
    ("the double on another machine", PRACTICE | {"PRACTICE_PAYMENTS": "https://api.stripe.com"}, "E003", "machine"),
    ("nothing", REAL | {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRETS": []}, "I001", "STRIPE_SECRET_KEY"),
    ("no key of Stripe's", REAL | {"STRIPE_SECRET_KEY": "hello"}, "W002", "STRIPE_SECRET_KEY"),
    ("a publishable key", REAL | {"STRIPE_SECRET_KEY": "pk_live_" + "x" * 24}, "W002", "STRIPE_SECRET_KEY"),
    ("a test key in production", REAL | {"STRIPE_SECRET_KEY": "sk_test_" + "x" * 24}, "W003", "test key"),
    ("no secrets", REAL | {"STRIPE_WEBHOOK_SECRETS": []}, "W004", "STRIPE_WEBHOOK_SECRETS"),
    ("a weak secret", REAL | {"STRIPE_WEBHOOK_SECRETS": [WHSEC, "whsec_x"]}, "W005", "Secret 2"),
    ("no secret of Stripe's", REAL | {"STRIPE_WEBHOOK_SECRETS": ["x" * 40]}, "W005", "Secret 1"),
    ("without TLS", REAL | {"SITE_URL": "http://shanji.example"}, "W006", "SITE_URL"),
    ("secrets without a key", REAL | {"STRIPE_SECRET_KEY": ""}, "I001 W007", "STRIPE_SECRET_KEY"),
]


def test_check_deploy_names_each_missing_or_weak_setting_of_payments(settings):
    """By ``manage.py check --deploy`` itself: each is named once, by its own number, with what to do."""
    for case, changes, wanted, word in SETTINGS:
        for name, value in ({"SITE_URL": "https://shanji.example"} | changes).items():
            setattr(settings, name, value)
        found = [one for one in run_checks(include_deployment_checks=True) if str(one.id).startswith("payments.")]
        assert [str(one.id).removeprefix("payments.") for one in found] == wanted.split(), case
        assert all(one.hint for one in found), case
        assert not wanted or word in found[0].msg, case


def test_the_document_says_what_the_code_asks():
    """Every event that is processed, every setting and every right stands in ``docs/payments.md``; no other event."""
    text = (Path(__file__).resolve().parents[2] / "docs/payments.md").read_text()
    events_said = re.search(r"with these events:\n\n```\n(.*?)```", text, re.DOTALL)
    assert events_said is not None
    assert sorted(events_said[1].split()) == sorted(EVENT_TYPES)
    for word in (
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRETS",
        "SITE_URL",
        reverse("payments:webhook"),
        stripe.api_version,
    ):
        assert word in text, word
