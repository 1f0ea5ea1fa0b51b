from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.basket.errors import LimitReached
from marketplace.basket.models import Basket
from marketplace.order.models import Order
from marketplace.partner.errors import OutOfStock
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards import errors, services
from marketplace.rewards.models import Redemption, StockMovement, Ticket, TicketEvent
from tests.factories.rewards import assert_stock_is_its_history, counters, escrow_of, give, points_of
from timebank.common.errors import KeyConflict
from timebank.ledger import selectors as ledger_read
from timebank.registry import services as registry
from timebank.registry.errors import ResidentClosed
from timebank.registry.models import Resident
from timebank.villages.models import Office

pytestmark = pytest.mark.django_db


def nothing_happened(world, resident, points):
    assert points_of(resident) == points
    assert not Redemption.objects.exists()
    assert not Order.objects.exists()
    assert not Ticket.objects.exists()
    assert counters(world.soap) == (10, 0)
    assert not StockMovement.objects.exclude(kind="receipt").exists()


def test_redeem_writes_one_order_a_supplier_and_pays_each_escrow(world):
    redemption = world.redeem(world.sister, (world.soap, 2), (world.ticket, 3))
    assert redemption.total_points == 4000
    assert points_of(world.sister) == 6000
    assert escrow_of(world.shop) == 1000
    assert escrow_of(world.bath) == 3000
    orders = {order.partner_id: order for order in redemption.orders.all()}
    assert set(orders) == {world.shop.pk, world.bath.pk}
    assert orders[world.shop.pk].total_incl_tax == Decimal(10)
    assert {order.status for order in orders.values()} == {"placed"}
    assert {order.village_id for order in orders.values()} == {world.village.pk}
    assert counters(world.soap) == (10, 2)
    assert_stock_is_its_history(world.soap)


def test_redeem_writes_one_ticket_a_service_unit_and_one_a_line_of_goods(world):
    redemption = world.redeem(world.sister, (world.soap, 2), (world.ticket, 3))
    tickets = list(redemption.tickets.order_by("pk"))
    assert [(t.kind, t.quantity, t.points) for t in tickets] == [("goods", 2, 1000)] + [("service", 1, 1000)] * 3
    assert sum(t.points for t in tickets) == redemption.total_points
    assert len({t.code for t in tickets}) == 4
    assert {t.state for t in tickets} == {"issued"}
    assert tickets[0].valid_until == timezone.localdate() + dt.timedelta(days=90)
    assert TicketEvent.objects.filter(ticket__in=tickets, what="issued", actor=world.sister.user).count() == 4


def test_redeem_leaves_an_oscar_line_with_its_price(world):
    redemption = world.redeem(world.sister, (world.soap, 1))
    line = redemption.orders.get().lines.get()
    assert (line.title, line.quantity, line.line_price_incl_tax, line.num_allocated) == ("香皂", 1, Decimal(5), 1)


def test_redeem_names_itself_in_the_ledger(world):
    redemption = world.redeem(world.sister, (world.soap, 1), (world.ticket, 1))
    transfer = ledger_read.transfer_by_key(f"redemption:{redemption.pk}:pay")
    assert transfer.id == redemption.transfer_id
    assert transfer.kind == "redeem"
    assert transfer.source == f"redemption:{redemption.pk}"
    assert transfer.actor == f"user:{world.sister.user_id}"
    assert [(p.debit, p.credit, p.amount) for p in transfer.postings] == [
        (world.sister.wallet_key, world.shop.escrow_key, 500),
        (world.sister.wallet_key, world.bath.escrow_key, 1000),
    ]


def test_redeem_again_with_the_same_key_returns_the_first(world):
    key = uuid.uuid4()
    first = world.redeem(world.sister, (world.soap, 1), key=key)
    again = world.redeem(world.sister, (world.soap, 1), key=str(key))
    assert again.pk == first.pk
    assert again.replayed
    assert not first.replayed
    assert points_of(world.sister) == 9500
    assert counters(world.soap) == (10, 1)
    assert Redemption.objects.count() == Order.objects.count() == Ticket.objects.count() == 1


def test_redeem_waits_until_a_village_in_preparation_is_open(client, world):
    office, _made = Office.objects.update_or_create(region=world.village, defaults={"opened_at": None})
    with pytest.raises(errors.VillageNotOpen):
        world.redeem(world.sister, (world.soap, 1))
    world.basket(world.sister, (world.soap, 1))
    client.force_login(world.sister.user)
    page = client.get("/redeem/").context
    form = {"key": str(page["key"]), "basket": page["basket"].pk, "total": page["summary"].total}
    answer = client.post("/redeem/", form)
    assert "还在筹备" in answer.content.decode()
    nothing_happened(world, world.sister, 10000)
    Office.objects.filter(pk=office.pk).update(opened_at=timezone.now())
    assert client.post("/redeem/", form).status_code == 302
    assert points_of(world.sister) == 9500


def test_redeem_refuses_a_key_used_for_something_else(world):
    key = uuid.uuid4()
    world.redeem(world.sister, (world.soap, 1), key=key)
    with pytest.raises(KeyConflict) as refusal:
        world.redeem(world.sister, (world.soap, 2), key=key)
    assert (refusal.value.code, refusal.value.status) == ("key_conflict", 409)
    other = world.resident("李桂兰", points=5000)
    with pytest.raises(KeyConflict):
        world.redeem(other, (world.soap, 1), key=key)
    assert points_of(world.sister) == 9500
    assert points_of(other) == 5000


def test_redeem_says_how_many_points_are_missing(world):
    poor = world.resident("赵小民", points=1200)
    with pytest.raises(errors.InsufficientPoints) as refusal:
        world.redeem(poor, (world.soap, 1), (world.ticket, 1))
    assert refusal.value.code == "insufficient_points"
    assert refusal.value.params == {"missing": 300, "spendable": 1200, "total": 1500}
    assert "3" in str(refusal.value)
    nothing_happened(world, poor, 1200)


def test_redeem_names_what_is_sold_out(world):
    rich = world.resident("钱多多", points=100000)
    with pytest.raises(OutOfStock) as refusal:
        world.redeem(rich, (world.soap, 1), (world.rice, 6))
    assert refusal.value.code == "out_of_stock"
    assert refusal.value.params == {"product": "大米", "left": 5}
    assert "大米" in str(refusal.value)
    nothing_happened(world, rich, 100000)


def test_redeem_notices_stock_that_went_while_it_ran(world, monkeypatch):
    """The guarded update decides, not what was read before."""
    StockRecord.objects.filter(pk=world.soap.pk).update(num_allocated=10)
    monkeypatch.setattr(
        "marketplace.partner.strategy.Points.availability_policy",
        lambda self, product, record: __import__("oscar.apps.partner.availability", fromlist=["x"]).Available(),
    )
    with pytest.raises(OutOfStock) as refusal:
        world.redeem(world.sister, (world.soap, 1))
    assert refusal.value.params["product"] == "香皂"
    assert counters(world.soap) == (10, 10)
    assert points_of(world.sister) == 10000


def test_redeem_refuses_another_villages_reward(world):
    stranger = world.resident("孙远", points=5000, village=world.other_village)
    with pytest.raises(errors.NotYourVillage) as refusal:
        world.redeem(stranger, (world.soap, 1))
    assert refusal.value.code == "not_your_village"
    assert "辛旺庄" in str(refusal.value)
    nothing_happened(world, stranger, 5000)


def test_redeem_allows_a_supplier_of_the_town(world):
    from marketplace.partner.services import create_partner

    shop = create_partner(name="镇供销社", village=world.town)
    record = world.reward("洗衣粉", 1200, partner=shop)
    stranger = world.resident("孙远", points=5000, village=world.other_village)
    world.redeem(stranger, (record, 1))
    assert escrow_of(shop) == 1200


def test_redeem_refuses_below_the_star_level(world):
    fine = world.reward("电饭煲", 1000, min_star=4)
    with pytest.raises(errors.BelowLevel) as refusal:
        world.redeem(world.sister, (fine, 1))
    assert refusal.value.code == "below_level"
    assert "4" in str(refusal.value)
    nothing_happened(world, world.sister, 10000)


def test_redeem_shows_the_new_total_when_a_price_changed(world):
    StockRecord.objects.filter(pk=world.soap.pk).update(price=Decimal("6.50"))
    with pytest.raises(errors.PriceChanged) as refusal:
        world.redeem(world.sister, (world.soap, 2), expected_total=1000)
    assert refusal.value.code == "price_changed"
    assert refusal.value.params == {"total": 1300, "was": 1000}
    assert "13" in str(refusal.value)
    nothing_happened(world, world.sister, 10000)
    assert world.redeem(world.sister, (world.soap, 2), expected_total=1300).total_points == 1300


@pytest.mark.parametrize(("period", "gap"), [("day", 1), ("week", 7), ("month", 31), ("quarter", 93), ("year", 366)])
def test_redeem_counts_the_limit_within_its_period(world, period, gap):
    bath = world.reward("热水澡", 200, partner=world.bath, per_resident_limit=2, limit_period=period)
    start = dt.datetime(2026, 5, 13, 10, tzinfo=timezone.get_default_timezone())
    world.redeem(world.sister, (bath, 1), now=start)
    world.redeem(world.sister, (bath, 1), now=start)
    with pytest.raises(LimitReached) as refusal:
        world.redeem(world.sister, (bath, 1), now=start)
    assert refusal.value.params == {"product": "热水澡", "had": 2, "limit": 2}
    assert Redemption.objects.count() == 2
    world.redeem(world.sister, (bath, 2), now=start + dt.timedelta(days=gap))
    assert points_of(world.sister) == 10000 - 800


def test_redeem_limit_for_ever_and_for_each_person(world):
    once = world.reward("欢迎礼包", 100, per_resident_limit=1, limit_period="ever")
    world.redeem(world.sister, (once, 1), now=timezone.now() - dt.timedelta(days=900))
    with pytest.raises(LimitReached):
        world.redeem(world.sister, (once, 1))
    world.redeem(world.resident("李桂兰", points=100), (once, 1))


def test_redeem_does_not_count_what_was_cancelled(world):
    once = world.reward("欢迎礼包", 100, per_resident_limit=1, limit_period="ever")
    first = world.redeem(world.sister, (once, 1))
    services.cancel_redemption(redemption=first, actor=world.sister.user)
    assert world.redeem(world.sister, (once, 1)).total_points == 100


def test_redeem_refuses_a_closed_account_and_one_without_consent(world):
    Resident.objects.filter(pk=world.sister.pk).update(status="closed", closed_at=timezone.now())
    with pytest.raises(ResidentClosed):
        world.redeem(world.sister, (world.soap, 1))
    other = world.resident("李桂兰", points=5000)
    other.consents.update(withdrawn_at=timezone.now())
    with pytest.raises(errors.ConsentWithdrawn):
        world.redeem(other, (world.soap, 1))
    nothing_happened(world, other, 5000)


@pytest.mark.parametrize("lines", [[], [(999999, 1)]])
def test_redeem_refuses_nothing_and_the_unknown(world, lines):
    with pytest.raises(errors.RewardsError) as refusal:
        services.redeem(resident=world.sister, lines=lines, key=uuid.uuid4(), actor=world.sister.user)
    assert refusal.value.code in {"basket_empty", "not_available"}
    nothing_happened(world, world.sister, 10000)


@pytest.mark.parametrize("quantity", [0, -1, 100, True])
def test_redeem_refuses_odd_quantities(world, quantity):
    with pytest.raises(errors.InvalidQuantity):
        world.redeem(world.sister, (world.soap, quantity))
    nothing_happened(world, world.sister, 10000)


def test_redeem_refuses_a_supplier_that_is_closed(world):
    Partner.objects.filter(pk=world.shop.pk).update(is_active=False)
    with pytest.raises(errors.NotAvailable) as refusal:
        world.redeem(world.sister, (world.soap, 1))
    assert "香皂" in str(refusal.value)
    nothing_happened(world, world.sister, 10000)


def test_redeem_of_a_free_reward_moves_no_points(world):
    free = world.reward("图书借阅", 0)
    redemption = world.redeem(world.sister, (free, 1))
    assert (redemption.total_points, redemption.transfer_id) == (0, None)
    assert points_of(world.sister) == 10000
    services.cancel_redemption(redemption=redemption, actor=world.sister.user)
    assert redemption.state == "cancelled"


def test_redeem_eats_the_points_that_end_soonest(world):
    elder = world.resident("周奶奶")
    give(elder, 600, expires_on=timezone.localdate() + dt.timedelta(days=10))
    give(elder, 600, expires_on=timezone.localdate() + dt.timedelta(days=400))
    redemption = world.redeem(elder, (world.soap, 1))
    left = [(lot.expires_on - timezone.localdate()).days for lot in ledger_read.lots_of(elder.wallet_key)]
    assert left == [10, 400]
    assert [lot.remaining for lot in ledger_read.lots_of(elder.wallet_key)] == [100, 600]
    services.cancel_redemption(redemption=redemption, actor=elder.user)
    assert [lot.remaining for lot in ledger_read.lots_of(elder.wallet_key)] == [600, 600]


def test_redeem_basket_submits_it_and_a_second_window_finds_the_same(world):
    basket = world.basket(world.sister, (world.soap, 1), (world.ticket, 1))
    first = services.redeem(
        resident=world.sister, basket=basket, key=uuid.uuid4(), actor=world.sister.user, expected_total=1500
    )
    assert Basket.objects.get(pk=basket.pk).status == Basket.SUBMITTED
    again = services.redeem(
        resident=world.sister, basket=Basket.objects.get(pk=basket.pk), key=uuid.uuid4(), actor=world.sister.user
    )
    assert again.pk == first.pk
    assert points_of(world.sister) == 8500


def test_refused_basket_stays_as_it_was(world):
    poor = world.resident("赵小民", points=100)
    basket = world.basket(poor, (world.soap, 1))
    with pytest.raises(errors.InsufficientPoints):
        services.redeem(resident=poor, basket=basket, key=uuid.uuid4(), actor=poor.user)
    kept = Basket.objects.get(pk=basket.pk)
    assert kept.status == Basket.OPEN
    assert kept.lines.get().quantity == 1


def test_redeem_refuses_an_empty_basket(world):
    basket = Basket.objects.create(owner=world.sister.user)
    with pytest.raises(errors.BasketEmpty):
        services.redeem(resident=world.sister, basket=basket, key=uuid.uuid4(), actor=world.sister.user)


def test_redeem_opens_the_accounts_of_a_supplier_that_has_none(world):
    stray = Partner.objects.create(name="流动理发", code="stray", village=world.village)
    record = world.reward("理发一次", 1500, partner=stray)
    world.redeem(world.sister, (record, 1))
    assert escrow_of(stray) == 1500


def test_helper_redeems_for_a_resident_and_both_names_are_kept(world):
    grandmother = world.resident("周奶奶", points=2000, sign_in=False)
    nephew = world.resident("周强")
    registry.add_proxy(resident=grandmother, helper=nephew.user, relation="kin", actor=None)
    redemption = world.redeem(grandmother, (world.ticket, 1), actor=nephew.user, on_behalf_of=grandmother)
    transfer = ledger_read.transfer_by_key(f"redemption:{redemption.pk}:pay")
    assert transfer.actor == f"user:{nephew.user_id}"
    assert transfer.on_behalf_of == f"resident:{grandmother.pk}"
    assert redemption.actor == nephew.user
    assert redemption.resident == grandmother


def statements(queries) -> list[str]:
    """Count what is sent to the database, savepoints left out."""
    return [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]


@pytest.mark.pg_only("SQLite's ledger posts by another number of statements")
def test_redeem_page_sends_so_many_statements(client, world):
    # two of them ask whether the village is open: ours, and the app that the tests install
    world.redeem(world.sister, (world.soap, 1))  # a year's standing and content types are read once
    client.force_login(world.sister.user)
    world.basket(world.sister, (world.soap, 1))
    shown = client.get(reverse("rewards:confirm")).context
    sent = {"key": str(shown["key"]), "basket": shown["basket"].pk, "total": shown["summary"].total}
    with CaptureQueriesContext(connection) as seen:
        assert client.post(reverse("rewards:confirm"), sent).status_code == 302
    assert len(statements(seen)) == 22, "\n".join(statements(seen))


@pytest.mark.pg_only("SQLite's ledger posts by another number of statements")
def test_redeem_of_many_lines_grows_by_one_statement_a_line(world):
    records = [world.reward(f"礼品{number}", 100, stock=5) for number in range(8)]
    with CaptureQueriesContext(connection) as one:
        world.redeem(world.sister, (world.soap, 1))
    with CaptureQueriesContext(connection) as eight:
        world.redeem(world.sister, *[(record, 1) for record in records])
    assert len(statements(eight)) == len(statements(one)) + 7  # one guarded update a shelf


def test_a_number_drawn_twice_is_drawn_again(world, monkeypatch):
    taken = world.redeem(world.sister, (world.soap, 1)).orders.get().number
    drawn = iter([taken, "100000000016"])
    monkeypatch.setattr("marketplace.rewards.services.redemption.writing.new_number", lambda: next(drawn))
    again = world.redeem(world.sister, (world.soap, 1))
    assert again.orders.get().number == "100000000016"
    assert counters(world.soap) == (10, 2)
