"""The book and what is kept beside it: strays, banks, closed periods, goods, prices that never overlap."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds import book, errors, posting
from marketplace.funds.models import PeriodClose, Purpose
from marketplace.funds.services import terms
from tests.factories.funds import ACTOR, Money, draw, free, owed, total
from timebank.ledger import errors as ledger_errors
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg

pytestmark = pytest.mark.money_without_rows("the book itself is tested: nothing says what it was for")


# -- Strays, banks, periods --------------------------------------------------------------------------------------------
def test_money_that_nobody_can_place_waits_and_is_explained(money: Money) -> None:
    asset = money.bank.asset_key
    book.receive_stray(asset=asset, fen=12345, key="stripe:s", actor=ACTOR, source="bankline:1")
    assert (total(money.bank.suspense_key), free(money.fund)) == (12345, 0)
    book.explain_stray(asset=asset, fen=12000, key="s:1", fund=money.fund, actor=ACTOR, source="bankline:1")
    book.explain_stray(asset=asset, fen=345, key="s:2", actor=ACTOR, source="bankline:1")
    assert (total(money.bank.suspense_key), free(money.fund), total(asset)) == (0, 12000, -12000)


def test_nothing_leaves_a_bank_account_that_is_not_there(money: Money) -> None:
    draw(money, 1, fen=5000)
    money.give(4000)
    with pytest.raises(errors.BankShort) as refused:
        book.pay_out(
            legs=[(posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk), 5000)],
            asset=money.bank.asset_key,
            number=1,
            actor=ACTOR,
            source="statement:1",
        )
    assert refused.value.params == {"missing": 1000, "there": 4000}
    assert total(money.bank.asset_key) == -4000


def test_a_payout_that_the_bank_sends_back_is_owed_again(money: Money) -> None:
    money.give(5000)
    draw(money, 1)
    key = posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk)
    paid = book.pay_out(legs=[(key, 800)], asset=money.bank.asset_key, number=1, actor=ACTOR, source="s")
    assert (total(key), total(money.bank.asset_key)) == (0, -4200)
    book.bounce(transfer_id=paid.id, number=1, actor=ACTOR)
    assert (total(key), total(money.bank.asset_key)) == (800, -5000)


def test_a_closed_period_takes_nothing_more(money: Money) -> None:
    day = timezone.localdate().replace(day=1) - dt.timedelta(days=1)
    PeriodClose.objects.create(fund=money.fund, first_day=day.replace(day=1), last_day=day, closed_by=money.town)
    with pytest.raises(errors.PeriodLocked):
        money.give(100, effective_on=day)
    money.give(100, effective_on=day.replace(day=1) - dt.timedelta(days=1))
    money.give(100)
    assert free(money.fund) == 200


def test_money_never_expires_and_a_leg_of_nothing_is_left_out(money: Money) -> None:
    legs = [Leg(money.bank.asset_key, money.fund.wallet_key, 5, expires_on=dt.date(2030, 1, 1))]
    with pytest.raises(ledger_errors.InvalidTransfer):
        posting.post_money(key="x", kind="donation", legs=legs, actor=ACTOR, source="x")
    money.give(100, fee_fen=0)
    assert free(money.fund) == 100
    ledger.expire_due()
    assert total("expired:CNY") == 0


def test_a_purpose_that_is_closed_takes_no_new_money(money: Money) -> None:
    p = money.purpose()
    Purpose.objects.filter(pk=p.pk).update(state="closed")
    p.refresh_from_db()
    with pytest.raises(errors.PurposeClosed):
        money.give(100, p)


# -- Goods -------------------------------------------------------------------------------------------------------------
def test_goods_bought_are_owed_and_lie_on_the_shelf(money: Money) -> None:
    shop = money.world.shop
    posting.open_goods_accounts(partner_id=shop.pk)
    money.give(20000)
    taken = book.buy_goods(fund=money.fund, partner_id=shop.pk, fen=30000, movement_id=5, actor=ACTOR)
    asset, mirror = posting.goods_keys(shop.pk)
    assert (taken.short, owed(money.fund, shop), total(asset), total(mirror)) == (10000, 30000, -30000, 30000)
    out = book.goods_out(partner_id=shop.pk, fen=333, key="movement:6", actor=ACTOR)
    assert (total(asset), total(mirror)) == (-29667, 29667)
    book.goods_back(transfer_id=out.id, key="movement:7", actor=ACTOR)
    assert (total(asset), total(mirror)) == (-30000, 30000)


# -- What the database holds -------------------------------------------------------------------------------------------
def test_prices_of_one_record_never_overlap(money: Money) -> None:
    from marketplace.funds.models import AgreedPrice

    def agreed(first: dt.date, last: dt.date | None) -> AgreedPrice:
        with transaction.atomic():
            return AgreedPrice.objects.create(
                stockrecord=money.world.ticket,
                fen=800,
                valid_from=first,
                valid_until=last,
                state="approved",
                prepared_by=money.keeper,
                approved_by=money.town,
                approved_at=timezone.now(),
            )

    agreed(dt.date(2026, 1, 1), dt.date(2026, 1, 15))
    second = agreed(dt.date(2026, 1, 16), None)
    for first, last in ((dt.date(2026, 1, 15), dt.date(2026, 1, 15)), (dt.date(2027, 1, 1), None)):
        with pytest.raises(IntegrityError):
            agreed(first, last)
    with pytest.raises(IntegrityError), transaction.atomic():
        AgreedPrice.objects.filter(pk=second.pk).update(valid_from=dt.date(2026, 1, 10))
    with pytest.raises(IntegrityError), transaction.atomic():
        AgreedPrice.objects.filter(pk=second.pk).update(approved_by=money.keeper)  # one person alone


def test_a_right_never_has_a_price_a_star_or_a_limit(money: Money) -> None:
    from marketplace.catalogue.models import Product
    from marketplace.partner.models import StockRecord

    record = money.world.reward("端午福利粽", 0)
    terms.declare_basic(fund=money.fund, product_id=record.product_id, actor=money.town, reason="村民代表会议")
    for change in (
        lambda: StockRecord.objects.filter(pk=record.pk).update(price=1),
        lambda: Product.objects.filter(pk=record.product_id).update(min_star=1),
        lambda: Product.objects.filter(pk=record.product_id).update(per_resident_limit=1),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    priced = money.world.soap
    with pytest.raises(errors.NotBasic):
        terms.declare_basic(fund=money.fund, product_id=priced.product_id, actor=money.town, reason="x")
