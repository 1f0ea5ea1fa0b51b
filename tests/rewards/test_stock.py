from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from marketplace.rewards import errors, selectors, services
from marketplace.rewards.models import StockMovement
from marketplace.rewards.services.wishes import end_wish, wish_restock
from tests.factories.rewards import assert_stock_is_its_history, counters
from timebank.common.errors import ReasonMissing
from timebank.common.models import Event
from timebank.registry import errors as registry_errors

pytestmark = pytest.mark.django_db


def test_receive_stock_keeps_batch_cost_and_who(world):
    made = services.receive_stock(
        stockrecord=world.soap,
        quantity=20,
        actor=world.keeper,
        cost_fen=6000,
        batch="2026-11",
        use_by=dt.date(2028, 1, 1),
        reason="企业捐赠",
    )
    assert counters(world.soap) == (30, 0)
    assert (made.kind, made.on_shelf, made.promised, made.actor) == ("receipt", 20, 0, world.keeper)
    assert (made.cost_fen, made.batch, made.use_by) == (6000, "2026-11", dt.date(2028, 1, 1))
    assert next(iter(selectors.movements_of(world.soap))) == made
    assert_stock_is_its_history(world.soap)


@pytest.mark.parametrize("quantity", [0, -3, True, 1.5, 2_000_000])
def test_receive_stock_refuses_odd_quantities(world, quantity):
    with pytest.raises(errors.InvalidQuantity):
        services.receive_stock(stockrecord=world.soap, quantity=quantity, actor=world.keeper)
    assert counters(world.soap) == (10, 0)


def test_who_verifies_does_not_stock(world):
    for stranger in (world.admin, world.clerk, world.bath_clerk, world.sister.user):
        with pytest.raises(registry_errors.NotAllowed):
            services.receive_stock(stockrecord=world.soap, quantity=1, actor=stranger)
        with pytest.raises(registry_errors.NotAllowed):
            services.adjust_stock(stockrecord=world.soap, quantity=1, actor=stranger, reason="盘点")
    assert counters(world.soap) == (10, 0)
    assert StockMovement.objects.filter(stockrecord=world.soap).count() == 1


def test_write_off_and_count_move_the_shelf_by_their_difference(world):
    broken = world.write_off(world.soap, 3)
    assert (broken.on_shelf, counters(world.soap)) == (-3, (7, 0))
    counted = services.adjust_stock(stockrecord=world.soap, quantity=9, actor=world.keeper, reason="盘点")
    assert (counted.on_shelf, counters(world.soap)) == (2, (9, 0))
    assert services.adjust_stock(stockrecord=world.soap, quantity=9, actor=world.keeper, reason="盘点") is None
    assert_stock_is_its_history(world.soap)


def test_promised_goods_are_not_written_off(world):
    world.redeem(world.sister, (world.soap, 4))
    for kind, quantity in (("write_off", 7), ("count", 3)):
        with pytest.raises(errors.StockTooLow) as refusal:
            services.adjust_stock(
                stockrecord=world.soap, quantity=quantity, actor=world.keeper, reason="盘点", kind=kind
            )
        assert refusal.value.params == {"free": 6, "promised": 4}
    assert counters(world.soap) == (10, 4)
    world.write_off(world.soap, 6)
    assert counters(world.soap) == (4, 4)


def test_adjust_stock_asks_why(world):
    with pytest.raises(ReasonMissing):
        services.adjust_stock(stockrecord=world.soap, quantity=3, actor=world.keeper, reason=" ")
    assert counters(world.soap) == (10, 0)


def test_stock_of_a_village_shows_the_scarcest_first(world):
    world.redeem(world.sister, (world.soap, 8))
    rows = list(selectors.stock_of(world.village))
    assert [(row.product.title, row.shelf, row.promised, row.free) for row in rows] == [
        ("香皂", 10, 8, 2),
        ("大米", 5, 0, 5),
    ]
    assert not selectors.stock_of(world.other_village).exists()


def test_who_asked_is_told_once_when_it_lies_on_the_shelf_again(world, client):
    who, other = world.resident("等货人"), world.resident("也等")
    world.write_off(world.soap, 10)
    client.force_login(who.user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    address = reverse("rewards:wish", args=[world.soap.product_id])
    page = client.get(address, follow=True)
    assert f'action="{address}"' in page.content.decode()
    for _again in range(2):
        client.post(address)
    wish_restock(stockrecord=world.soap, resident=other, actor=other.user)
    with pytest.raises(errors.NotHolder):
        wish_restock(stockrecord=world.soap, resident=other, actor=who.user)
    end_wish(stockrecord=world.soap, resident=other, actor=other.user)
    for _twice in range(2):
        services.receive_stock(stockrecord=world.soap, quantity=1, actor=world.keeper)
    (event,) = Event.objects.filter(kind="restocked")
    assert event.recipients == [f"resident:{who.pk}"]
    assert client.post(address).status_code == 404  # there is some: nothing to wait for


def test_who_waits_is_told_when_a_cancelled_ticket_frees_the_last_one(world):
    waits = world.resident("等货人")
    world.write_off(world.soap, 1, kind="count")
    ticket = world.redeem(world.sister, (world.soap, 1)).tickets.get()
    wish_restock(stockrecord=world.soap, resident=waits, actor=waits.user)
    assert not Event.objects.filter(kind="restocked").exists()
    services.cancel_ticket(ticket=ticket, actor=world.sister.user)
    (event,) = Event.objects.filter(kind="restocked")
    assert event.recipients == [f"resident:{waits.pk}"]
