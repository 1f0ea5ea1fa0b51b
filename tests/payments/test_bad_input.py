"""Each bad input that the issue names: a code, a sentence for the person who can act, and nothing else changes."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from marketplace.funds.models import BankAccount
from marketplace.funds.services import payees, payouts, prices
from marketplace.payments.models import BankEntry, BankTemplate, Payment, RefusedHookCount, StripeEvent
from marketplace.payments.practice import hooks
from marketplace.payments.services import bank_entries, by_hand, events, refunds
from marketplace.payments.services.syncing import sync_payment
from marketplace.payments.words import REFUSED
from tests.factories.funds import Money, agree, make
from tests.factories.payments import SECRET, World, now, send
from tests.funds.test_settlement import approved, paid_account, statement, tickets
from tests.permissions.people import fingerprint
from timebank.common.errors import DomainError
from timebank.ledger.models import Transfer

pytestmark = pytest.mark.django_db


def state() -> tuple[dict[str, int], list[Any], int]:
    """Return what a bad input must leave alone: the rows of every table, every payment's state, the ledger's end."""
    payments = list(Payment.objects.order_by("pk").values_list("state", "gross_fen", "fee_fen", "refunds"))
    last = Transfer.objects.order_by("-pk").values_list("pk", flat=True).first()
    return fingerprint(), payments, last or 0


def refused(act: Callable[[], Any]) -> tuple[str, str]:
    """Return the code and the sentence of a refusal."""
    with pytest.raises(DomainError) as refusal:
        act()
    return refusal.value.code, str(refusal.value)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.payments.views.webhook.task_event.delay", lambda _pk: None)


@pytest.mark.usefixtures("quiet")
def test_a_bad_event_says_what_to_do_and_moves_nothing(world: World, client: Client) -> None:
    """Forged, oversized, late, early, broken: counted, said on the keeper's page. Foreign, doubled, reordered: kept."""
    payment = world.pay(world.start())
    event = world.events("checkout.session.completed")[0]
    secret = settings.PRACTICE_WEBHOOK_SECRET
    good, header = hooks.signed(event, secret)
    bad: list[tuple[str, bytes, str, str]] = [
        ("forged", *hooks.signed(event, SECRET), "bad_signature"),
        ("changed on its way", good.replace(b"100000", b"900000"), header, "bad_signature"),
        ("late", *hooks.signed(event, secret, now() - 400), "too_old"),
        ("ahead of time", *hooks.signed(event, secret, now() + 400), "from_future"),
        ("oversized", b"x" * (256 * 1024 + 1), header, "too_large"),
        ("no text", b"\xff\xfe" + good, header, "not_utf8"),
        ("no event", *hooks.signed({"object": "charge", "id": "ch_1"}, secret), "no_event"),
    ]
    keeper = Client()
    keeper.force_login(world.keeper)
    for case, body, signature, code in bad:
        before = state()
        assert send(client, body, signature).status_code in {400, 413}, case
        after = state()
        for rows in (before[0], after[0]):
            rows.pop(f'"{RefusedHookCount._meta.db_table}"')
        assert after == before, case
        page = keeper.get(reverse("payments:reconciliation")).content.decode()
        assert code in page and str(REFUSED[code])[:20] in page, case  # noqa: PT018 - one row of the page
    # foreign: kept, ignored, nothing asked of anybody
    foreign = {**event, "id": "evt_foreign", "account": "acct_1"}
    assert world.post(client, foreign).status_code == 200
    events.process_waiting()
    assert StripeEvent.objects.get(event="evt_foreign").state == "ignored"
    payment.refresh_from_db()
    assert payment.state == "open"
    # doubled and reordered: what it says last is what the provider says now
    for one in reversed([*world.events(), event, event]):
        assert world.post(client, one).status_code == 200
    events.process_waiting()
    booked = state()
    for one in [*world.events(), event]:
        assert world.post(client, one).status_code == 200
    events.process_waiting()
    assert state() == booked
    # wrong: of another amount than was agreed: suspense, and the payment says why to the keeper
    other = world.start(5_000, source="gift:2")
    world.pay(other)
    with world.double.world.lock:
        world.double.world.objects[other.session]["amount_total"] = 4_000
    assert sync_payment(other.pk).failure == "amount_mismatch"
    page = keeper.get(reverse("payments:payment", args=[other.pk])).content.decode()
    assert "amount_mismatch" not in page  # a sentence, not a code
    assert json.dumps(booked[1])


def test_bad_lines_of_the_bank_and_refunds_beyond_what_is_left(world: World) -> None:
    template = BankTemplate.objects.create(
        name="测试银行", day="日期", amount="金额", party="户名", memo="摘要", serial="流水"
    )

    def take_in(text: str) -> Any:
        batch = bank_entries.import_file(
            bank_account=world.fund.bank_account,
            template=template,
            name="bank.csv",
            data=f"日期,金额,户名,摘要,流水\n{text}".encode(),
            actor=world.keeper,
        )
        bank_entries.match_lines(batch=batch, actor=world.keeper)
        return batch

    for reference in ("SJ-AAAAAA", "SJ-BBBBBB"):
        by_hand.announce_transfer(
            fund=world.fund, amount_fen=50_000, key=uuid.uuid4(), title="捐赠", actor=world.donor, reference=reference
        )
    keeper = Client()
    keeper.force_login(world.keeper)
    lines = "2026-11-02,500.00,某人,SJ-AAAAAA SJ-BBBBBB,1\n2026-11-02,500.00,某人,谢谢,2\n"
    before = state()[1:]
    take_in(lines)
    assert state()[1:] == before
    two, none = BankEntry.objects.order_by("pk")
    assert {two.state, none.state} == {"new"}
    with translation.override("zh-hans"):
        said = {pk: keeper.get(reverse("payments:bank_line", args=[pk])).content.decode() for pk in (two.pk, none.pk)}
    assert "请认定是哪一笔" in said[two.pk]
    assert "请说明这笔是什么" in said[none.pk]
    paid = world.paid()
    refunds.ask_refund(payment=paid, amount_minor=60_000, reason="x", key=uuid.uuid4(), actor=world.keeper)
    cases: dict[str, tuple[Callable[[], Any], str]] = {
        "a file taken in twice": (lambda: take_in(lines), "bank_file_twice"),
        "a file that can't be read": (lambda: take_in("2026-13-02,1.00,甲,a,9\n"), "bank_file_invalid"),
        "a refund above what is left": (
            lambda: refunds.ask_refund(
                payment=paid, amount_minor=40_001, reason="x", key=uuid.uuid4(), actor=world.keeper
            ),
            "payment_exceeded",
        ),
        "a line told to be a payment of another amount": (
            lambda: bank_entries.propose_line(line=none, kind="payment", payment=paid, actor=world.keeper),
            "line_mismatch",
        ),
    }
    check(cases)


def check(cases: dict[str, tuple[Callable[[], Any], str]]) -> None:
    """Each is refused by its code, in a sentence of both languages, and no row or fen moved."""
    for case, (act, code) in cases.items():
        before = state()
        got, sentence = refused(act)
        assert got == code, case
        assert len(sentence) > 8, case
        with translation.override("en"):
            assert refused(act)[1] != sentence, f"{case}: no Chinese"
        assert state() == before, case


def test_bad_prices_accounts_and_files(db: Any) -> None:
    money: Money = make()
    type(money.fund).objects.update(floor_bp=0)
    world = money.world
    agree(money, world.ticket, 800, dt.date(2026, 1, 1), dt.date(2026, 6, 30))
    overlapping = prices.propose_price(
        stockrecord=world.ticket,
        fen=900,
        valid_from=dt.date(2026, 6, 1),
        valid_until=dt.date(2026, 7, 31),
        actor=money.keeper,
        key=uuid.uuid4(),
    )
    money.give(100_000)
    paid_account(money)
    agree(money, world.soap, 300)
    tickets(money, 1, on=dt.date(2026, 6, 1))
    payout = approved(
        money, statement(money, first_day=dt.date(2026, 6, 1), last_day=timezone.localdate())
    ).payouts.get()

    def write() -> Any:
        return payouts.write_bank_file(
            bank_account=BankAccount.objects.get(pk=money.bank.pk),
            payout_ids=[payout.pk],
            actor=money.keeper,
            key=uuid.uuid4(),
        )

    write()
    payee = payees.payee_of(partner=world.bath)
    facts: dict[str, Any] = {"holder": "洗浴中心", "bank_name": "威海银行", "actor": money.keeper}
    check(
        {
            "prices that overlap": (lambda: prices.decide_price(price=overlapping, actor=money.town), "price_overlap"),
            "an account number that fails its check": (
                lambda: payees.enter_account(payee=payee, number="6222020200112233447", key=uuid.uuid4(), **facts),
                "bad_account_number",
            ),
            "a file written twice": (write, "already_settled"),
        }
    )
