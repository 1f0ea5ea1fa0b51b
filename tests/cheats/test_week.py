"""What the separation of duties costs: a village of two officials and one member of the committee does its week.

The hours of such a week are in tests/service/test_duties.py; here are the counter, the cards and the people.
"""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from marketplace.rewards import services as rewards
from marketplace.rewards.services import shelf
from tests.factories.cheats import CONSENT, PASSWORD, PIN, Stage
from tests.factories.service import at, balance
from tests.support import worlds
from timebank.registry import services as registry
from timebank.registry.errors import GaveSignIn
from timebank.registry.models import Resident, User
from timebank.registry.services import cases
from timebank.service import services
from timebank.service.errors import OwnEntry

stage = worlds.fixture("stage", "tests.factories.cheats.make_stage")


def test_the_counter_and_the_people_of_a_week(stage: Stage) -> None:
    world, admin, now = stage.world, stage.world.admin, at(20, 9)
    member = User.objects.create_user(name="监委", email="member@shanji.example")
    registry.grant_role(user=member, role="supervisor", region=world.village, actor=None)
    keeper = User.objects.get(email="keeper@shanji.example")  # the second official also stands at the counter
    registry.grant_role(user=keeper, role="clerk", region=world.village, actor=admin)

    # Shelf: the keeper receives, the admin prices.
    rewards.receive_stock(stockrecord=stage.soap, quantity=6, actor=keeper, reason="新到")
    shelf.decide_price(stockrecord=stage.soap, points=400, since=now.date(), reason="进价低了", actor=admin, now=now)

    # What broke, and what a count does not find: the keeper asks, the member or the admin decides.
    for quantity, kind, decider in ((1, "write_off", member), (24, "count", admin)):
        asked_off = rewards.adjust_stock(
            stockrecord=stage.soap, quantity=quantity, actor=keeper, reason="碎了", kind=kind, now=now
        )
        rewards.decide_write_off(asked=asked_off, actor=decider, approve=True, now=now)
    stage.soap.refresh_from_db()
    assert stage.soap.num_in_stock == 24

    # Cards: the admin gives the PIN, the keeper sells by it; the admin can't.
    card = registry.issue_card(resident=stage.elder, actor=admin, pin=PIN)
    sale = {"card_number": card.number, "pin": PIN, "lines": [(stage.soap.pk, 1)], "partner": stage.shop, "now": now}
    with pytest.raises(GaveSignIn):
        rewards.card_sale(**sale, key=uuid.uuid4(), actor=admin)
    assert rewards.card_sale(**sale, key=uuid.uuid4(), actor=keeper).state == "handed_over"

    # A new person asks to join, is let in by the admin, has points in time, and is served by the keeper.
    asked = registry.apply_to_join(
        village=world.village, name="新来的", phone="13800004321", password=PASSWORD, consent_version=CONSENT
    )
    new = registry.accept_resident(resident=asked, actor=admin)
    records = world.attended(Resident.objects.get(pk=new.pk), minutes=120)
    with pytest.raises(OwnEntry):
        services.verify_record(record=records[0], actor=admin, now=at(21))
    assert services.verify_record(record=records[0], actor=member, now=at(21)).state == "verified"
    new.refresh_from_db()
    assert new.confirmed_by == member  # from now on the admin verifies as well

    # A forgotten password: the admin gives one, the keeper hands over; what is bad comes back by two.
    registry.reset_password(user=stage.signed.user, actor=admin, now=now)
    bought = rewards.redeem(
        resident=stage.signed, lines=[(stage.soap.pk, 2)], key=uuid.uuid4(), actor=stage.signed.user, now=now
    )
    ticket = bought.tickets.first()
    assert ticket is not None
    refused = rewards.hand_over(code=ticket.code, actor=admin, nonce="a", now=now)
    assert (refused.ok, refused.result) == (False, "other_person")
    assert rewards.hand_over(code=ticket.code, actor=keeper, nonce="b", now=now).ok
    before = balance(stage.signed)
    back = rewards.ask_return(ticket=ticket, actor=admin, reason="漏的", restock=False, now=now)
    rewards.decide_return(asked=back, actor=member, approve=True, now=now)
    assert balance(stage.signed) > before
    # Everybody else the admin serves alone, months later also whom he gave a password.
    others = rewards.redeem(
        resident=world.wang, lines=[(free_of(stage, admin, now), 1)], key=uuid.uuid4(), actor=world.wang.user, now=now
    )
    assert rewards.hand_over(code=others.tickets.get().code, actor=admin, nonce="c", now=now).ok
    later = now + dt.timedelta(days=31)
    again = rewards.redeem(
        resident=stage.signed, lines=[(stage.soap.pk, 1)], key=uuid.uuid4(), actor=stage.signed.user, now=later
    )
    assert rewards.hand_over(code=again.tickets.get().code, actor=admin, nonce="d", now=later).ok

    # People: a helper on paper, a death, two registrations of one.
    asked_help = registry.ask_helper(resident=stage.elder, helper=world.li.user, relation="kin", actor=admin)
    registry.answer_helper_request(request=asked_help, actor=world.li.user, agree=True)
    registry.confirm_helper_paper(request=asked_help, actor=member)
    assert stage.elder.proxies.filter(helper=world.li.user, until__isnull=True).exists()
    double = registry.register_resident(village=world.village, name="老人", actor=admin)
    merge = cases.propose_merge(resident=double, into=stage.elder, reason="登记了两次", actor=admin)
    assert cases.decide_case(case=merge, agreed=True, actor=member).status == "done"
    death = cases.propose_death(
        resident=stage.client, died_on=at(19).date(), heir=None, reason="报丧", actor=admin, now=now
    )
    assert cases.decide_case(case=death, agreed=True, actor=member, now=now).status == "done"


def free_of(stage: Stage, admin: User, now: dt.datetime) -> int:
    """Make the bath free of points for once; return its number."""
    shelf.decide_price(stockrecord=stage.bathing, points=0, since=now.date(), reason="开业", actor=admin, now=now)
    return stage.bathing.pk
