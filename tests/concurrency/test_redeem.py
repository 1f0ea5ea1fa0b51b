"""Many at once on PostgreSQL. Every promise has its race here, and a control that shows the race with the guard off."""

from __future__ import annotations

import importlib
import threading
import time
import uuid
from collections import Counter
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from marketplace.basket.errors import LimitReached
from marketplace.basket.models import Basket
from marketplace.order.models import Order
from marketplace.partner.errors import OutOfStock
from marketplace.partner.models import StockRecord
from marketplace.rewards import errors, services
from marketplace.rewards.models import Redemption, Scan, StockMovement, Ticket, TicketEvent
from marketplace.rewards.services import adjusting
from tests.factories.rewards import (
    World,
    assert_stock_is_its_history,
    counters,
    escrow_of,
    give,
    points_of,
    redeemed_of,
)
from tests.support import worlds
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Resident

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.pg_only("SQLite has one writer: there is no race to show"),
]

redeeming = importlib.import_module("marketplace.rewards.services.redemption.redeeming")
handing_over = importlib.import_module("marketplace.rewards.services.handing_over")
cancelling = importlib.import_module("marketplace.rewards.services.cancel")


world = worlds.fixture("world", "tests.factories.rewards.build")


def people(world: World, count: int, points: int = 10000) -> list[Resident]:
    return [world.resident(f"居民{number}", points=points) for number in range(count)]


def outcomes(answer: Any) -> Counter[str]:
    """Count how it ended for each: done, or the code of the refusal."""
    return Counter(["done"] * len(answer.results) + [getattr(e, "code", type(e).__name__) for e in answer.errors])


def together(parties: int) -> Any:
    """Return a wait that ends when all have come: everybody has looked before anybody writes."""
    return threading.Barrier(parties, timeout=30).wait


def unguarded_close(monkeypatch: pytest.MonkeyPatch, wait: Any) -> None:
    """Take the locks and conditional updates of hand-over away: look, wait a moment, write."""

    def claim(ticket: Ticket, *, actor: Any, now: Any) -> bool:
        wait()
        Ticket.objects.filter(pk=ticket.pk).update(
            state="handed_over", handed_over_at=now, handed_over_by=actor, hand_overs=F("hand_overs") + 1
        )
        return True

    def without_lock(ids: Any) -> dict[int, Order]:
        return Order.objects.in_bulk(list(set(ids)))

    monkeypatch.setattr(handing_over, "claim_ticket", claim)
    for module in (handing_over, cancelling):
        monkeypatch.setattr(module, "lock_orders", without_lock)
        monkeypatch.setattr(module, "update_states", lambda *args, **kwargs: None)
        monkeypatch.setattr(
            module,
            "lock_tickets",
            lambda ids: list(
                Ticket.objects.filter(pk__in=list(ids)).select_related("redemption", "partner__village", "resident")
            ),
            raising=False,
        )


# -- The last item -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stock", [1, 5])
def test_last_items_go_to_exactly_as_many_of_twenty_buyers(world, run_concurrently, stock):
    record = world.reward("电饭煲", 2000, stock=stock)
    buyers = people(world, 20)
    answer = run_concurrently(lambda n: world.redeem(buyers[n], (record, 1)), 20)
    answer.raise_unless(OutOfStock)
    assert outcomes(answer) == {"done": stock, "out_of_stock": 20 - stock}
    assert counters(record) == (stock, stock)
    assert_stock_is_its_history(record)
    assert Order.objects.count() == Ticket.objects.count() == stock
    assert escrow_of(world.shop) == 2000 * stock
    assert sum(points_of(buyer) for buyer in buyers) == 20 * 10000 - 2000 * stock


def test_control_without_the_guarded_update_more_is_sold_than_there_is(world, run_concurrently, monkeypatch):
    record = world.reward("电饭煲", 2000, stock=1)
    buyers = people(world, 20)

    all_have_looked = together(20)

    def allocate(self: StockRecord, quantity: int) -> None:  # Oscar's own
        all_have_looked()
        StockRecord.objects.filter(pk=self.pk).update(num_allocated=Coalesce(F("num_allocated"), 0) + quantity)

    monkeypatch.setattr(StockRecord, "allocate", allocate)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE partner_stockrecord DROP CONSTRAINT stock_never_sold_twice")
    answer = run_concurrently(lambda n: world.redeem(buyers[n], (record, 1)), 20)
    assert outcomes(answer) == {"done": 20}
    assert counters(record) == (1, 20)


def test_the_database_itself_refuses_to_promise_more_than_there_is(world, run_concurrently, monkeypatch):
    """The belt to the braces: with the guarded update gone, the CHECK still holds."""
    record = world.reward("电饭煲", 2000, stock=1)
    buyers = people(world, 8)

    all_have_looked = together(8)

    def allocate(self: StockRecord, quantity: int) -> None:
        all_have_looked()
        StockRecord.objects.filter(pk=self.pk).update(num_allocated=Coalesce(F("num_allocated"), 0) + quantity)

    monkeypatch.setattr(StockRecord, "allocate", allocate)
    answer = run_concurrently(lambda n: world.redeem(buyers[n], (record, 1)), 8)
    assert outcomes(answer)["done"] == 1
    assert counters(record) == (1, 1)
    assert escrow_of(world.shop) == 2000


# -- The double tap ----------------------------------------------------------------------------------------------------
def send(world: World, basket: Basket, key: uuid.UUID) -> Redemption:
    return services.redeem(
        resident=world.sister,
        basket=Basket.objects.get(pk=basket.pk),
        key=key,
        expected_total=1500,
        actor=world.sister.user,
    )


@pytest.mark.parametrize("same_key", [True, False])
def test_six_submits_make_one_order_and_one_debit(world, run_concurrently, same_key):
    """Of one form sent six times, or of one basket open in six windows."""
    basket = world.basket(world.sister, (world.soap, 1), (world.ticket, 1))
    key = uuid.uuid4()
    answer = run_concurrently(lambda n: send(world, basket, key if same_key else uuid.uuid4()), 6)
    answer.raise_unless()
    assert len({made.pk for made in answer.results}) == 1
    assert [made.replayed for made in answer.results].count(False) == 1
    assert Redemption.objects.count() == 1
    assert Order.objects.count() == 2
    assert points_of(world.sister) == 8500
    assert counters(world.soap) == (10, 1)
    assert Basket.objects.get(pk=basket.pk).status == Basket.SUBMITTED


def test_control_without_the_claimed_key_every_tap_redeems(world, run_concurrently, monkeypatch):
    basket = world.basket(world.sister, (world.soap, 1), (world.ticket, 1))
    key = uuid.uuid4()

    def claim(made: Redemption) -> None:
        made.key, made.basket = uuid.uuid4(), None
        made.save(force_insert=True)

    monkeypatch.setattr(redeeming, "_claim_key", claim)
    monkeypatch.setattr(
        redeeming,
        "lock_basket",
        lambda basket: redeeming.merge(basket.lines.values_list("stockrecord_id", "quantity")),
    )
    answer = run_concurrently(lambda n: send(world, basket, key), 6)
    answer.raise_unless()
    assert Redemption.objects.count() == 6
    assert points_of(world.sister) == 10000 - 6 * 1500


# -- One ticket --------------------------------------------------------------------------------------------------------
def test_eight_scans_of_one_ticket_hand_it_over_once(world, run_concurrently):
    ticket = world.redeem(world.sister, (world.soap, 2)).tickets.get()
    answer = run_concurrently(
        lambda n: services.hand_over(code=ticket.code, actor=world.clerk, nonce=f"scan-{n}", partner=world.shop), 8
    )
    answer.raise_unless()
    assert Counter(scan.result for scan in answer.results) == {"handed_over": 1, "already": 7}
    assert all(scan.earlier_by_id == world.clerk.pk for scan in answer.results if not scan.ok)
    assert counters(world.soap) == (8, 0)
    assert (escrow_of(world.shop), redeemed_of(world.shop)) == (0, 1000)
    assert TicketEvent.objects.filter(ticket=ticket, what="handed_over").count() == 1
    assert_stock_is_its_history(world.soap)


def test_eight_times_the_same_scan_is_one_scan(world, run_concurrently):
    ticket = world.redeem(world.sister, (world.soap, 2)).tickets.get()
    answer = run_concurrently(
        lambda: services.hand_over(code=ticket.code, actor=world.clerk, nonce="one", partner=world.shop), 8
    )
    answer.raise_unless()
    assert {scan.result for scan in answer.results} == {"handed_over"}
    assert len({scan.pk for scan in answer.results}) == 1
    assert Scan.objects.count() == 1
    assert redeemed_of(world.shop) == 1000


def test_control_without_the_conditional_update_a_ticket_is_used_many_times(world, run_concurrently, monkeypatch):
    ticket = world.redeem(world.sister, (world.ticket, 1)).tickets.get()
    unguarded_close(monkeypatch, together(8))
    answer = run_concurrently(
        lambda n: services.hand_over(code=ticket.code, actor=world.bath_clerk, nonce=f"scan-{n}"), 8
    )
    answer.raise_unless()
    assert sum(scan.ok for scan in answer.results) == 8


# -- Cancel against hand-over ------------------------------------------------------------------------------------------
def cancel_or_scan(world: World, ticket: Ticket, number: int, late: int) -> str:
    if number % 2 == late:
        time.sleep(0.02)  # each side gets its chance to be first
    if number % 2:
        services.cancel_ticket(ticket=Ticket.objects.get(pk=ticket.pk), actor=world.sister.user)
        return "given back"
    return services.hand_over(code=ticket.code, actor=world.clerk, nonce=f"{ticket.pk}-{number}").result


@pytest.mark.parametrize("turn", range(4))
def test_cancel_and_hand_over_never_both_happen(world, run_concurrently, turn):
    ticket = world.redeem(world.sister, (world.soap, 2)).tickets.get()
    answer = run_concurrently(lambda n: cancel_or_scan(world, ticket, n, turn % 2), 6)
    answer.raise_unless(errors.AlreadyHandedOver, errors.AlreadyClosed)
    ticket.refresh_from_db()
    assert escrow_of(world.shop) == 0
    if ticket.state == "cancelled":
        assert answer.results.count("given back") == 1
        assert "handed_over" not in answer.results
        assert (points_of(world.sister), redeemed_of(world.shop)) == (10000, 0)
        assert counters(world.soap) == (10, 0)
    else:
        assert ticket.state == "handed_over"
        assert answer.results.count("handed_over") == 1
        assert "given back" not in answer.results
        assert (points_of(world.sister), redeemed_of(world.shop)) == (9000, 1000)
        assert counters(world.soap) == (8, 0)
    assert Order.objects.get(pk=ticket.order_id).status == ticket.state
    assert_stock_is_its_history(world.soap)


def test_control_without_locks_a_ticket_is_both_cancelled_and_handed_over(world, run_concurrently, monkeypatch):
    unguarded_close(monkeypatch, lambda: time.sleep(0.05))
    both = False
    for _turn in range(12):
        ticket = world.redeem(world.sister, (world.ticket, 1)).tickets.get()

        def race(number: int, ticket: Ticket = ticket) -> str:
            if number:
                services.cancel_ticket(ticket=Ticket.objects.get(pk=ticket.pk), actor=world.sister.user)
                return "cancelled"
            return services.hand_over(code=ticket.code, actor=world.bath_clerk, nonce=f"{ticket.pk}").result

        answer = run_concurrently(race, 2)
        both = both or set(answer.results) == {"cancelled", "handed_over"}
        if both:
            break
    assert both


# -- Two baskets in opposite order -------------------------------------------------------------------------------------
def test_baskets_in_opposite_order_never_lock_each_other_out(world, run_concurrently):
    left, right = world.reward("毛巾", 100, stock=40), world.reward("脸盆", 100, stock=40)
    buyers = people(world, 16)
    order = [((left, 1), (right, 1)), ((right, 1), (left, 1))]
    for _turn in range(2):
        answer = run_concurrently(lambda n: world.redeem(buyers[n], *order[n % 2]), 16)
        answer.raise_unless()
    assert counters(left) == counters(right) == (40, 32)


def test_control_without_the_one_order_baskets_deadlock(world, run_concurrently, monkeypatch):
    left, right = world.reward("毛巾", 100, stock=40), world.reward("脸盆", 100, stock=40)
    buyers = people(world, 8)
    in_order = redeeming.allocate
    turn = {buyer.pk: number % 2 for number, buyer in enumerate(buyers)}
    whose = redeeming.price_lines

    def price(resident: Resident, wants: Any) -> Any:
        lines = whose(resident, wants)
        return lines[::-1] if turn[resident.pk] else lines

    def allocate(priced: Any) -> None:
        for line in priced:
            in_order([line])
            time.sleep(0.2)

    monkeypatch.setattr(redeeming, "price_lines", price)
    monkeypatch.setattr(redeeming, "allocate", allocate)
    answer = run_concurrently(lambda n: world.redeem(buyers[n], (left, 1), (right, 1)), 8)
    assert answer.of(OperationalError)


# -- One wallet --------------------------------------------------------------------------------------------------------
def test_one_wallet_pays_once_for_what_it_can_pay_once(world, run_concurrently):
    record = world.reward("农机一小时", 6000)  # nothing on a shelf: only the wallet stands between the eight
    answer = run_concurrently(lambda: world.redeem(world.sister, (record, 1)), 8)
    answer.raise_unless(errors.InsufficientPoints)
    assert outcomes(answer) == {"done": 1, "insufficient_points": 7}
    assert points_of(world.sister) == 4000
    assert escrow_of(world.shop) == 6000


def test_control_without_the_ledgers_guard_a_wallet_pays_beyond_its_points(world, run_concurrently, monkeypatch):
    record = world.reward("农机一小时", 6000)

    all_have_looked = together(8)

    def pay(made: Redemption, resident: Resident, priced: Any, **facts: Any) -> None:
        """Look, then write: what a balance column without a guarded update does."""
        spent = Redemption.objects.filter(resident=resident).aggregate(sum=Sum("total_points", default=0))["sum"]
        wanted = sum(line.points for line in priced)
        if ledger_read.balance_of(resident.wallet_key).spendable - spent < wanted:
            raise errors.InsufficientPoints
        all_have_looked()

    monkeypatch.setattr(redeeming, "pay", pay)
    monkeypatch.setattr(redeeming, "lock_resident", lambda resident: resident)
    answer = run_concurrently(lambda: world.redeem(world.sister, (record, 1)), 8)
    answer.raise_unless()
    assert Redemption.objects.aggregate(sum=Sum("total_points"))["sum"] == 8 * 6000


# -- One person, one limit ---------------------------------------------------------------------------------------------
def test_a_limit_holds_however_many_taps(world, run_concurrently):
    once = world.reward("欢迎礼包", 100, per_resident_limit=1, limit_period="ever")
    answer = run_concurrently(lambda: world.redeem(world.sister, (once, 1)), 8)
    answer.raise_unless(LimitReached)
    assert outcomes(answer) == {"done": 1, "limit_reached": 7}
    assert points_of(world.sister) == 9900


def test_control_without_the_lock_on_the_person_the_limit_leaks(world, run_concurrently, monkeypatch):
    once = world.reward("欢迎礼包", 100, per_resident_limit=1, limit_period="ever")
    check = redeeming.check_limits

    all_have_looked = together(8)

    def slow(*args: Any) -> None:
        check(*args)
        all_have_looked()

    monkeypatch.setattr(redeeming, "check_limits", slow)
    monkeypatch.setattr(redeeming, "lock_resident", lambda resident: resident)
    answer = run_concurrently(lambda: world.redeem(world.sister, (once, 1)), 8)
    assert outcomes(answer) == {"done": 8}


# -- Undo, expiry, stock count -----------------------------------------------------------------------------------------
def test_undo_sent_many_times_undoes_once(world, run_concurrently):
    ticket = world.redeem(world.sister, (world.soap, 2)).tickets.get()
    services.hand_over(code=ticket.code, actor=world.clerk, nonce="n")
    answer = run_concurrently(
        lambda: services.undo_hand_over(ticket=Ticket.objects.get(pk=ticket.pk), actor=world.clerk), 6
    )
    answer.raise_unless(errors.AlreadyClosed)
    assert len(answer.results) == 1
    assert counters(world.soap) == (10, 2)
    assert (escrow_of(world.shop), redeemed_of(world.shop)) == (1000, 0)
    assert_stock_is_its_history(world.soap)


def test_expiry_run_twice_at_once_gives_back_once(world, run_concurrently):
    import datetime as dt

    from django.utils import timezone

    long_ago = timezone.now() - dt.timedelta(days=100)
    for _ in range(3):
        world.redeem(world.sister, (world.soap, 1), now=long_ago)
    answer = run_concurrently(lambda: services.expire_tickets(), 4)
    answer.raise_unless()
    assert sum(answer.results) == 3
    assert points_of(world.sister) == 10000
    assert counters(world.soap) == (10, 0)


def test_a_count_never_takes_away_what_somebody_redeems_meanwhile(world, run_concurrently):
    record = world.reward("雨伞", 100, stock=12)
    buyers = people(world, 6)
    asked = services.adjust_stock(stockrecord=record, quantity=8, actor=world.keeper, reason="盘点")

    def act(number: int) -> Any:
        if number < 6:
            return world.redeem(buyers[number], (record, 2))
        if number == 6:
            return services.adjust_stock(
                stockrecord=StockRecord.objects.get(pk=record.pk), quantity=13, actor=world.keeper, reason="盘点"
            )
        return services.decide_write_off(asked=asked, actor=world.admin, approve=True)

    answer = run_concurrently(act, 8)
    answer.raise_unless(OutOfStock, errors.StockTooLow)
    shelf, promised = counters(record)
    assert promised <= shelf
    assert promised == 2 * Redemption.objects.count()
    assert_stock_is_its_history(record)


def test_card_sale_sent_six_times_sells_once(world, run_concurrently):
    from tests.factories.rewards import PIN
    from timebank.registry import services as registry

    card = registry.issue_card(resident=world.sister, actor=world.admin, pin=PIN)
    key = uuid.uuid4()
    answer = run_concurrently(
        lambda: services.card_sale(
            card_number=card.number, pin=PIN, lines=[(world.soap.pk, 1)], key=key, actor=world.clerk, partner=world.shop
        ),
        6,
    )
    answer.raise_unless()
    assert len({sale.pk for sale in answer.results}) == 1
    assert counters(world.soap) == (9, 0)
    assert points_of(world.sister) == 9500
    assert StockMovement.objects.filter(kind="hand_over").count() == 1


def test_points_that_arrive_while_one_redeems_are_not_lost(world, run_concurrently):
    answer = run_concurrently(
        lambda n: give(world.sister, 500) if n % 2 else world.redeem(world.sister, (world.soap, 1)), 8
    )
    answer.raise_unless()
    assert points_of(world.sister) == 10000


@pytest.mark.parametrize("guarded", [True, False], ids=["", "control without its lock"])
def test_what_two_persons_decide_at_once_leaves_the_shelf_once(world, run_concurrently, monkeypatch, guarded):
    """Control: both read that it waits before either has decided, and the table alone stands against the second."""
    record = world.reward("雨伞", 100, stock=12)
    asked = services.adjust_stock(stockrecord=record, quantity=8, actor=world.keeper, reason="盘点")
    deciders = [world.admin, world.staff("监委会委员", "supervisor")]
    if not guarded:
        read = threading.Barrier(2, timeout=20)

        def look(model: Any, pk: int) -> Any:
            found = model.objects.get(pk=pk)
            read.wait()
            return found

        monkeypatch.setattr(adjusting, "lock_asked", look)
        monkeypatch.setattr(adjusting, "_lock_record", lambda pk: StockRecord.objects.get(pk=pk))
    answer = run_concurrently(
        lambda number: services.decide_write_off(asked=asked, actor=deciders[number], approve=True), 2
    )
    assert len(answer.results) == 1
    assert {type(error).__name__ for error in answer.errors} == {"ReturnDecided" if guarded else "IntegrityError"}
    assert counters(record) == (8, 0)
    assert_stock_is_its_history(record)


@pytest.mark.parametrize(("guarded", "left"), [(True, 9), (False, 8)], ids=["", "control without its lock"])
def test_what_comes_while_fewer_are_decided_is_not_forgotten(world, run_concurrently, monkeypatch, guarded, left):
    record = world.reward("雨伞", 100, stock=12)
    asked = services.adjust_stock(stockrecord=record, quantity=8, actor=world.keeper, reason="盘点")
    if not guarded:
        was_read = threading.Event()

        def look(pk: int) -> StockRecord:
            found = StockRecord.objects.get(pk=pk)
            was_read.set()
            time.sleep(0.5)
            return found

        monkeypatch.setattr(adjusting, "_lock_record", look)

    def act(number: int) -> Any:
        if number:
            return services.decide_write_off(asked=asked, actor=world.admin, approve=True)
        if not guarded:
            was_read.wait(20)
        return services.receive_stock(stockrecord=record, quantity=1, actor=world.keeper)

    run_concurrently(act, 2).raise_unless()
    assert counters(record) == (left, 0)
