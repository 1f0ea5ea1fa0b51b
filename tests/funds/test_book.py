"""The one door to money: each posting of the design walked with numbers, and what must never happen."""

from __future__ import annotations

import ast
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds import book, errors, posting
from marketplace.funds.models import PeriodClose, Purpose
from marketplace.funds.services import setup, terms
from tests.factories.funds import ACTOR, Money, free, left, owed, short, total
from timebank.ledger import errors as ledger_errors
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg

BATH = 800  # fen

pytestmark = pytest.mark.money_without_rows("the book itself is tested: nothing says what it was for")


def draw(money: Money, ticket: int, fen: int = BATH, purposes: Any = (), n: int = 1, partner: Any = None) -> Any:
    partner = partner or money.world.bath
    return book.draw(
        fund=money.fund, partner_id=partner.pk, fen=fen, ticket_id=ticket, n=n, actor=ACTOR, purposes=purposes
    )


# -- Worked examples of the design -------------------------------------------------------------------------------------
def test_example_one_donation_fee_sixty_baths_and_refunds(money: Money) -> None:
    """1,000.00 for P, fee 29.30, free 200.00; 60 baths of 8.00: P 490.70. Stripe refunds 600.00: P 0, free 90.70."""
    p = money.purpose(products=[money.world.ticket.product_id])
    money.give(20000)
    money.give(100000, p, asset=posting.STRIPE, fee_fen=2930, key="stripe:txn_1")
    assert total(posting.STRIPE) == -97070
    for ticket in range(1, 61):
        draw(money, ticket, purposes=[p])
    assert left(money.fund, p) == 49070
    assert owed(money.fund, money.world.bath) == 48000
    with pytest.raises(errors.AlreadySpent) as refused, transaction.atomic():
        book.refund_donor(
            fund=money.fund,
            asset=posting.STRIPE,
            fen=60000,
            key="stripe:r0",
            actor=ACTOR,
            source="refund:1",
            purpose=p,
            only_unspent=True,
        )
    assert refused.value.params["most"] == 49070
    assert (left(money.fund, p), free(money.fund), total(posting.STRIPE)) == (49070, 20000, -97070)
    taken = book.refund_donor(
        fund=money.fund, asset=posting.STRIPE, fen=60000, key="stripe:txn_2", actor=ACTOR, source="refund:1", purpose=p
    )
    assert (left(money.fund, p), free(money.fund), short(money.fund)) == (0, 9070, 0)
    assert taken.shares == (posting.Share(money.fund.pk, p.pk, 49070), posting.Share(money.fund.pk, None, 10930))


def test_example_two_a_dispute_then_money_then_won(money: Money) -> None:
    """All drawn, free 50.00; dispute 1,000.00 + 105.00: owes 1,055.00; 300.00 comes: 755.00; won: 0, free 245.00."""
    p = money.purpose()
    money.give(100000, p, asset=posting.STRIPE, key="stripe:txn_1")
    draw(money, 1, fen=100000, purposes=[p])
    money.give(5000)
    book.open_dispute(
        fund=money.fund,
        asset=posting.STRIPE,
        fen=100000,
        fee_fen=10500,
        key="stripe:txn_d",
        actor=ACTOR,
        source="d",
        purpose=p,
    )
    assert (short(money.fund), free(money.fund)) == (-105500, 0)
    money.give(30000)
    assert (short(money.fund), free(money.fund)) == (-75500, 0)
    won = {"fund": money.fund, "asset": posting.STRIPE, "fen": 100000, "key": "stripe:txn_w", "opened": "stripe:txn_d"}
    book.win_dispute(**won, actor=ACTOR, source="d")
    assert (short(money.fund), free(money.fund)) == (0, 24500)
    book.win_dispute(**won, actor=ACTOR, source="d")  # told twice
    assert (short(money.fund), free(money.fund)) == (0, 24500)


def test_a_dispute_won_gives_the_lots_it_used_back(money: Money) -> None:
    p = money.purpose()
    money.give(100000, p, asset=posting.STRIPE, key="stripe:1")
    draw(money, 1, fen=40000, purposes=[p])
    money.give(10000)
    book.open_dispute(
        fund=money.fund, asset=posting.STRIPE, fen=100000, key="stripe:d", actor=ACTOR, source="d", purpose=p
    )
    assert (left(money.fund, p), free(money.fund), short(money.fund)) == (0, 0, -30000)
    book.win_dispute(
        fund=money.fund,
        asset=posting.STRIPE,
        fen=100000,
        fee_fen=500,
        key="stripe:w",
        opened="stripe:d",
        actor=ACTOR,
        source="d",
    )
    assert (left(money.fund, p), free(money.fund), short(money.fund)) == (60000, 10500, 0)


def test_example_five_money_of_another_currency_is_its_cny(money: Money) -> None:
    """JPY 100000 settled as 4,850.00 CNY, fee 145.94: 4,704.06 is at work."""
    p = money.purpose()
    money.give(485000, p, asset=posting.STRIPE, fee_fen=14594, key="stripe:jpy")
    assert left(money.fund, p) == 470406
    assert total(posting.STRIPE) == -470406


# -- take --------------------------------------------------------------------------------------------------------------
def test_a_draw_uses_the_purpose_then_free_money_then_what_the_fund_owes(money: Money) -> None:
    p = money.purpose()
    money.give(500, p)
    money.give(200)
    taken = draw(money, 7, purposes=[p])
    assert taken.shares == (posting.Share(money.fund.pk, p.pk, 500), posting.Share(money.fund.pk, None, 200))
    assert (taken.short, short(money.fund), owed(money.fund, money.world.bath)) == (100, -100, 800)


def test_a_draw_is_never_refused(money: Money) -> None:
    taken = draw(money, 7)
    assert (taken.shares, taken.short, short(money.fund)) == ((), 800, -800)


def test_money_of_another_purpose_is_not_touched(money: Money) -> None:
    other = money.purpose("理发")
    money.give(10000, other)
    assert draw(money, 7).short == 800
    assert left(money.fund, other) == 10000


def test_the_same_key_answers_what_was_taken_the_first_time(money: Money) -> None:
    money.give(300)
    first = draw(money, 7)
    money.give(100000)  # now there is enough: another split would be another content
    again = draw(money, 7)
    assert again.posted.id == first.posted.id
    assert (again.posted.replayed, again.short, again.shares) == (True, 500, first.shares)
    assert owed(money.fund, money.world.bath) == 800


def test_without_the_look_up_of_the_key_a_split_sent_again_is_a_conflict(
    money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""
    money.give(300)
    draw(money, 7)
    money.give(100000)

    def no_look_up(key: str, *args: Any) -> Any:
        raise ledger_errors.KeyConflict(key=key)

    monkeypatch.setattr(posting, "_taken_before", no_look_up)
    with pytest.raises(ledger_errors.KeyConflict):
        draw(money, 7)


def test_the_same_key_for_another_amount_is_refused(money: Money) -> None:
    draw(money, 7)
    with pytest.raises(ledger_errors.KeyConflict):
        draw(money, 7, fen=900)


def test_purposes_are_used_closes_soonest_first_then_narrowest(money: Money) -> None:
    product = money.world.ticket.product_id
    never = money.purpose("随时", products=[product])
    late = money.purpose("年底前", closes_on=dt.date(2027, 12, 31))
    soon = money.purpose("本月底前", closes_on=dt.date(2027, 1, 31))
    narrow = money.purpose("本月底前，七十岁以上", closes_on=dt.date(2027, 1, 31), min_age=70)
    all_of_them = [never, late, soon, narrow]
    for one in all_of_them:
        money.give(800, one)
    used = [draw(money, ticket, purposes=all_of_them).shares[0].purpose_id for ticket in range(1, 5)]
    assert used == [narrow.pk, soon.pk, late.pk, never.pk]


def test_a_purpose_of_the_town_is_used_before_the_villages_free_money(money: Money) -> None:
    town_fund = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    of_town = money.purpose("全镇洗浴", fund=town_fund)
    of_village = money.purpose("本村洗浴")
    money.give(300, of_village)
    money.give(400, of_town, fund=town_fund)
    money.give(1000, fund=town_fund)
    money.give(1000)
    of_town.fund = town_fund
    taken = draw(money, 7, purposes=[of_village, of_town])
    assert set(taken.shares) == {
        posting.Share(money.fund.pk, of_village.pk, 300),
        posting.Share(town_fund.pk, of_town.pk, 400),
        posting.Share(money.fund.pk, None, 100),
    }
    assert (owed(money.fund, money.world.bath), owed(town_fund, money.world.bath)) == (400, 400)
    assert free(town_fund) == 1000  # never the town's free money


def test_a_purpose_above_used_up_meanwhile_costs_no_free_money_of_the_town(
    money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    town_fund = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    of_town = money.purpose("全镇洗浴", fund=town_fund)
    money.give(400, of_town, fund=town_fund)
    money.give(5000, fund=town_fund)
    money.give(5000)
    plan = posting._plan_above

    def late(*args: Any) -> Any:
        planned = plan(*args)
        if planned and late.first:  # type: ignore[attr-defined]
            late.first = False  # type: ignore[attr-defined]
            posting.move_only(
                fund=town_fund, purpose=of_town, fen=300, to="transit", key="t", kind="test", actor=ACTOR, source="t"
            )
        return planned

    late.first = True  # type: ignore[attr-defined]
    monkeypatch.setattr(posting, "_plan_above", late)
    taken = draw(money, 7, purposes=[of_town])
    assert set(taken.shares) == {posting.Share(town_fund.pk, of_town.pk, 100), posting.Share(money.fund.pk, None, 700)}
    assert free(town_fund) == 5000


# -- Only this purpose -------------------------------------------------------------------------------------------------
def test_changing_a_purpose_takes_no_free_money(money: Money) -> None:
    """956.00 out of a lot of 954.70 would silently take 1.30 of free money."""
    p, q = money.purpose("洗浴"), money.purpose("理发")
    money.give(95470, p)
    money.give(1000)
    with pytest.raises(errors.AlreadySpent) as refused, transaction.atomic():
        book.change_purpose(fund=money.fund, purpose=p, to=q, fen=95600, number=1, actor=ACTOR)
    assert refused.value.params["most"] == 95470
    assert (left(money.fund, p), left(money.fund, q), free(money.fund)) == (95470, 0, 1000)
    book.change_purpose(fund=money.fund, purpose=p, to=q, fen=95470, number=1, actor=ACTOR)
    assert (left(money.fund, p), left(money.fund, q), free(money.fund)) == (0, 95470, 1000)
    assert total("transit") == 0


def test_freeing_a_purpose_is_compared_with_what_was_meant_too(money: Money) -> None:
    p = money.purpose()
    money.give(500, p)
    money.give(500)
    with pytest.raises(errors.AlreadySpent), transaction.atomic():
        book.change_purpose(fund=money.fund, purpose=p, to=None, fen=600, number=1, actor=ACTOR)
    book.change_purpose(fund=money.fund, purpose=p, to=None, fen=400, number=2, actor=ACTOR)
    assert (left(money.fund, p), free(money.fund)) == (100, 900)


def test_freed_money_pays_what_the_fund_owes(money: Money) -> None:
    p = money.purpose()
    money.give(5000, p)
    draw(money, 1)
    book.change_purpose(fund=money.fund, purpose=p, to=None, fen=5000, number=1, actor=ACTOR)
    assert (free(money.fund), short(money.fund)) == (4200, 0)


def test_a_purpose_in_which_nothing_is_left_gives_nothing(money: Money) -> None:
    p = money.purpose()
    money.give(500)
    with pytest.raises(errors.AlreadySpent) as refused, transaction.atomic():
        book.spend(fund=money.fund, purpose=p, payee_id=1, fen=100, number=1, actor=ACTOR)
    assert refused.value.params["most"] == 0
    assert free(money.fund) == 500


def test_an_allocation_keeps_its_purpose_and_moves_the_money_between_banks(money: Money) -> None:
    other_bank = setup.open_bank_account(region=money.world.other_village, name="寨西", actor=None)
    target = setup.open_fund(region=money.world.other_village, bank_account=other_bank, actor=money.town)
    p = money.purpose()
    money.give(1000, p)
    book.allocate(source_fund=money.fund, target=target, purpose=p, fen=600, number=1, actor=ACTOR)
    assert (left(money.fund, p), left(target, p)) == (400, 600)
    assert (total(money.bank.asset_key), total(other_bank.asset_key)) == (-400, -600)


# -- Undone and returned -----------------------------------------------------------------------------------------------
def test_an_undone_draw_is_back_where_it_was(money: Money) -> None:
    p = money.purpose()
    money.give(500, p)
    taken = draw(money, 7, purposes=[p])
    book.undraw(fund=money.fund, transfer_id=taken.posted.id, ticket_id=7, n=1, actor=ACTOR, returned=False)
    assert (left(money.fund, p), short(money.fund), owed(money.fund, money.world.bath)) == (500, 0, 0)
    assert draw(money, 7, purposes=[p], n=2).posted.id != taken.posted.id


def test_what_the_fund_owed_and_has_paid_since_comes_back_as_free_money(money: Money) -> None:
    taken = draw(money, 7)
    money.give(2000)
    assert (short(money.fund), free(money.fund)) == (0, 1200)
    book.undraw(fund=money.fund, transfer_id=taken.posted.id, ticket_id=7, n=1, actor=ACTOR, returned=False)
    assert (short(money.fund), free(money.fund)) == (0, 2000)


def test_a_whole_return_may_leave_the_supplier_owing(money: Money) -> None:
    """A draw of fund 5.00 + owed 3.00: ``ledger.refund`` would give back at most 5.00."""
    money.give(500)
    taken = draw(money, 7)
    with pytest.raises(ledger_errors.RefundExceeds), transaction.atomic():
        ledger.refund(
            taken.posted.id,
            amount=800,
            key="x",
            reason="r",
            actor=ACTOR,
            from_account=posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk),
        )
    money.give(5000)
    book.pay_out(
        legs=[(posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk), 800)],
        asset=money.bank.asset_key,
        number=1,
        actor=ACTOR,
        source="statement:1",
    )
    book.undraw(fund=money.fund, transfer_id=taken.posted.id, ticket_id=7, n=1, actor=ACTOR, returned=True)
    assert owed(money.fund, money.world.bath) == -800
    assert (free(money.fund), short(money.fund)) == (5500, 0)


def test_a_receipt_typed_too_high_is_taken_back_without_lending(money: Money) -> None:
    p = money.purpose()
    money.give(10000, p, key="payment:1")
    draw(money, 1, fen=9500, purposes=[p])
    taken = book.correct_receipt(
        fund=money.fund,
        asset=money.bank.asset_key,
        fen=9000,
        key="payment:1:correct",
        actor=ACTOR,
        source="payment:1",
        purpose=p,
    )
    assert (left(money.fund, p), taken.short, short(money.fund)) == (0, 8500, -8500)
    assert (total("debt:CNY"), total(money.bank.asset_key)) == (0, -1000)


def test_a_refund_that_failed_is_back(money: Money) -> None:
    p = money.purpose()
    money.give(1000, p, asset=posting.STRIPE)
    refund = book.refund_donor(
        fund=money.fund,
        asset=posting.STRIPE,
        fen=600,
        key="stripe:r",
        actor=ACTOR,
        source="refund:1",
        purpose=p,
        only_unspent=True,
    )
    book.undo_refund(fund=money.fund, transfer_id=refund.posted.id, key="stripe:rf", actor=ACTOR)
    assert (left(money.fund, p), total(posting.STRIPE)) == (1000, -1000)


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


# -- One door ----------------------------------------------------------------------------------------------------------
ROOT = Path(__file__).resolve().parents[2]
#: What in ``timebank.ledger`` writes. A new one must be added here by hand: then it is looked at.
LEDGER_WRITERS = {
    "anchor",
    "capture",
    "close_account",
    "expire_due",
    "hold",
    "lapse_due_holds",
    "open_account",
    "open_accounts",
    "post",
    "post_many",
    "refund",
    "release",
    "reverse",
    "seal",
    "seal_all",
    "set_expiry_account",
    "set_expiry_accounts",
    "restore_lapsed",
    "assume_debt",
    "take_back",
    "lapsed_of",  # reads
}
#: What can make or move points.
POINT_WRITERS = LEDGER_WRITERS - {
    "anchor",
    "seal",
    "seal_all",
    "set_expiry_account",
    "set_expiry_accounts",
    "close_account",
    "lapsed_of",
}
MONEY_APPS = ("funds", "payments", "sponsors")


def test_the_list_of_ledger_writers_is_whole() -> None:
    functions = {name for name in ledger.__all__ if not isinstance(getattr(ledger, name), type)}
    assert functions == LEDGER_WRITERS


def ledger_calls(path: Path) -> set[str]:
    """Name the ledger's writers that a file imports or calls by the module's name."""
    tree = ast.parse(path.read_text())
    modules, found = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("timebank.ledger"):
            for alias in node.names:
                if alias.name in {"services", "accounts", "posting", "corrections", "holds", "expiry", "store"}:
                    modules.add(alias.asname or alias.name)
                elif "services" in (node.module or "") and alias.name in LEDGER_WRITERS:
                    found.add(alias.name)
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name.startswith("timebank.ledger.")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add(node.attr)
    return found & LEDGER_WRITERS


MONEY_WRITERS = ("marketplace/funds/book.py", "marketplace/funds/posting.py")


def test_money_is_posted_only_through_the_book() -> None:
    """The apps of money reach the ledger's writers in the book and the posting below it; what is posted is CNY."""
    files = [path for app in MONEY_APPS for path in (ROOT / "marketplace" / app).rglob("*.py")]
    assert len(files) > 10
    users = {str(path.relative_to(ROOT)): calls for path in files if (calls := ledger_calls(path))}
    assert users == {
        "marketplace/funds/book.py": {"reverse"},
        "marketplace/funds/posting.py": {"post", "open_accounts"},
    }


def test_no_one_else_posts_in_cny() -> None:
    said = [
        str(path.relative_to(ROOT))
        for top in ("timebank", "marketplace")
        for path in (ROOT / top).rglob("*.py")
        if '"CNY"' in path.read_text() and "timebank.ledger" in path.read_text() and "migrations" not in path.parts
    ]
    assert set(said) <= {"marketplace/funds/posting.py", "timebank/ledger/units.py"} | {
        one for one in said if one.startswith(("marketplace/payments/", "marketplace/sponsors/"))
    }


def test_no_point_is_posted_from_money() -> None:
    """Rule 1: nothing that posts points can be reached from the apps of money."""
    seen, guilty = reached([path for app in MONEY_APPS for path in (ROOT / "marketplace" / app).rglob("*.py")])
    assert guilty == {}
    assert {ROOT / name for name in MONEY_WRITERS} <= seen


def test_control_a_service_that_redeems_reaches_the_posting_of_points() -> None:
    _seen, guilty = reached([ROOT / "marketplace/rewards/services/kept.py"])
    assert "marketplace/rewards/services/redemption/paying.py" in guilty


def reached(todo: list[Path]) -> tuple[set[Path], dict[str, list[str]]]:
    """Follow what services import of services, name by name; return the files, and those that write points."""
    seen: set[Path] = set()
    guilty: dict[str, list[str]] = {}
    while todo:
        path = todo.pop()
        if path in seen or "migrations" in path.parts or "management" in path.parts:
            continue
        seen.add(path)
        relative = str(path.relative_to(ROOT))
        if relative.startswith("timebank/ledger/") or relative in MONEY_WRITERS:
            continue
        if calls := ledger_calls(path) & POINT_WRITERS - {"open_account", "open_accounts"}:
            guilty[relative] = sorted(calls)
        todo += imported_services(path) - seen
    return seen, guilty


def imported_services(path: Path) -> set[Path]:
    """List the files of the services that a file takes names from (services alone write)."""
    tree = ast.parse(path.read_text())
    found: set[Path] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        base = ROOT / Path(*node.module.split("."))
        for alias in node.names:
            if ".services" in f".{node.module}.":
                found |= origins(base, alias.name)
            elif alias.name == "services":
                local = alias.asname or alias.name
                for name in attributes(tree, local):
                    found |= origins(base / "services", name)
    return found


def attributes(tree: ast.AST, local: str) -> set[str]:
    """List what a file takes from the module that it calls ``local``."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == local
    }


def origins(base: Path, name: str) -> set[Path]:
    """Return the file in which a name of a package or module of services is defined."""
    if base.with_suffix(".py").exists():
        return {base.with_suffix(".py")}
    if (base / f"{name}.py").exists():
        return {base / f"{name}.py"}
    if (base / name / "__init__.py").exists():
        return set((base / name).glob("*.py"))
    package = base / "__init__.py"
    if not package.exists():
        return set()
    for node in ast.walk(ast.parse(package.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return origins(ROOT / Path(*node.module.split(".")), alias.name)
    return {package}


def test_reversing_what_credited_a_fund_would_lend(money: Money) -> None:
    """Why ``reverse`` is never used on an inflow: the control shows the debt that the design forbids."""
    posted = money.give(1000)
    draw(money, 1)
    with transaction.atomic():
        ledger.reverse(posted.id, key="wrong", reason="x", actor=ACTOR)
        assert ledger_read.balance_of("debt:CNY").total == -800
        transaction.set_rollback(True)
