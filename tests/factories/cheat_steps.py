"""What a cheat can do, step by step: each a public service, called as he would."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid

from marketplace.rewards import services as rewards
from marketplace.rewards.models import Ticket, TicketReturn, WriteOff
from marketplace.rewards.services import shelf
from tests.factories.cheats import CONSENT, OWN_PIN, PASSWORD, PIN, Cheat, step
from tests.factories.service import at
from timebank.common.errors import DomainError
from timebank.registry import services as registry
from timebank.registry.models import Card, HelperRequest, Proxy, Resident, ResidentCase, User
from timebank.registry.services import cases, confirmation, households, moves
from timebank.registry.services.forgotten import YOUNG, is_open
from timebank.service import services
from timebank.service.models import Activity, Objection, Record
from timebank.villages.models import Opening
from timebank.villages.services import opening


def _person(cheat: Cheat, whom: str) -> Resident:
    person = cheat.who.get(whom) or cheat.stage.own
    return Resident.objects.select_related("village", "household", "user").get(pk=person.pk)


@step
def begin(cheat: Cheat, whom: str) -> None:
    """Do nothing yet."""


@step
def register(cheat: Cheat, whom: str) -> None:
    made = registry.register_resident(
        village=cheat.world.village,
        name="无此人",
        actor=cheat.me,
        phone="13800008888",
        password=PASSWORD,
        now=cheat.hour,
    )
    cheat.who["ghost"] = made
    _sign_in(cheat, "ghost", made)


@step
def apply(cheat: Cheat, whom: str) -> None:
    """Ask for an account as a stranger would, and let himself in."""
    made = registry.apply_to_join(
        village=cheat.world.village, name="假人", phone="13800008889", password=PASSWORD, consent_version=CONSENT
    )
    registry.accept_resident(resident=made, actor=cheat.me)
    cheat.who["ghost"] = made
    _sign_in(cheat, "ghost", made)


def _sign_in(cheat: Cheat, whom: str, resident: Resident) -> None:
    person = Resident.objects.select_related("user").get(pk=resident.pk)
    assert person.user is not None
    cheat.sign_ins[whom] = person.user
    confirmation.confirm_by_sign_in(user=person.user, now=cheat.hour)


@step
def confirm(cheat: Cheat, whom: str) -> None:
    confirmation.confirm_resident(resident=_person(cheat, whom), actor=cheat.me, now=cheat.hour)


@step
def take_over(cheat: Cheat, whom: str) -> None:
    """Give a password, to sign in with it himself."""
    person = _person(cheat, whom)
    if person.user is not None:
        registry.reset_password(user=person.user, actor=cheat.me, now=cheat.hour)
    else:
        number = f"1380000777{len(cheat.sign_ins)}"
        moves.give_sign_in(resident=person, phone=number, password=PASSWORD, actor=cheat.me, now=cheat.hour)
    _sign_in(cheat, whom, person)


@step
def new_number(cheat: Cheat, whom: str) -> None:
    """Write his own number on somebody's page; once it is old enough, a code sent there sets a password."""
    person = _person(cheat, whom)
    registry.correct_resident(resident=person, phone="13800006666", actor=cheat.me, now=cheat.hour)
    if person.user is None:
        return  # no account: there is nothing that a code could open
    cheat.hour += YOUNG + dt.timedelta(hours=1)
    assert is_open(User.objects.get(pk=person.user.pk), now=cheat.hour)
    _sign_in(cheat, whom, person)


@step
def apply_as(cheat: Cheat, whom: str) -> None:
    """Ask to join in the name of somebody on paper, and find that it is the same person."""
    person = _person(cheat, whom)
    facts = {"phone": "13800005555", "password": PASSWORD, "consent_version": CONSENT, "now": cheat.hour}
    made = registry.apply_to_join(village=cheat.world.village, name=person.name, **facts)
    moves.accept_as(applicant=made, resident=person, actor=cheat.me, now=cheat.hour)
    _sign_in(cheat, whom, person)


@step
def check_in(cheat: Cheat, whom: str) -> None:
    activity = Activity.objects.get(pk=cheat.activity.pk)
    token = services.attendance_token(activity, cheat.hour, shown_by=cheat.me)
    services.check_in(token=token, resident=_person(cheat, whom), actor=cheat.actor_for(whom), now=cheat.hour)


@step
def check_out(cheat: Cheat, whom: str) -> None:
    activity = Activity.objects.get(pk=cheat.activity.pk)
    cheat.hour = max(cheat.hour, at(20, 12))
    token = services.attendance_token(activity, cheat.hour, shown_by=cheat.me)
    services.check_out(token=token, resident=_person(cheat, whom), actor=cheat.actor_for(whom), now=cheat.hour)


@step
def list_in_and_out(cheat: Cheat, whom: str) -> None:
    activity = Activity.objects.get(pk=cheat.activity.pk)
    services.check_in(activity=activity, resident=_person(cheat, whom), actor=cheat.me, now=cheat.hour)
    cheat.hour += dt.timedelta(hours=2)
    services.check_out(activity=activity, resident=_person(cheat, whom), actor=cheat.me, now=cheat.hour)


@step
def close(cheat: Cheat, whom: str) -> None:
    cheat.hour = max(cheat.hour, at(20, 12))
    services.close_activity(activity=cheat.activity, actor=cheat.me, now=cheat.hour)


@step
def clock(cheat: Cheat, whom: str) -> None:
    """Let the sweeps run: what was forgotten is closed, what is due is credited."""
    cheat.hour = max(cheat.hour + dt.timedelta(days=9), at(22))
    services.close_overdue(now=cheat.hour)
    services.credit_due(now=cheat.hour)


@step
def state_time(cheat: Cheat, whom: str) -> None:
    services.state_time(
        activity=cheat.activity,
        resident=_person(cheat, whom),
        minutes=60,
        actor=cheat.me,
        reason="我说的",
        now=cheat.hour,
    )


@step
def enter(cheat: Cheat, whom: str) -> None:
    facts = {"category": "farm", "served_on": at(10).date(), "minutes": 120}
    services.enter_record(resident=_person(cheat, whom), actor=cheat.me, now=cheat.hour, **facts)


@step
def slip(cheat: Cheat, whom: str) -> None:
    """Let the leader, in good faith, enter hours that one of his own says they gave (a stranger's he may verify)."""
    if whom not in {"own", "wife", "client"}:
        return
    facts = {"category": "farm", "served_on": at(11).date(), "minutes": 120}
    services.enter_record(resident=_person(cheat, whom), actor=cheat.world.leader, now=cheat.hour, **facts)


@step
def send_back(cheat: Cheat, whom: str) -> None:
    for record in Record.objects.filter(resident=_person(cheat, whom)):
        services.return_record(record=record, actor=cheat.me, reason="再看", now=cheat.hour)


@step
def resend(cheat: Cheat, whom: str) -> None:
    for record in Record.objects.filter(resident=_person(cheat, whom)):
        services.submit_record(record=record, actor=cheat.actor_for(whom), reason="看过", now=cheat.hour)


@step
def verify(cheat: Cheat, whom: str) -> None:
    services.verify_many(records=Record.objects.all(), actor=cheat.me, now=cheat.hour)


@step
def publish(cheat: Cheat, whom: str) -> None:
    services.publish_notice(village=cheat.world.village, actor=cheat.me, now=cheat.hour)


@step
def answer(cheat: Cheat, whom: str) -> None:
    for objection in Objection.objects.filter(state="open"):
        services.answer_objection(objection=objection, actor=cheat.me, upheld=False, answer="没有", now=cheat.hour)


@step
def help_(cheat: Cheat, whom: str) -> None:
    """Become the helper of somebody, and be one's own witness."""
    person = _person(cheat, whom)
    with contextlib.suppress(DomainError):
        registry.add_proxy(resident=person, helper=cheat.me, relation="kin", actor=cheat.me)
    registry.ask_helper(resident=person, helper=cheat.me, relation="kin", actor=cheat.actor_for(whom))
    for request in HelperRequest.objects.filter(resident=person, state="open"):
        registry.answer_helper_request(request=request, actor=cheat.me, agree=True)
        registry.confirm_helper_paper(request=request, actor=cheat.me)


@step
def leave_kin(cheat: Cheat, whom: str) -> None:
    """Let his wife live somewhere else for the books."""
    households.set_household(resident=cheat.stage.wife, number="12", actor=cheat.me)


@step
def help_no_more(cheat: Cheat, whom: str) -> None:
    """Stop helping somebody, as long as it takes."""
    for proxy in Proxy.objects.filter(resident=_person(cheat, whom), helper=cheat.me, until__isnull=True):
        registry.end_proxy(proxy=proxy, actor=cheat.me)


@step
def correct_kin(cheat: Cheat, whom: str) -> None:
    """Correct the number of the house on his wife's page."""
    registry.correct_resident(resident=cheat.stage.wife, household_number="12", actor=cheat.me, now=cheat.hour)


@step
def correct_own(cheat: Cheat, whom: str) -> None:
    """Correct the number of the house on his own page."""
    registry.correct_resident(resident=cheat.stage.own, household_number="12", actor=cheat.me, now=cheat.hour)


@step
def adopt(cheat: Cheat, whom: str) -> None:
    """Take somebody with points into his household, and let them leave with the points to himself."""
    person = _person(cheat, whom)
    households.set_household(resident=person, number="88", actor=cheat.me)
    registry.withdraw_consent(resident=_person(cheat, whom), actor=cheat.me, heir=cheat.stage.own, now=cheat.hour)


@step
def merge(cheat: Cheat, whom: str) -> None:
    """Make of a neighbour and his own one person."""
    ghost = cheat.who.get("ghost", cheat.stage.own)
    cases.propose_merge(resident=_person(cheat, whom), into=ghost, reason="同一人", actor=cheat.me)


@step
def bury(cheat: Cheat, whom: str) -> None:
    heir = cheat.who.get("ghost", cheat.stage.wife)
    cases.propose_death(
        resident=_person(cheat, whom), died_on=at(1).date(), heir=heir, reason="已故", actor=cheat.me, now=cheat.hour
    )


@step
def decide(cheat: Cheat, whom: str) -> None:
    for case in ResidentCase.objects.filter(status="proposed"):
        cases.decide_case(case=case, agreed=True, actor=cheat.me)


@step
def enter_opening(cheat: Cheat, whom: str) -> None:
    lines = [opening.Line(2, _person(cheat, whom).name, points=5000)]
    facts = {"title": "结余", "signed_on": at(1).date(), "paper": "夹"}
    opening.enter_opening(village=cheat.world.village, lines=lines, actor=cheat.me, now=cheat.hour, **facts)


@step
def rise(cheat: Cheat, whom: str) -> None:
    """Go from the village office to the town's, so that what one entered waits for one's own yes."""
    held = list(cheat.me.role_grants.filter(region__isnull=False, ended_at__isnull=True))
    for grant in held:
        registry.end_role(grant=grant, actor=cheat.me)
    if "village_admin" in {grant.role for grant in held}:
        registry.grant_role(user=cheat.me, role="town_admin", region=cheat.world.town, actor=None)


@step
def approve_opening(cheat: Cheat, whom: str) -> None:
    for signed in Opening.objects.filter(state="entered"):
        opening.approve_opening(opening=signed, actor=cheat.me, now=cheat.hour)


@step
def appoint_self(cheat: Cheat, whom: str) -> None:
    for role in ("verifier", "clerk", "village_admin", "town_admin"):
        with contextlib.suppress(DomainError):
            registry.grant_role(user=cheat.me, role=role, region=cheat.world.village, actor=cheat.me)


@step
def price_low(cheat: Cheat, whom: str) -> None:
    for record in (cheat.stage.soap, cheat.stage.bathing):
        shelf.decide_price(
            stockrecord=record, points=0, since=cheat.hour.date(), reason="便宜", actor=cheat.me, now=cheat.hour
        )


@step
def redeem(cheat: Cheat, whom: str) -> None:
    person, actor = _person(cheat, whom), cheat.actor_for(whom)
    for record in (cheat.stage.soap, cheat.stage.bathing):
        rewards.redeem(
            resident=person,
            lines=[(record.pk, 1)],
            key=uuid.uuid4(),
            actor=actor,
            on_behalf_of=None if person.user_id == actor.pk else person,
            now=cheat.hour,
        )


@step
def hand_over(cheat: Cheat, whom: str) -> None:
    for ticket in Ticket.objects.filter(state=Ticket.State.ISSUED):
        with contextlib.suppress(DomainError):
            rewards.hand_over(code=ticket.code, actor=cheat.me, nonce=str(uuid.uuid4()), now=cheat.hour)


@step
def card_sale(cheat: Cheat, whom: str) -> None:
    """Sell by somebody's card, with the PIN that he gave it or, in the ghost's name, chose."""
    person = _person(cheat, whom)
    card = Card.objects.filter(resident=person, status="active").first()
    if card is None:
        card = registry.issue_card(resident=person, actor=cheat.me, pin=PIN)
    else:
        registry.set_pin(card=card, pin=PIN, actor=cheat.me)
    pin = PIN
    if whom in cheat.sign_ins:
        registry.set_pin(card=card, pin=OWN_PIN, actor=cheat.sign_ins[whom])
        pin = OWN_PIN
    for partner, record in ((cheat.stage.shop, cheat.stage.soap), (cheat.stage.bath, cheat.stage.bathing)):
        with contextlib.suppress(DomainError):
            rewards.card_sale(
                card_number=card.number,
                pin=pin,
                lines=[(record.pk, 1)],
                key=uuid.uuid4(),
                actor=cheat.me,
                partner=partner,
                now=cheat.hour,
            )


@step
def take_back(cheat: Cheat, whom: str) -> None:
    """Ask for the return of what was handed over to him, and decide it."""
    for ticket in Ticket.objects.filter(state=Ticket.State.HANDED_OVER):
        rewards.ask_return(ticket=ticket, actor=cheat.me, reason="坏的", restock=False, now=cheat.hour)
    for asked in TicketReturn.objects.filter(state="prepared"):
        rewards.decide_return(asked=asked, actor=cheat.me, approve=True, now=cheat.hour)


@step
def count_fewer(cheat: Cheat, whom: str) -> None:
    """Say that fewer lie there than he left."""
    rewards.adjust_stock(stockrecord=cheat.stage.soap, quantity=15, actor=cheat.me, reason="少了", now=cheat.hour)


@step
def change_office(cheat: Cheat, whom: str) -> None:
    """Leave the stock for the office that decides on it, with what he asked for still waiting."""
    held = list(cheat.me.role_grants.filter(role="stock_keeper", ended_at__isnull=True))
    for grant in held:
        registry.end_role(grant=grant, actor=cheat.me)
        registry.grant_role(user=cheat.me, role="supervisor", region=cheat.world.village, actor=None)


@step
def decide_fewer(cheat: Cheat, whom: str) -> None:
    for asked in WriteOff.objects.filter(state="prepared"):
        rewards.decide_write_off(asked=asked, actor=cheat.me, approve=True, now=cheat.hour)
