"""From the basket to the bank with real tickets: what the hooks write, and that points and money go their own ways."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.funds import errors
from marketplace.funds.models import Batch, Commitment, DrawDown, Fund, Purchase, QueuedRedemption
from marketplace.funds.selectors.coverage import figures_of
from marketplace.funds.services import cover, queue
from marketplace.partner.services import set_price
from marketplace.rewards import services as rewards
from marketplace.rewards.models import Ticket
from tests.factories.funds import Money, agree, free, left, owed, short, well
from tests.factories.rewards import points_of
from timebank.common import sweeps
from timebank.ledger import selectors as ledger_read


@pytest.fixture
def money(money: Money) -> Money:
    """Let nothing be refused for want of cover unless a test says so."""
    Fund.objects.update(floor_bp=0)
    agree(money, money.world.ticket, 800)
    return money


def scan(money: Money, ticket: Ticket) -> Any:
    return rewards.hand_over(code=ticket.code, actor=money.world.bath_clerk, nonce=uuid.uuid4())


def test_a_bath_from_the_basket_to_what_is_owed(money: Money) -> None:
    money.give(10000)
    redemption = money.world.redeem(money.world.sister, (money.world.ticket, 2))
    first, second = redemption.tickets.order_by("pk")
    assert list(Commitment.objects.values_list("ticket_id", "fen", "state")) == [
        (first.pk, 800, "open"),
        (second.pk, 800, "open"),
    ]
    assert scan(money, first).ok
    assert (owed(money.fund, money.world.bath), free(money.fund)) == (800, 9200)
    well()
    rewards.cancel_ticket(ticket=second, actor=money.world.sister.user)
    assert Commitment.objects.get(ticket_id=second.pk).state == "released"
    assert points_of(money.world.sister) == 9000
    well()


def test_a_scan_is_never_refused_for_money(money: Money) -> None:
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    assert scan(money, ticket).ok
    assert short(money.fund) == -800
    well()


def test_an_undo_takes_the_money_back_and_the_ticket_can_be_handed_over_again(money: Money) -> None:
    money.give(500)
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    scan(money, ticket)
    ticket.refresh_from_db()
    rewards.undo_hand_over(ticket=ticket, actor=money.world.bath_clerk)
    assert (owed(money.fund, money.world.bath), free(money.fund), short(money.fund)) == (0, 500, 0)
    well()
    scan(money, ticket)
    assert list(DrawDown.objects.order_by("n").values_list("n", "state")) == [(1, "reversed"), (2, "open")]
    well()


def test_an_expired_ticket_costs_nothing(money: Money) -> None:
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    Ticket.objects.filter(pk=ticket.pk).update(valid_until=dt.date(2020, 1, 1))
    assert rewards.expire_tickets() == 1
    assert Commitment.objects.get().state == "released"
    well()


def test_below_the_floor_nothing_is_taken_and_the_basket_stays(money: Money) -> None:
    Fund.objects.update(floor_bp=6000)
    cover.take_snapshot(fund=money.fund)
    basket = money.world.basket(money.world.sister, (money.world.ticket, 1))
    with pytest.raises(errors.FundNotCovered):
        rewards.redeem(resident=money.world.sister, basket=basket, key=uuid.uuid4(), actor=money.world.sister.user)
    basket.refresh_from_db()
    assert (points_of(money.world.sister), Ticket.objects.count(), basket.status) == (10000, 0, "Open")
    money.world.redeem(money.world.sister, (money.world.soap, 1))  # goods lie there already


def test_a_kept_price_counts_where_it_is_lower(money: Money) -> None:
    record = money.world.ticket
    set_price(stockrecord=record, points=1500)
    made = money.world.redeem(money.world.sister, (record, 1), kept_prices={record.pk: 1000}, expected_total=1000)
    assert (made.total_points, points_of(money.world.sister)) == (1000, 9000)
    set_price(stockrecord=record, points=500)
    made = money.world.redeem(money.world.sister, (record, 1), kept_prices={record.pk: 1000})
    assert made.total_points == 500


def test_goods_are_owed_when_they_come_and_leave_at_cost(money: Money) -> None:
    world, soap = money.world, money.world.soap
    money.give(100000)
    rewards.receive_stock(stockrecord=soap, quantity=3, cost_fen=1000, actor=world.keeper)
    assert (Purchase.objects.get().fen, owed(money.fund, world.shop)) == (1000, 1000)
    figures = figures_of(money.fund)
    assert figures.stock == 1000 * 13 // 13  # thirteen lie there, none is promised
    ticket = world.redeem(world.sister, (soap, 2)).tickets.get()
    assert Commitment.objects.get().kind == "stock"
    scan = rewards.hand_over(code=ticket.code, actor=world.clerk, nonce=uuid.uuid4())
    assert scan.ok
    batch = Batch.objects.get()
    assert (batch.units_left, batch.fen_left) == (1, 334)
    well()
    ticket.refresh_from_db()
    rewards.undo_hand_over(ticket=ticket, actor=world.clerk)
    batch.refresh_from_db()
    assert (batch.units_left, batch.fen_left) == (3, 1000)
    world.write_off(soap, 1)
    batch.refresh_from_db()
    assert (batch.units_left, batch.fen_left) == (2, 667)
    rewards.adjust_stock(stockrecord=soap, quantity=20, actor=world.keeper, reason="盘点")
    well()


def test_a_card_sale_and_its_undo(money: Money) -> None:
    world = money.world
    money.give(10000)
    from timebank.registry import services as registry

    granny = world.resident("枣立春", points=5000, sign_in=False)
    card = registry.issue_card(resident=granny, actor=world.admin, pin="2580")
    sale = rewards.card_sale(
        card_number=card.number,
        pin="2580",
        lines=[(world.ticket.pk, 2)],
        key=uuid.uuid4(),
        actor=world.bath_clerk,
        partner=world.bath,
    )
    assert owed(money.fund, world.bath) == 1600
    well()
    rewards.undo_sale(redemption=sale, actor=world.bath_clerk)
    assert (owed(money.fund, world.bath), free(money.fund), points_of(granny)) == (0, 10000, 5000)
    assert set(Commitment.objects.values_list("state", flat=True)) == {"released"}
    well()


def test_five_residents_redeem_under_a_purpose_and_the_cover_rises(money: Money) -> None:
    """The issue's story: 1,000.00 given, 29.30 fee, 970.70 earmarked; cover unchanged, then it rises."""
    world, fund = money.world, money.fund
    people = [world.resident(f"居民{number}", points=2000) for number in range(5)]
    p = money.purpose("老人洗浴", products=[world.ticket.product_id], donor="春风公司")
    before = figures_of(fund).bp
    money.give(100000, p, asset="asset:stripe", fee_fen=2930)
    assert (figures_of(fund).bp, left(fund, p)) == (before, 97070)
    tickets = [world.redeem(one, (world.ticket, 1)).tickets.get() for one in people]
    figures = figures_of(fund)
    assert (figures.purposes, figures.commitments, figures.cover) == (4000, 4000, 0)
    assert set(Commitment.objects.values_list("donor", flat=True)) == {"春风公司"}
    for ticket in tickets:
        scan(money, ticket)
    assert (left(fund, p), owed(fund, world.bath), short(fund)) == (93070, 4000, 0)
    well()


def test_points_and_money_never_mix(money: Money) -> None:
    """No transfer of points has a payment as its source, and no transfer of money touches a points account."""
    money.give(10000)
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    scan(money, ticket)
    from timebank.ledger.models import Transfer

    for transfer in Transfer.objects.all():
        view = ledger_read.transfer_by_id(transfer.pk)
        assert view is not None
        keys = {side for row in view.postings for side in (row.debit, row.credit)}
        money_keys = {key for key in keys if key.startswith(("fund:", "payable:", "asset:", "shortfall:", "suspense:"))}
        assert keys == money_keys if view.unit == "CNY" else not money_keys
        if view.unit == "PTS":
            assert not view.source.startswith(("payment", "pledge", "payout", "stripe", "fund"))


@pytest.mark.money_without_rows("a control: the row is taken away")
def test_check_funds_finds_a_ticket_that_nobody_paid(money: Money) -> None:
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    scan(money, ticket)
    DrawDown.objects.update(state="reversed")
    with pytest.raises(CommandError, match=r"nothing is owed|payable|handed-over"):
        call_command("check_funds")


def test_what_is_not_covered_is_kept_and_redeemed_by_the_persons_own_word(money: Money) -> None:
    Fund.objects.update(floor_bp=6000)
    cover.take_snapshot(fund=money.fund)
    sister = money.world.sister
    basket = money.world.basket(sister, (money.world.ticket, 1))
    client = Client()
    client.force_login(sister.user)
    form = {"key": str(uuid.uuid4()), "basket": basket.pk, "total": 1000}
    refused = client.post(reverse("rewards:confirm"), form)
    assert refused.status_code == 409
    assert 'name="keep"' in refused.content.decode()
    for _time in range(2):
        client.post(reverse("rewards:confirm"), {**form, "keep": "1"})
    kept = QueuedRedemption.objects.get()
    assert (kept.points, kept.cash_fen, points_of(sister), basket.lines.count()) == (1000, 800, 10000, 0)
    here = reverse("rewards:kept")
    assert client.post(here, {"kept": kept.pk, "redeem": "1"}).status_code == 409  # cover is not back
    money.give(1000000)
    set_price(stockrecord=money.world.ticket, points=1500)
    assert sweeps.run(queue.OFFER_KEPT).results == [1]
    assert points_of(sister) == 10000  # nothing happens without the person
    stranger = Client()
    stranger.force_login(money.world.resident("别人").user)
    assert stranger.post(here, {"kept": kept.pk, "redeem": "1"}).status_code == 404
    answer = client.post(here, {"kept": kept.pk, "redeem": "1"})
    assert answer.status_code == 302
    kept.refresh_from_db()
    assert (kept.state, points_of(sister), Ticket.objects.count()) == ("redeemed", 9000, 1)
    assert client.post(here, {"kept": kept.pk, "withdraw": "1"}).status_code == 409
    well()


def statements_of(client: Client, address: str, sent: dict[str, Any]) -> list[str]:
    """List what a posted form sends to the database, from the view's first to its last; savepoints left out."""
    with CaptureQueriesContext(connection) as seen:
        assert client.post(address, sent).status_code == 302
    return [query["sql"] for query in seen.captured_queries if "SAVEPOINT" not in query["sql"]]


@pytest.mark.pg_only("SQLite's ledger posts by another number of statements")
def test_a_hand_over_at_the_counter_sends_so_many_statements(money: Money, client: Client) -> None:
    money.give(10000)
    tickets = money.world.redeem(money.world.sister, (money.world.ticket, 2)).tickets.order_by("pk")
    scan(money, tickets[0])
    client.force_login(money.world.bath_clerk)
    address = reverse("counter:scan", args=[money.world.bath.pk])
    client.get(address)
    seen = statements_of(client, address, {"code": tickets[1].code, "nonce": str(uuid.uuid4())})
    assert DrawDown.objects.count() == 2
    assert len(seen) == 30, "\n".join(seen)  # at most 30


@pytest.mark.pg_only("SQLite's ledger posts by another number of statements")
def test_a_redemption_sends_so_many_statements(money: Money, client: Client) -> None:
    money.give(100000, money.purpose(products=[money.world.ticket.product_id]))
    cover.take_snapshot(fund=money.fund)
    money.world.redeem(money.world.sister, (money.world.ticket, 1))
    client.force_login(money.world.sister.user)
    basket = money.world.basket(money.world.sister, (money.world.ticket, 1))
    client.get(reverse("rewards:confirm"))
    seen = statements_of(
        client, reverse("rewards:confirm"), {"key": str(uuid.uuid4()), "basket": basket.pk, "total": 1000}
    )
    assert Commitment.objects.count() == 2
    # At most 30; two of them ask whether the village is still in preparation, one of those for the app of the tests.
    assert len(seen) == 24, "\n".join(seen)
