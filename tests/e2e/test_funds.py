"""Pages of money by role in Chromium: clean for axe, no wider than a small phone, both languages."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from marketplace.funds.models import Fund
from marketplace.funds.services import cover, payees
from marketplace.payments.models import BalanceTransaction, StripeEvent
from tests.e2e.test_pages import _look
from tests.factories.funds import Money, agree, make
from tests.funds.test_settlement import paid_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def money(site: str) -> Money:
    made = make()
    Fund.objects.update(floor_bp=0)
    made.give(50_000, made.purpose("洗浴专款", donor="春风公司"))
    agree(made, made.world.ticket, 800)
    paid_account(made, made.world.bath)
    cover.take_snapshot(fund=made.fund, now=timezone.now() - dt.timedelta(days=1))
    cover.take_snapshot(fund=made.fund)
    BalanceTransaction.objects.create(
        txn="txn_1",
        provider="stripe",
        kind="charge",
        currency="CNY",
        amount=100,
        net=100,
        stray=True,
        created_at=timezone.now(),
    )
    StripeEvent.objects.create(
        provider="stripe", event="evt_1", type="payout.paid", body="{}", state="failed", error="ZeroDivisionError"
    )
    return made


def pages_of(money: Money) -> list[tuple[str, Any, list[str]]]:
    payee = payees.create_payee(region=money.world.village, name="匠心木作", actor=money.keeper)
    line = BalanceTransaction.objects.get()

    def at(*names: str) -> list[str]:
        return [reverse(f"funds:{name}", args=[money.fund.pk]) for name in names]

    own = at("fund", "purposes", "prices", "lines", "expenses", "goods", "payees", "terms", "statements", "payouts")
    own += [*at("budgets", "periods"), reverse("funds:payee", args=[money.fund.pk, payee.pk])]
    own += [reverse(f"payments:{name}") for name in ("list", "new", "strays", "reconciliation")]
    town = [reverse("funds:home"), reverse("funds:open"), *at("terms", "approvals")]
    return [
        ("guest", None, [reverse("funds:public_list"), *at("public")]),
        ("fund keeper", money.keeper, [*own, reverse("payments:stray", args=[line.pk])]),
        ("town", money.town, town),
        ("resident", money.world.sister.user, [reverse("rewards:kept")]),
    ]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_is_clean_and_narrow(money: Money, visit: Any, language: str) -> None:
    wrong: list[str] = []
    visitor = visit("everybody", language=language)
    for who, user, addresses in pages_of(money):
        visitor.become(user)
        for address in addresses:
            response = visitor.page.goto(visitor.base + address)
            if response.status != 200:
                wrong.append(f"{who} {address}: {response.status}")
                continue
            visitor.page.evaluate("document.querySelectorAll('details.card').forEach(part => part.open = true)")
            wrong.extend(f"{who} {address} {said}" for said in _look(visitor, axe=language == "zh-hans"))
    assert not wrong, "\n".join(wrong)
