"""Residents, cards, helpers, roles."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from tests.desk.test_desk import url
from tests.factories.people import make_resident, make_staff
from timebank.common import limits
from timebank.common.models import Event
from timebank.registry import services as registry
from timebank.registry.appointing import LOOKED_UP
from timebank.registry.errors import DutiesClash, NotAllowed, OtherPersonNeeded, SameHolder
from timebank.registry.models import (
    AuditEntry,
    Card,
    Device,
    HelperRequest,
    PersonalRead,
    Proxy,
    Resident,
    RoleGrant,
    SuccessorProposal,
    User,
)
from timebank.registry.rules import ConfirmFirst
from timebank.registry.selectors import active_card
from timebank.registry.services import succession
from timebank.registry.services.handover import hand_over_office
from timebank.registry.services.residents import CONSENT_VERSION


def form(**changes: object) -> dict[str, object]:
    return {"name": "新居民", "household_number": "5", "consent": "on", **changes}


def test_registering_at_the_desk_needs_a_name_and_signed_consent(village, enter):
    client = enter(village.admin)
    before = Resident.objects.count()
    for wrong in ({"consent": ""}, {"name": ""}, {"password": "right-horse-7"}, {"id_number": "123"}, {"phone": "1"}):
        answer = client.post(url("register"), form(**wrong))
        assert answer.status_code == 422
        assert 'data-focus aria-labelledby="summary-title"' in answer.content.decode()
    assert Resident.objects.count() == before
    client.post(url("register"), form(id_number="11010519491231002X"))
    made = Resident.objects.get(name="新居民")
    assert (made.village, made.household.number, made.status) == (village.place, "5", Resident.Status.ACTIVE)
    consent = made.consents.get()
    assert (consent.on_paper, consent.taken_by) == (True, village.admin)
    page = client.get(url("resident", made.pk)).content.decode()
    assert "110***********002X" in page
    assert "11010519491231002X" not in page


def test_registering_the_same_person_twice_is_refused_at_its_field(village, enter):
    client = enter(village.admin)
    client.post(url("register"), form(id_number="11010519491231002X"))
    answer = client.post(url("register"), form(name="同一人", id_number="11010519491231002x"))
    assert answer.status_code == 422
    assert "registered already" in answer.content.decode()
    assert not Resident.objects.filter(name="同一人").exists()


@pytest.mark.parametrize("who", ["keeper", "town_admin"])
def test_others_register_nobody(village, enter, who):
    before = Resident.objects.count()
    assert enter(getattr(village, who)).post(url("register"), form()).status_code == 403
    assert Resident.objects.count() == before


def test_the_stock_keeper_sees_no_residents(village, enter):
    client = enter(village.keeper)
    for name, args in (("residents", ()), ("resident", (village.world.wang.pk,)), ("month", (2026, 9))):
        answer = client.get(url(name, *args))
        assert answer.status_code == 403
        assert "王秀英" not in answer.content.decode()


def test_a_resident_of_another_village_is_not_found(village, enter):
    client = enter(village.far_admin)
    wang = village.world.wang
    for name in ("resident", "issue_card", "block_card", "add_helper"):
        assert client.get(url(name, wang.pk)).status_code == 404
    for name in ("resident", "issue_card", "block_card", "add_helper", "answer_request"):
        assert client.post(url(name, wang.pk), {"reason": "x"}).status_code == 404
    assert not Card.objects.exists()


def test_the_town_reads_and_changes_nothing(village, enter):
    client = enter(village.town_admin)
    wang = village.world.wang
    assert client.get(url("resident", wang.pk)).status_code == 200
    assert client.post(url("resident", wang.pk), {"name": "改名"}).status_code == 404
    assert client.post(url("issue_card", wang.pk), {"pin": "2580", "again": "2580"}).status_code == 403
    wang.refresh_from_db()
    assert wang.name == "王秀英"
    assert not Card.objects.exists()


def test_particulars_are_corrected_with_a_trail(village, enter):
    wang = village.world.wang
    client = enter(village.admin)
    fields = {"name": "王秀莲", "household_number": "9", "phone": wang.phone, "emergency_contact": "儿子"}
    client.post(url("resident", wang.pk), fields)
    wang.refresh_from_db()
    assert (wang.name, wang.household.number, wang.emergency_contact) == ("王秀莲", "9", "儿子")
    assert "Particulars corrected" in client.get(url("resident", wang.pk)).content.decode()
    assert client.post(url("resident", wang.pk), fields | {"name": ""}).status_code == 422


def test_a_card_is_issued_with_the_holders_pin_then_printed(village, enter):
    wang = village.world.wang
    client = enter(village.admin)
    assert client.post(url("issue_card", wang.pk), {"pin": "1234", "again": "1234"}).status_code == 422
    assert client.post(url("issue_card", wang.pk), {"pin": "2580", "again": "2581"}).status_code == 422
    assert not Card.objects.exists()
    answer = client.post(url("issue_card", wang.pk), {"pin": "2580", "again": "2580"}, follow=True)
    card = active_card(wang)
    assert card.number[:3] in answer.content.decode()
    assert registry.check_pin(card_number=card.number, pin="2580") == card


def test_a_pin_is_renewed_and_a_card_replaced_or_blocked(village, enter):
    wang = village.world.wang
    first = registry.issue_card(resident=wang, actor=village.admin, pin="2580")
    client = enter(village.admin)
    client.post(url("issue_card", wang.pk), {"pin": "1470", "again": "1470"})
    assert registry.check_pin(card_number=first.number, pin="1470") == first
    client.post(url("issue_card", wang.pk, new=1), {"pin": "3690", "again": "3690"})
    second = active_card(wang)
    assert second.pk != first.pk
    client.post(url("block_card", wang.pk), {"reason": ""})
    assert active_card(wang) == second
    client.post(url("block_card", wang.pk), {"reason": "丢失"})
    assert active_card(wang) is None
    assert Card.objects.filter(status="blocked").count() == 2


def test_helpers_are_added_and_ended_at_the_desk(village, enter):
    wang, li = village.world.wang, village.world.li
    client = enter(village.admin)
    assert client.post(url("add_helper", wang.pk), {"phone": "13000000000", "relation": "kin"}).status_code == 422
    own = {"phone": wang.phone, "person": wang.user_id, "relation": "kin"}
    assert client.post(url("add_helper", wang.pk), own).status_code == 422
    assert "李*山" in client.post(url("add_helper", wang.pk), {"phone": li.phone, "relation": "kin"}).text
    assert not HelperRequest.objects.exists()  # shown first
    client.post(url("add_helper", wang.pk), {"phone": li.phone, "person": li.user_id, "relation": "kin"})
    assert not Proxy.objects.exists()  # both sides are asked first
    asked = HelperRequest.objects.get()
    assert li.name in client.get(url("resident", wang.pk)).content.decode()
    for person in (li, wang):
        registry.answer_helper_request(request=asked, actor=person.user, agree=True)
    proxy = Proxy.objects.get()
    assert (proxy.resident, proxy.helper, proxy.granted_by) == (wang, li.user, village.admin)
    assert client.post(url("end_helper", li.pk, proxy.pk)).status_code == 404
    client.post(url("end_helper", wang.pk, proxy.pk))
    proxy.refresh_from_db()
    assert proxy.until is not None


def test_who_asks_to_join_is_accepted_or_refused_with_a_reason(village, enter):
    one, two = village.newcomer("甲"), village.newcomer("乙")
    client = enter(village.admin)
    assert "甲" in client.get(url("residents", status="pending")).content.decode()
    client.post(url("answer_request", one.pk), {"accept": "1"})
    client.post(url("answer_request", two.pk), {"refuse": "1", "reason": " "})
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.status, two.status) == (Resident.Status.ACTIVE, Resident.Status.PENDING)
    client.post(url("answer_request", two.pk), {"refuse": "1", "reason": "不住本村"})
    two.refresh_from_db()
    assert (two.status, two.closed_reason) == (Resident.Status.CLOSED, "不住本村")


@pytest.mark.parametrize("text", ["秀英", "phone", "number"])
def test_residents_are_found(village, enter, text):
    wang = village.world.wang
    text = {"phone": wang.phone, "number": wang.volunteer_number}.get(text, text)
    page = enter(village.admin).get(url("residents", q=text)).content.decode()
    assert "王秀英" in page
    assert "李大山" not in page


# -- Roles -------------------------------------------------------------------------------------------------------------
def test_roles_are_given_and_ended_within_the_rules(village, enter):
    li = village.world.li
    client = enter(village.admin)

    def give(role: str) -> Any:
        return client.post(url("staff"), {"phone": li.phone, "person": li.user_id, "role": role})

    give("clerk")
    grant = RoleGrant.objects.get(user=li.user)
    assert (grant.role, grant.region, grant.granted_by) == ("clerk", village.place, village.admin)
    assert give("village_admin").status_code == 422
    assert give("clerk").status_code == 422
    assert give("verifier").status_code == 422  # appointed from above
    registry.grant_role(user=li.user, role="verifier", region=village.place, actor=village.town_admin)
    clash = give("stock_keeper")
    assert clash.status_code == 422
    assert "One person may not hold both ends here" in clash.content.decode()
    assert set(li.user.role_grants.values_list("role", flat=True)) == {"clerk", "verifier"}
    client.post(url("end_role", grant.pk))
    grant.refresh_from_db()
    assert grant.ended_at is not None


def test_nobody_ends_a_role_above_or_elsewhere(village, enter):
    client = enter(village.admin)
    for user in (village.town_admin, village.far_admin, village.admin):
        grant = RoleGrant.objects.get(user=user)
        assert client.post(url("end_role", grant.pk)).status_code == 404
        grant.refresh_from_db()
        assert grant.ended_at is None
    assert enter(village.keeper).get(url("staff")).status_code == 403


def test_an_applicant_is_joined_to_the_registration_on_paper(village, enter):
    elder = registry.register_resident(village=village.place, name="王奶奶", actor=village.admin)
    stranger = registry.register_resident(village=village.place, name="李奶奶", actor=village.admin)
    asked = registry.apply_to_join(
        village=village.place,
        name="王 奶奶",
        phone="13900077001",
        password="right-horse-7",
        consent_version=CONSENT_VERSION,
    )
    client = enter(village.admin)
    page = client.get(url("resident", asked.pk)).content.decode()
    assert f'name="same" value="{elder.pk}"' in page
    assert f'value="{stranger.pk}"' not in page
    assert client.post(url("answer_request", asked.pk), {"same": stranger.pk}).status_code == 404
    assert client.post(url("answer_request", asked.pk), {"same": elder.pk}).url == url("resident", elder.pk)
    elder.refresh_from_db()
    assert elder.user == asked.user
    assert Resident.objects.get(pk=asked.pk).merged_into == elder


def test_who_is_named_is_shown_once_and_strangers_are_as_nobody(village, enter):
    li, client = village.world.li, enter(village.admin)
    asked = client.post(url("staff"), {"phone": li.phone, "role": "clerk"})
    assert "to 李*山, of " in asked.text, asked.text[asked.text.find("<main") :]
    assert li.name not in re.sub(r"<table.*?</table>", "", asked.text, flags=re.S)
    assert not RoleGrant.objects.filter(user=li.user).exists()
    assert PersonalRead.objects.get(what="read_name").resident == li
    stranger = make_resident(village.world.other, "远方客")

    def answer(phone: str, **more: str) -> str:
        sent = client.post(url("staff"), {"phone": phone, "role": "clerk", **more})
        assert sent.status_code == 422
        return re.sub(r'value="[^"]*"|nonce="[^"]*"|1\d{10}', "", sent.text)

    nobody = answer("13000000000")
    assert answer(stranger.phone) == nobody
    guess = {"full_name": "别的名", "person": str(stranger.user_id)}
    assert answer(stranger.phone, **guess) == answer("13000000000", **guess)
    assert "远*客" in client.post(url("staff"), {"phone": stranger.phone, "role": "clerk", "full_name": "远方客"}).text
    for _try in range(LOOKED_UP.most):
        limits.count(LOOKED_UP, [f"user:{village.admin.pk}"])
    sent = {"phone": li.phone, "person": li.user_id, "role": "clerk"}
    assert "too often" in client.post(url("staff"), sent).text
    assert not RoleGrant.objects.filter(user=li.user).exists()


def test_an_office_changes_hands_in_one_step_and_only_whole(village, enter):
    li, keeper, client = village.world.li, village.keeper, enter(village.admin)
    office = RoleGrant.objects.get(user=keeper, ended_at=None)
    device = Device.objects.create(user=keeper, region=village.place, digest="d" * 64, code="1234")
    there = url("hand_over", office.pk)
    session = enter(keeper)
    assert session.get(url("stock")).status_code == 200
    page = client.get(there).text
    assert f'href="{url("stock")}?where={village.place.pk}"' in page  # what waits, and the way there
    sent = {"phone": li.phone, "person": li.user_id, "reason": "换届"}

    def stands() -> bool:
        device.refresh_from_db()
        return RoleGrant.objects.get(pk=office.pk).ended_at is None and device.ended_at is None

    assert "李*山" in client.post(there, {"phone": li.phone}).text
    User.objects.filter(pk=keeper.pk).update(phone="13900000099")
    assert client.post(there, {"phone": "13900000099", "person": keeper.pk}).status_code == 422
    verifier = registry.grant_role(user=li.user, role="verifier", region=village.place, actor=village.town_admin)
    assert "One person may not hold both ends here" in client.post(there, sent).text
    assert stands()  # a refused successor leaves the holder in office
    registry.end_role(grant=verifier, actor=village.town_admin)
    assert client.post(there, sent).status_code == 302
    assert not stands()
    assert RoleGrant.objects.get(user=li.user, ended_at=None).role == "stock_keeper"
    assert session.get(url("stock")).status_code == 302  # signed out
    assert User.objects.get(pk=keeper.pk).sign_in_epoch == 1
    told = Event.objects.filter(kind__in=["role_given", "role_ended"]).order_by("-pk")[:2]
    assert {event.kind for event in told} == {"role_given", "role_ended"}
    line = AuditEntry.objects.get(action="hand_over_office")
    assert (line.actor, line.reason, line.facts["to"], line.facts["devices"]) == (village.admin, "换届", li.user_id, 1)
    gone = client.get(there, follow=True)  # the message of the proposal led here
    assert gone.redirect_chain
    assert "has ended already" in gone.text
    again = client.post(there, sent)  # the other tab, or a second tap
    assert again.status_code == 302
    assert RoleGrant.objects.filter(user=li.user, role="stock_keeper").count() == 1
    assert enter(make_staff("village_admin", village.world.other)).get(there).status_code == 404


def test_a_holder_proposes_and_another_says_yes(village, enter):
    """Two ends, two hands: who proposes, and who appoints; neither the successor nor anybody else answers."""
    li, keeper = village.world.li, village.keeper
    office = RoleGrant.objects.get(user=keeper, ended_at=None)
    own, answer = reverse("registry:office", args=[office.pk]), url("hand_over", office.pk)
    holder, admin = enter(keeper), enter(village.admin)
    assert own in holder.get(reverse("registry:offices")).text
    assert reverse("registry:offices") in holder.get("/me/").text
    assert admin.get(own).status_code == 404
    assert holder.get(answer).status_code == 403
    asked = holder.post(own, {"phone": li.phone}).text
    assert "李*山" in asked
    assert li.user.name not in asked
    assert not SuccessorProposal.objects.exists()
    sent = {"phone": li.phone, "person": li.user_id, "reason": "年纪大了", "idempotency_key": "a" * 32}
    for _twice in range(2):
        assert holder.post(own, sent).headers["Location"] == own
    first = SuccessorProposal.objects.get()
    assert holder.post(own, sent | {"idempotency_key": "b" * 32}).status_code == 422  # one at a time
    told = Event.objects.get(kind="successor_proposed")
    assert told.recipients == [f"user:{village.admin.pk}"]
    page = admin.get(answer).text
    assert "年纪大了" in page
    assert "李*山" in page
    assert keeper.pk == office.user_id
    assert enter(keeper).get(url("stock")).status_code == 200  # nothing has changed
    no = {"decline": "1", "proposal": first.pk}
    assert admin.post(answer, no).status_code != 302  # not without a reason
    first.refresh_from_db()
    assert first.answered_at is None
    assert admin.post(answer, no | {"why": "先请他旁听一季"}).status_code == 302
    assert AuditEntry.objects.filter(action="answer_successor").latest("pk").reason == "先请他旁听一季"
    said = Event.objects.get(kind="successor_declined")
    assert (said.recipients, said.facts["reason"]) == ([f"user:{keeper.pk}"], "先请他旁听一季")
    # Taken back, and proposed anew; an answer to what stands no longer does nothing.
    second = succession.propose_successor(grant=office, successor=li.user, actor=keeper)
    assert holder.post(own, {"withdraw": "1"}).status_code == 302
    third = succession.propose_successor(grant=office, successor=li.user, actor=keeper)
    for stale in (first, second):
        admin.post(answer, {"accept": "1", "proposal": stale.pk})
    assert RoleGrant.objects.get(pk=office.pk).ended_at is None
    with pytest.raises(NotAllowed):
        succession.decline_proposal(grant=office, actor=li.user, reason="不是我的事")
    with pytest.raises(NotAllowed):
        succession.propose_successor(grant=office, successor=li.user, actor=village.admin)
    with pytest.raises(SameHolder):
        succession.propose_successor(grant=office, successor=keeper, actor=keeper)
    # Who holds both the office and the right to give it does not answer their own proposal.
    with pytest.raises(OtherPersonNeeded):
        hand_over_office(grant=office, successor=li.user, actor=keeper)
    for _twice in range(2):
        assert admin.post(answer, {"accept": "1", "proposal": third.pk}).status_code == 302
    third.refresh_from_db()
    assert (third.accepted, third.answered_by) == (True, village.admin)
    assert RoleGrant.objects.get(user=li.user, ended_at=None).role == "stock_keeper"
    assert holder.get(own).status_code == 302  # signed out
    verifier = registry.grant_role(user=keeper, role="verifier", region=village.place, actor=village.town_admin)
    with pytest.raises(DutiesClash):  # the other end: refused before anybody is asked
        succession.propose_successor(
            grant=RoleGrant.objects.get(user=li.user, ended_at=None), successor=verifier.user, actor=li.user
        )


def test_an_office_at_an_organisation_passes_the_same_way(village, enter):
    baths = registry.register_organisation(name="澡堂", kind="supplier", region=village.place, actor=village.admin)
    clerk, li = User.objects.create_user(name="店员", phone="13900000077"), village.world.li
    office = registry.grant_role(user=clerk, role="supplier_staff", organisation=baths, actor=village.admin)
    proposal = succession.propose_successor(grant=office, successor=li.user, actor=clerk)
    assert Event.objects.get(kind="successor_proposed").recipients == [f"user:{village.admin.pk}"]
    client = enter(village.admin)
    answer = url("hand_over", office.pk)
    assert answer in client.get(reverse("sponsors:organisation", args=[baths.pk])).text
    assert "澡堂" in client.get(answer).text
    assert enter(make_staff("village_admin", village.world.other)).get(answer).status_code == 404
    assert client.post(answer, {"accept": "1", "proposal": proposal.pk}).status_code == 302
    assert RoleGrant.objects.get(user=li.user, ended_at=None).organisation == baths


def test_ending_a_role_and_handing_one_over_want_a_fresh_password(village):
    village.admin.must_confirm = True
    office = RoleGrant.objects.get(user=village.keeper, ended_at=None)
    with pytest.raises(ConfirmFirst):
        registry.end_role(grant=office, actor=village.admin)
    with pytest.raises(ConfirmFirst):
        hand_over_office(grant=office, successor=village.world.li.user, actor=village.admin)
    office.refresh_from_db()
    assert office.ended_at is None


def test_the_teams_of_a_leader_pass_with_the_office(village):
    leader, li = village.world.leader, village.world.li
    team = village.world.team
    office = RoleGrant.objects.get(user=leader, role="leader", ended_at=None)
    hand_over_office(grant=office, successor=li.user, actor=village.admin)
    team.refresh_from_db()
    assert team.leader == li.user
    assert AuditEntry.objects.filter(action="change_team", subject=f"team:{team.pk}").exists()
