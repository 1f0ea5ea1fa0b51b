"""Nobody lowers stock alone: each piece less is asked by one person and decided by another, whatever the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from marketplace.partner.models import StockRecord
from marketplace.partner.services import create_partner
from marketplace.rewards import errors, services
from marketplace.rewards.models import StockMovement, WriteOff
from marketplace.rewards.services import transfers
from marketplace.rewards.services.goods_lists import COLUMNS
from tests.factories.rewards import assert_stock_is_its_history, counters
from timebank.common.errors import ReasonMissing, SamePerson
from timebank.common.models import Event
from timebank.messages.kinds import KINDS
from timebank.messages.models import Message
from timebank.messages.selectors import show
from timebank.messages.services import deliver
from timebank.registry import services as registry
from timebank.registry.errors import ConflictOfInterest, NotAllowed
from timebank.registry.models import AuditEntry, Household, Region, Resident, RoleGrant

pytestmark = pytest.mark.django_db


def ask(world, quantity=3, kind="write_off") -> WriteOff:
    return services.adjust_stock(
        stockrecord=world.soap, quantity=quantity, actor=world.keeper, reason="受潮", kind=kind
    )


def other_office(world, user, role="supervisor") -> None:
    """Let somebody leave his offices for another one, which he may not have beside them."""
    RoleGrant.objects.filter(user=user).update(ended_at=timezone.now())
    registry.grant_role(user=user, role=role, actor=None, region=world.village)


def test_fewer_pieces_move_when_a_second_person_has_approved(world):
    """The count says 7 of 10; what comes and is redeemed meanwhile does not matter; decided once."""
    asked = ask(world, 7, "count")
    assert (asked.missing, asked.state, counters(world.soap)) == (3, "prepared", (10, 0))
    with pytest.raises(errors.WriteOffAsked):
        ask(world, 1)
    services.receive_stock(stockrecord=world.soap, quantity=5, actor=world.keeper)
    world.redeem(world.sister, (world.soap, 2))
    services.decide_write_off(asked=asked, actor=world.admin, approve=True)
    move = StockMovement.objects.get(write_off=asked)
    assert (move.kind, move.on_shelf, move.actor, move.reason) == ("count", -3, world.keeper, "受潮")
    assert move.write_off.approved_by == world.admin
    assert counters(world.soap) == (12, 2)
    assert_stock_is_its_history(world.soap)
    for again in (True, False):
        with pytest.raises(errors.ReturnDecided):
            services.decide_write_off(asked=asked, actor=world.admin, approve=again, reason="x")
    with pytest.raises(errors.ReturnDecided):
        services.withdraw_write_off(asked=asked, actor=world.keeper, reason="x")
    told = AuditEntry.objects.filter(subject=f"write_off:{asked.pk}").order_by("pk").values_list("action", "actor")
    assert list(told) == [("ask_write_off", world.keeper.pk), ("approve_write_off", world.admin.pk)]


def test_who_may_not_decide_is_refused_and_nothing_moves(world):
    """Who asked in another office, his household, who brought it in last, strangers to the right or the village."""
    asked = ask(world)
    resident = world.resident("保管员本人", sign_in=False)
    kin = world.resident("保管员之妻")
    home = Household.objects.create(region=world.village, number="77")
    Resident.objects.filter(pk__in=(resident.pk, kin.pk)).update(household=home)
    Resident.objects.filter(pk=resident.pk).update(user=world.keeper)
    registry.grant_role(user=kin.user, role="supervisor", actor=None, region=world.village)
    brought = world.staff("原保管员", "stock_keeper")
    services.receive_stock(stockrecord=world.soap, quantity=1, actor=brought)
    other_office(world, brought)
    far = world.staff("寨西监委", "supervisor", region=world.other_village)
    refused = [(who, NotAllowed) for who in (world.keeper, world.clerk, far, world.sister.user)]
    refused += [(kin.user, ConflictOfInterest), (brought, SamePerson)]
    for actor, error in refused:
        with pytest.raises(error):
            services.decide_write_off(asked=asked, actor=actor, approve=True)
    other_office(world, world.keeper, "village_admin")
    with pytest.raises((SamePerson, ConflictOfInterest)):
        services.decide_write_off(asked=asked, actor=world.keeper, approve=True)
    assert (counters(world.soap), WriteOff.objects.get().state) == ((11, 0), "prepared")
    services.decide_write_off(asked=asked, actor=world.admin, approve=True)
    assert counters(world.soap) == (8, 0)


def test_what_is_promised_by_then_goes_on_waiting(world):
    asked = ask(world, 8)
    ticket = world.redeem(world.sister, (world.soap, 4)).tickets.get()
    with pytest.raises(errors.StockTooLow):
        services.decide_write_off(asked=asked, actor=world.admin, approve=True)
    assert (counters(world.soap), WriteOff.objects.get().state) == ((10, 4), "prepared")
    services.cancel_ticket(ticket=ticket, actor=world.sister.user)
    services.decide_write_off(asked=asked, actor=world.admin, approve=True)
    assert counters(world.soap) == (2, 0)


def test_declined_and_withdrawn_with_a_reason_nothing_has_moved(world):
    first = ask(world)
    with pytest.raises(ReasonMissing):
        services.decide_write_off(asked=first, actor=world.admin, approve=False, reason=" ")
    services.decide_write_off(asked=first, actor=world.admin, approve=False, reason="都是好的")
    second = ask(world)
    with pytest.raises(ReasonMissing):
        services.withdraw_write_off(asked=second, actor=world.keeper, reason=" ")
    with pytest.raises(errors.NotYourRequest):
        services.withdraw_write_off(asked=second, actor=world.admin, reason="x")
    services.withdraw_write_off(asked=second, actor=world.keeper, reason="点错了")
    rows = WriteOff.objects.order_by("pk").values_list("state", "decision_reason")
    assert list(rows) == [("declined", "都是好的"), ("withdrawn", "点错了")]
    assert counters(world.soap) == (10, 0)
    assert ask(world).state == "prepared"


def told_of(kind) -> list[tuple[list[str], str]]:
    """Return, for each event of a kind, whom it tells and its sentence."""
    return [(event.recipients, str(KINDS[kind].sentence) % event.facts) for event in Event.objects.filter(kind=kind)]


def test_who_can_decide_is_told_and_the_asker_hears_what_was_decided(world):
    """Nobody knew that something waited for them, nor that it was decided."""
    supervisor = world.staff("监委", "supervisor")
    brought = world.staff("原保管员", "stock_keeper")
    services.receive_stock(stockrecord=world.soap, quantity=1, actor=brought)
    other_office(world, brought)  # may decide now, but not what he brought in himself, nor may his wife
    own, kin = world.resident("原保管员本人", sign_in=False), world.resident("原保管员之妻")
    home = Household.objects.create(region=world.village, number="78")
    Resident.objects.filter(pk__in=(own.pk, kin.pk)).update(household=home)
    Resident.objects.filter(pk=own.pk).update(user=brought)
    registry.grant_role(user=kin.user, role="supervisor", actor=None, region=world.village)
    asked = ask(world)
    with pytest.raises(ConflictOfInterest):
        services.decide_write_off(asked=asked, actor=kin.user, approve=True)
    ((recipients, said),) = told_of("write_off_asked")
    assert sorted(recipients) == sorted(f"user:{user.pk}" for user in (world.admin, supervisor))
    assert "× 3" in said
    assert "受潮" in said
    services.decide_write_off(asked=asked, actor=world.admin, approve=False, reason="都是好的")
    ((recipients, said),) = told_of("write_off_declined")
    assert (recipients, "都是好的" in said) == ([f"user:{world.keeper.pk}"], True)
    services.decide_write_off(asked=ask(world), actor=world.admin, approve=True)
    assert [recipients for recipients, _said in told_of("write_off_approved")] == [[f"user:{world.keeper.pk}"]]


def test_where_nobody_in_the_village_can_decide_the_town_is_told(world, client):
    town = world.staff("镇长", "town_admin", region=Region.objects.get_parent(world.village))
    ask(world, 1)
    assert f"user:{town.pk}" not in told_of("write_off_asked")[0][0]
    services.withdraw_write_off(asked=WriteOff.objects.get(), actor=world.keeper, reason="点错了")
    RoleGrant.objects.filter(user=world.admin).update(ended_at=timezone.now())
    asked = ask(world, 1)
    assert told_of("write_off_asked")[1][0] == [f"user:{town.pk}"]
    for event in Event.objects.filter(kind="write_off_asked"):
        deliver(event)
    (message,) = [show(row) for row in Message.objects.filter(user=town)]
    assert message.url == reverse("desk:write_off", args=[asked.pk])
    client.force_login(town, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    assert client.get(message.url).status_code == 200


def test_the_database_keeps_what_was_asked_and_decided(world):
    asked = ask(world)
    facts = {"stockrecord": world.soap, "quantity": 1, "on_shelf": -1, "actor": world.keeper}
    for kind in ("count", "write_off", "receipt"):  # no movement lowers the shelf without what two persons said
        with pytest.raises(IntegrityError), transaction.atomic():
            StockMovement.objects.create(kind=kind, **facts)
    rows = WriteOff.objects.filter(pk=asked.pk)
    by_himself = {"state": "approved", "approved_at": timezone.now(), "approved_by": world.keeper}
    for forged in ({"missing": 9}, {"reason": "x"}, {"prepared_by": world.admin}, by_himself):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**forged)
    with pytest.raises(IntegrityError), transaction.atomic():
        WriteOff.objects.create(stockrecord=world.soap, kind="count", missing=1, reason="x", prepared_by=world.keeper)
    services.decide_write_off(asked=asked, actor=world.admin, approve=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(state="prepared", approved_by=None, approved_at=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.get().delete()
    with pytest.raises(IntegrityError), transaction.atomic():  # one approval, one movement
        StockMovement.objects.create(kind="write_off", write_off=asked, **facts)


def total(world) -> int:
    return sum(StockRecord.objects.filter(product=world.soap.product_id).values_list("num_in_stock", flat=True))


def test_what_is_said_not_to_have_arrived_is_nobodys_to_take(world):
    """Of 4 sent 1 is counted. The 3 are lost if a third person says so; else they are on the counting shelf's books."""
    far_shop = create_partner(name="寨西超市", village=world.other_village)
    far_keeper = world.staff("寨西保管员", "stock_keeper", region=world.other_village)
    far_admin = world.staff("寨西管理员", "village_admin", region=world.other_village)

    def sent(counted: int) -> WriteOff:
        sending = transfers.send_stock(stockrecord=world.soap, target=far_shop, quantity=4, actor=world.keeper)
        transfers.receive_transfer(transfer=sending, counted=counted, difference="少了", actor=far_keeper)
        return sending.write_off

    before = total(world)
    first = sent(1)
    with pytest.raises(NotAllowed):
        services.decide_write_off(asked=first, actor=far_keeper, approve=True)
    services.decide_write_off(asked=first, actor=far_admin, approve=False, reason="在后仓")
    assert (total(world), counters(first.stockrecord)) == (before, (4, 0))
    services.withdraw_write_off(asked=sent(0), actor=far_keeper, reason="找到了")
    assert (total(world), counters(first.stockrecord)) == (before, (8, 0))
    # sending and taking back alone brings all of it back
    sending = transfers.send_stock(stockrecord=world.soap, target=far_shop, quantity=2, actor=world.keeper)
    transfers.cancel_transfer(transfer=sending, actor=world.keeper)
    assert total(world) == before
    for record in (world.soap, first.stockrecord):
        assert_stock_is_its_history(record)


# What may write how much lies on a shelf; each lowers it only by a ticket, a sending or a decided write-off.
WRITERS = {
    "marketplace/partner/models.py",  # promised, handed over
    "marketplace/partner/services.py",  # nothing yet
    "marketplace/rewards/services/adjusting.py",
    "marketplace/rewards/services/arrivals.py",  # up
    "marketplace/rewards/services/listing.py",  # nothing yet
    "marketplace/rewards/services/opening.py",  # up, confirmed by another
    "marketplace/rewards/services/stock.py",  # up
    "marketplace/rewards/services/transfers.py",  # sent, or up
}


def test_nothing_else_writes_how_much_lies_on_a_shelf():
    """No list of goods, no form of the operators, no other service."""
    root = Path(__file__).parents[2]
    sources = [path for part in ("marketplace", "timebank") for path in (root / part).rglob("*.py")]
    writing = re.compile(r"""num_in_stock["']?\s*(=[^=]|:)|setattr\(.*num_in_stock|["']num_in_stock["'],?\s*\]""")
    found = {
        str(path.relative_to(root))
        for path in sources
        if "migrations" not in path.parts and writing.search(path.read_text())
    }
    assert found == WRITERS
    assert not {"stock", "quantity"} & {column.key for column in COLUMNS}
