"""A whole ticket brought back after its hand-over: two persons, and everything goes back where it came from, once."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.funds.models import Batch, Commitment, DrawDown, Fund, ServiceGift
from marketplace.funds.selectors.equation import differences
from marketplace.funds.services import setup, statements
from marketplace.rewards import errors
from marketplace.rewards import services as rewards
from marketplace.rewards.models import StockMovement, Ticket, TicketReturn
from tests.factories.funds import Money, agree, free, left, owed, short, well
from tests.factories.rewards import assert_stock_is_its_history, counters, escrow_of, give, points_of, redeemed_of
from tests.funds.test_settlement import approved, later, paid_account, send, statement
from timebank.common.errors import ReasonMissing, SamePerson
from timebank.common.models import Event
from timebank.ledger import selectors as ledger_read
from timebank.messages.models import Message
from timebank.messages.services import deliver
from timebank.registry import services as registry
from timebank.registry.errors import ConflictOfInterest, NotAllowed
from timebank.registry.models import Resident, RoleGrant, User


@pytest.fixture
def money(money: Money) -> Money:
    Fund.objects.update(floor_bp=0)
    agree(money, money.world.ticket, 800)
    money.world.people["committee"] = money.world.staff("监委会委员", "supervisor")
    return money


def handed_over(money: Money, record: Any = None, count: int = 1, actor: User | None = None) -> Ticket:
    """Redeem and hand over; long enough ago to stand on a statement."""
    record = record or money.world.ticket
    ticket = money.world.redeem(money.world.sister, (record, count)).tickets.get()
    clerk = actor or (money.world.bath_clerk if record.partner == money.world.bath else money.world.clerk)
    assert rewards.hand_over(code=ticket.code, actor=clerk, nonce=uuid.uuid4()).ok
    DrawDown.objects.filter(ticket_id=ticket.pk).update(drawn_at=later(minutes=-30))
    ticket.refresh_from_db()
    return ticket


def ask(money: Money, ticket: Ticket, *, restock: bool = False, actor: User | None = None) -> TicketReturn:
    return rewards.ask_return(ticket=ticket, actor=actor or money.world.admin, reason="没有热水", restock=restock)


def returned(money: Money, ticket: Ticket, *, restock: bool = False) -> Ticket:
    rewards.decide_return(asked=ask(money, ticket, restock=restock), actor=money.world.committee, approve=True)
    ticket.refresh_from_db()
    return ticket


def test_points_and_money_go_back_where_they_came_from_and_the_resident_is_told(money: Money) -> None:
    """The bath's 10.00 points to their lot with its old day; 5.00 to the purpose, 2.00 free, 1.00 to what was owed."""
    world, purpose = money.world, money.purpose()
    money.give(500, purpose)
    money.give(200)
    give(world.sister, 300, expires_on=timezone.localdate() + dt.timedelta(days=400))
    lots = ledger_read.lots_of(world.sister.wallet_key)
    ticket = handed_over(money)
    assert (left(money.fund, purpose), free(money.fund), short(money.fund)) == (0, 0, -100)
    asked = ask(money, ticket)
    assert (points_of(world.sister), owed(money.fund, world.bath)) == (9300, 800)  # nothing moves yet
    rewards.decide_return(asked=asked, actor=world.committee, approve=True)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.redemption.state, ticket.order.status) == ("returned", "returned", "returned")
    assert ledger_read.lots_of(world.sister.wallet_key) == lots
    assert (escrow_of(world.bath), redeemed_of(world.bath)) == (0, 0)
    assert (left(money.fund, purpose), free(money.fund), short(money.fund)) == (500, 200, 0)
    assert owed(money.fund, world.bath) == 0
    assert Commitment.objects.get().state == "released"
    assert list(ticket.events.values_list("what", "reason"))[-1] == ("returned", "没有热水")
    deliver(Event.objects.get(kind="ticket_returned"))
    message = Message.objects.get(resident=world.sister, kind="ticket_returned")
    assert (message.facts["points"], message.facts["reason"]) == (1000, "没有热水")
    well()
    mine = Client()
    mine.force_login(world.sister.user)
    mine.cookies["django_language"] = "en"
    page = mine.get(reverse("rewards:ticket", args=[ticket.code])).content.decode()
    assert "Returned, points given back" in page
    assert "没有热水" in page
    assert "What was handed over was returned." in mine.get(reverse("rewards:statement")).content.decode()
    scan = rewards.hand_over(code=ticket.code, actor=world.bath_clerk, nonce=uuid.uuid4())
    assert scan.result == "returned"
    assert world.redeem(world.sister, (world.ticket, 1)).tickets.get().is_open  # and may be had again


@pytest.mark.parametrize(("restock", "shelf", "value"), [(True, 13, 1000), (False, 11, 334)])
def test_goods_go_back_on_the_shelf_at_their_cost_or_are_written_off(
    money: Money, restock: bool, shelf: int, value: int
) -> None:
    world = money.world
    money.give(10000)
    rewards.receive_stock(stockrecord=world.soap, quantity=3, cost_fen=1000, actor=world.keeper)
    ticket = handed_over(money, world.soap, 2)
    assert (counters(world.soap), Batch.objects.get().fen_left) == ((11, 0), 334)
    returned(money, ticket, restock=restock)
    assert (counters(world.soap), Batch.objects.get().fen_left) == ((shelf, 0), value)
    assert_stock_is_its_history(world.soap)
    kinds = list(StockMovement.objects.filter(ticket=ticket).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["redeem", "hand_over", "return"] + ([] if restock else ["write_off"])
    well()


@pytest.mark.parametrize(("restock", "units"), [(True, 2), (False, 1)])
def test_a_given_haircut_is_left_again_or_not(money: Money, restock: bool, units: int) -> None:
    record = money.world.ticket
    setup.give_service(fund=money.fund, stockrecord=record, units=2, actor=money.keeper, key=uuid.uuid4())
    ticket = handed_over(money)
    assert ServiceGift.objects.get().left == 1
    returned(money, ticket, restock=restock)
    assert ServiceGift.objects.get().left == units
    well()


def test_it_is_netted_on_the_next_statement_whatever_the_first_one_is(money: Money) -> None:
    """Issued: the line leaves it. Approved, or paid: the supplier keeps the money and the next statement nets it."""
    money.give(100000)
    paid_account(money)
    issued_, approved_, paid_ = (handed_over(money) for _time in range(3))
    first = statement(money)
    returned(money, issued_)
    first.refresh_from_db()
    assert (first.fen, first.draws.count()) == (1600, 2)
    approved(money, first)
    returned(money, approved_)
    well()
    send(money, first)
    returned(money, paid_)
    assert owed(money.fund, money.world.bath) == -1600
    well()
    for _time in range(3):
        handed_over(money)
    second = statement(money)
    assert (second.fen, second.returns.count()) == (800, 2)
    send(money, approved(money, second))
    assert owed(money.fund, money.world.bath) == 0
    well()


def test_what_was_objected_to_and_then_brought_back_is_neither_paid_nor_netted(money: Money) -> None:
    money.give(100000)
    paid_account(money)
    kept, doubted = handed_over(money), handed_over(money)
    made = statement(money)
    line = made.draws.get(ticket_id=doubted.pk)
    said = statements.object_to(statement=made, draw=line, actor=money.world.bath_clerk, text="不对")
    approved(money, made)
    returned(money, doubted)
    send(money, made)
    for pay in (True, False):
        with pytest.MonkeyPatch.context() as patch:  # answered either way, it stays taken back
            patch.setattr(said, "answered_at", None)
            type(said).objects.filter(pk=said.pk).update(answer="", answered_by=None, answered_at=None)
            statements.answer_objection(objection=said, actor=money.town, answer="已退", pay=pay)
        line.refresh_from_db()
        assert (line.state, line.was_settled, line.statement_id) == ("reversed", False, None)
    assert owed(money.fund, money.world.bath) == 0
    assert DrawDown.objects.get(ticket_id=kept.pk).state == "settled"
    well()


def test_two_persons_and_neither_with_an_interest(money: Money) -> None:
    """Each who may not is refused and nothing changes; then the right two."""
    world = money.world
    ticket = handed_over(money, actor=world.admin)
    kin = world.staff("亲属监委", "supervisor")
    relative = world.resident("王家亲属", sign_in=False)
    Resident.objects.filter(pk=relative.pk).update(user=kin, household=world.sister.household)
    before = points_of(world.sister)
    for actor in (world.bath_clerk, world.clerk, money.keeper, world.committee, world.sister.user):
        with pytest.raises((NotAllowed, ConflictOfInterest)):
            ask(money, ticket, actor=actor)
    with pytest.raises(ReasonMissing):
        rewards.ask_return(ticket=ticket, actor=world.admin, reason=" ", restock=False)
    asked = ask(money, ticket, actor=world.keeper)
    with pytest.raises(errors.ReturnAsked):
        ask(money, ticket)
    far = world.staff("寨西监委", "supervisor", region=world.other_village)
    both = world.keeper  # who asked holds the other office by now
    RoleGrant.objects.filter(user=both).update(ended_at=timezone.now())
    registry.grant_role(user=both, role="verifier", actor=None, region=world.village)
    refused: list[tuple[User, type[Exception]]] = [
        (both, SamePerson),
        (world.admin, NotAllowed),
        (far, NotAllowed),
        (world.bath_clerk, NotAllowed),
        (money.keeper, NotAllowed),
    ]
    if world.sister.household_id:
        refused.append((kin, ConflictOfInterest))
    for actor, refusal in refused:
        with pytest.raises(refusal):
            rewards.decide_return(asked=asked, actor=actor, approve=True)
    Ticket.objects.filter(pk=ticket.pk).update(handed_over_by=world.committee)  # who gave it out does not take it back
    with pytest.raises(SamePerson):
        rewards.decide_return(asked=asked, actor=world.committee, approve=True)
    with pytest.raises(ReasonMissing):
        rewards.decide_return(asked=asked, actor=money.town, approve=False)
    assert points_of(world.sister) == before
    rewards.decide_return(asked=asked, actor=money.town, approve=False, reason="已经用过")
    with pytest.raises(errors.ReturnDecided):
        rewards.decide_return(asked=asked, actor=money.town, approve=True)
    assert Ticket.objects.get().state == "handed_over"
    rewards.decide_return(asked=ask(money, ticket), actor=money.town, approve=True)
    assert points_of(world.sister) == before + 1000
    with pytest.raises(errors.NotHandedOver):
        ask(money, ticket)
    well()


def test_what_was_undone_meanwhile_is_not_taken_back_as_well(money: Money) -> None:
    ticket = money.world.redeem(money.world.sister, (money.world.ticket, 1)).tickets.get()
    rewards.hand_over(code=ticket.code, actor=money.world.bath_clerk, nonce=uuid.uuid4())
    ticket.refresh_from_db()
    asked = ask(money, ticket)
    rewards.undo_hand_over(ticket=ticket, actor=money.world.bath_clerk)
    with pytest.raises(errors.NotHandedOver):
        rewards.decide_return(asked=asked, actor=money.town, approve=True)
    asked.refresh_from_db()
    assert asked.state == "prepared"
    well()


def test_at_the_desk_from_the_list_to_the_second_person(money: Money, settings: Any) -> None:
    """Found by the resident's name, asked once however often sent, decided by another; the list costs the same."""
    world = money.world
    ticket = handed_over(money, world.soap)
    here, listed = reverse("desk:ticket_return", args=[ticket.pk]), reverse("desk:tickets")

    def as_(user: User) -> Client:
        client = Client()
        client.force_login(user)
        client.cookies["django_language"] = "en"
        return client

    admin, committee = as_(world.admin), as_(world.committee)
    assert here in admin.get(listed, {"which": "done", "q": "秀英"}).content.decode()
    assert here not in admin.get(listed, {"which": "done", "q": "没有此人"}).content.decode()
    assert here in admin.get(reverse("rewards:ticket", args=[ticket.code])).content.decode()
    place = {"place": str(world.village.pk)}
    form = {**place, "reason": "坏了", "restock": "no", "idempotency_key": uuid.uuid4().hex}
    assert committee.post(here, form).status_code == 403
    assert admin.post(here, {**form, "reason": ""}).status_code == 422
    for _time in range(2):
        assert admin.post(here, form).status_code in {302, 403}
    assert TicketReturn.objects.count() == 1
    assert here in committee.get(listed, {"which": "returns"}).content.decode()
    assert "Returns to decide" in committee.get(reverse("desk:home")).content.decode()
    assert "Your decision" not in admin.get(here).content.decode()
    assert committee.post(here, {**place, "reason": "", "decline": "1"}).status_code == 422
    assert committee.post(here, {**place, "reason": "", "approve": "1"}).status_code == 302
    assert Ticket.objects.get().state == "returned"
    assert "It was taken back" in committee.get(here).content.decode()
    assert as_(world.sister.user).get(here).status_code == 404
    assert list(differences()) == []


def test_the_lists_of_tickets_cost_the_same_with_one_row_or_many(money: Money, django_assert_num_queries: Any) -> None:
    world = money.world
    give(world.sister, 100000)
    client = Client()
    client.force_login(world.committee)
    ask(money, handed_over(money))
    counts = {}
    for which in ("done", "returns"):
        client.get(reverse("desk:tickets"), {"which": which})
        with CaptureQueriesContext(connection) as seen:
            client.get(reverse("desk:tickets"), {"which": which})
        counts[which] = len(seen)
    for _time in range(12):
        ask(money, handed_over(money))
    for which, count in counts.items():
        with django_assert_num_queries(count):
            client.get(reverse("desk:tickets"), {"which": which})
