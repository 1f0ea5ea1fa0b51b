"""Organisations and sponsors: checked, approved once, suspended, renamed, merged, their names withdrawn."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone

from marketplace.funds.models import Batch, Purpose
from marketplace.sponsors import errors
from marketplace.sponsors.models import Enterprise, PersonIdentity
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import enterprises, organisations, papers
from tests.factories.rewards import PASSWORD, next_phone
from tests.factories.sponsors import Giving
from timebank.common.errors import NotFound, ReasonMissing, WrongState
from timebank.registry import services as registry
from timebank.registry.errors import InvalidIdNumber, InvalidUscc, NotAllowed, OrganisationExists
from timebank.registry.models import Organisation, User
from timebank.registry.rules import can, forget_grants

ID = "371003195001011236"


def id_number(head: str = "37100319500101123") -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return head + "10X98765432"[sum(int(c) * w for c, w in zip(head, weights, strict=True)) % 11]


# -- Organisations -----------------------------------------------------------------------------------------------------
def test_a_person_is_kept_encrypted_and_shown_masked(giving: Giving) -> None:
    number = id_number()
    made = organisations.register_party(
        name="张师傅", kind="person", region=giving.world.village, actor=giving.world.admin, id_number=number
    )
    identity = PersonIdentity.objects.get(organisation=made)
    assert identity.id_number_masked == f"371***********{number[-4:]}"
    assert number not in identity.id_number_encrypted
    with pytest.raises(OrganisationExists):
        organisations.register_party(
            name="又一个", kind="person", region=giving.world.village, actor=giving.world.admin, id_number=number
        )


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"kind": "supplier", "uscc": "91371003MA0000000A"}, InvalidUscc),
        ({"kind": "person", "id_number": "371003195001011230"}, InvalidIdNumber),
    ],
)
def test_wrong_numbers_are_refused_and_nothing_is_written(
    giving: Giving, facts: dict[str, Any], refusal: type[Exception]
) -> None:
    before = Organisation.objects.count()
    with pytest.raises(refusal):
        organisations.register_party(name="错", region=giving.world.village, actor=giving.world.admin, **facts)
    assert Organisation.objects.count() == before


def test_an_organisation_is_approved_once_by_who_may(giving: Giving) -> None:
    made = registry.register_organisation(name="商店", kind="merchant", region=giving.world.village, actor=giving.giver)
    assert made.status == "pending"
    with pytest.raises(NotAllowed):
        organisations.approve_organisation(organisation=made, actor=giving.giver)
    assert organisations.approve_organisation(organisation=made, actor=giving.world.admin).status == "active"
    with pytest.raises(WrongState):
        organisations.approve_organisation(organisation=made, actor=giving.world.admin)


def test_closing_ends_the_roles_of_its_people(giving: Giving) -> None:
    with pytest.raises(ReasonMissing):
        organisations.close_organisation(organisation=giving.world.organisation, actor=giving.world.admin, reason=" ")
    organisations.close_organisation(organisation=giving.world.organisation, actor=giving.world.admin, reason="停业")
    clerk = User.objects.get(pk=giving.world.bath_clerk.pk)
    assert not can(clerk, "hand_over", organisation=giving.world.organisation)


# -- People ------------------------------------------------------------------------------------------------------------
def test_a_colleague_joins_by_invitation_once(giving: Giving) -> None:
    number = next_phone()
    organisation = giving.sponsor.organisation
    made = organisations.invite(organisation=organisation, phone_number=number, actor=giving.giver)
    again = organisations.invite(organisation=organisation, phone_number=number, actor=giving.giver)
    assert made == again
    user = organisations.join_by_invitation(code=made.code, name="同事", password=PASSWORD)
    assert parties.sponsor_of(user) == giving.sponsor
    with pytest.raises(NotFound):
        organisations.join_by_invitation(code=made.code, name="同事", password=PASSWORD)


def test_an_invitation_is_for_its_number_and_its_week(giving: Giving) -> None:
    made = organisations.invite(organisation=giving.sponsor.organisation, phone_number=next_phone(), actor=giving.giver)
    other = User.objects.create_user(name="别人", phone=next_phone(), password=PASSWORD)
    with pytest.raises(errors.WrongPhone):
        organisations.accept_invitation(code=made.code, user=other)
    User.objects.filter(pk=other.pk).update(phone=made.phone)
    other.refresh_from_db()
    late = timezone.now() + dt.timedelta(days=8)
    with pytest.raises(errors.InvitationOver):
        organisations.accept_invitation(code=made.code, user=other, now=late)
    with pytest.raises(NotFound):
        organisations.accept_invitation(code=uuid.uuid4(), user=other)


def test_who_invited_must_still_be_allowed_to(giving: Giving) -> None:
    organisation = giving.sponsor.organisation
    number = next_phone()
    made = organisations.invite(organisation=organisation, phone_number=number, actor=giving.giver)
    (grant,) = parties.people_of(organisation)
    organisations.end_staff(grant=grant, actor=giving.giver)
    with pytest.raises(errors.InvitationOver):
        organisations.join_by_invitation(code=made.code, name="同事", password=PASSWORD)
    assert not User.objects.filter(phone=number).exists()  # all of it was taken back


def test_strangers_invite_and_end_nobody(giving: Giving) -> None:
    other = giving.another()
    with pytest.raises(NotFound):
        organisations.invite(
            organisation=giving.sponsor.organisation, phone_number=next_phone(), actor=other.applied_by
        )
    (grant,) = parties.people_of(giving.sponsor.organisation)
    with pytest.raises(NotFound):
        organisations.end_staff(grant=grant, actor=other.applied_by)


# -- Sponsors ----------------------------------------------------------------------------------------------------------
def test_the_town_decides_an_application_once(giving: Giving) -> None:
    made = giving.apply("新企业")
    assert (made.state, made.organisation.status) == ("pending", "pending")
    for actor in (giving.world.admin, giving.money.keeper, made.applied_by):
        with pytest.raises(NotAllowed):
            enterprises.decide_application(enterprise=made, actor=actor, approve=True)
    with pytest.raises(ReasonMissing):
        enterprises.decide_application(enterprise=made, actor=giving.money.town, approve=False)
    done = enterprises.decide_application(enterprise=made, actor=giving.money.town, approve=True)
    assert (done.state, Organisation.objects.get(pk=made.organisation_id).status) == ("active", "active")
    with pytest.raises(WrongState):
        enterprises.decide_application(enterprise=made, actor=giving.money.other_town, approve=False, reason="不")


def test_a_code_that_is_known_is_not_taken_over_by_a_stranger(giving: Giving) -> None:
    with pytest.raises(errors.AlreadySponsor):
        giving.apply("冒名", uscc=giving.sponsor.organisation.uscc)


def test_nothing_is_promised_before_approval_or_while_suspended(giving: Giving) -> None:
    waiting = giving.apply("等待")
    with pytest.raises(errors.NotActive):
        giving.pledge(enterprise=waiting)
    pledge = giving.pledge("goods")
    enterprises.suspend(enterprise=giving.sponsor, actor=giving.money.town, reason="核查")
    with pytest.raises(errors.NotActive):
        giving.pledge()
    with pytest.raises(errors.NotActive):
        giving.announced(pledge)
    with pytest.raises(errors.NotActive):
        giving.claim(giving.need())
    enterprises.resume(enterprise=giving.sponsor, actor=giving.money.town, reason="已查清")
    assert giving.announced(pledge).state == "announced"


def test_nothing_is_promised_for_a_closed_organisation(giving: Giving) -> None:
    organisations.close_organisation(organisation=giving.sponsor.organisation, actor=giving.money.town, reason="注销")
    with pytest.raises(errors.NotActive):
        giving.pledge(actor=giving.money.keeper)


def given(giving: Giving) -> tuple[Batch, Purpose, Any]:
    delivery = giving.counted()
    assert delivery.batch is not None
    pledge = giving.pledge(restricted=True)
    assert pledge.purpose is not None
    receipt = papers.issue_receipt(pledge=pledge, source="payment:1", fen=100, text="款", actor=None)
    return delivery.batch, pledge.purpose, receipt


def names(batch: Batch, purpose: Purpose) -> set[str]:
    batch.refresh_from_db()
    purpose.refresh_from_db()
    return {batch.donor, purpose.donor}


def test_suspended_what_was_given_keeps_its_name_but_leaves_the_wall(giving: Giving) -> None:
    batch, purpose, _receipt = given(giving)
    enterprises.set_thanks(enterprise=giving.sponsor, actor=giving.giver, on_wall=True)
    assert [row["name"] for row in parties.thanked()] == ["晨光食品"]
    enterprises.suspend(enterprise=giving.sponsor, actor=giving.money.town, reason="核查")
    assert names(batch, purpose) == {"晨光食品"}
    assert parties.thanked() == []


def test_renamed_everywhere_but_on_papers(giving: Giving) -> None:
    batch, purpose, receipt = given(giving)
    enterprises.rename(
        enterprise=giving.sponsor, actor=giving.money.town, name="晨曦食品", shown_name="晨曦", reason="改名"
    )
    receipt.refresh_from_db()
    assert (names(batch, purpose), receipt.giver) == ({"晨曦"}, "晨光食品")


def test_a_withdrawn_name_is_nowhere_and_can_come_back(giving: Giving) -> None:
    batch, purpose, receipt = given(giving)
    enterprises.set_thanks(enterprise=giving.sponsor, actor=giving.giver, on_wall=True)
    claim = giving.granted(giving.need())
    with pytest.raises(NotFound):
        enterprises.withdraw_name(enterprise=giving.sponsor, actor=giving.world.admin)
    enterprises.withdraw_name(enterprise=giving.sponsor, actor=giving.giver)
    assert names(batch, purpose) == {""}
    assert parties.thanked() == []
    assert parties.claimer_of(parties.public_need(claim.need_id)) == ""
    receipt.refresh_from_db()
    assert receipt.giver == "晨光食品"  # its own paper
    enterprises.withdraw_name(enterprise=giving.sponsor, actor=giving.giver, shown=True)
    assert names(batch, purpose) == {"晨光食品"}


def test_merged_the_heir_is_named_and_sees_what_was_given(giving: Giving) -> None:
    batch, purpose, receipt = given(giving)
    heir = giving.another("海润水产")
    enterprises.merge(enterprise=giving.sponsor, into=heir, actor=giving.money.town, reason="合并")
    receipt.refresh_from_db()
    assert (names(batch, purpose), receipt.giver) == ({"海润水产"}, "晨光食品")
    user = User.objects.get(pk=heir.applied_by.pk)
    assert parties.pledges_of(user).count() == 2
    with pytest.raises(errors.NotActive):
        giving.pledge()
    with pytest.raises(WrongState):
        enterprises.merge(enterprise=heir, into=heir, actor=giving.money.town, reason="自己")
    sponsor = Enterprise.objects.get(pk=giving.sponsor.pk)
    assert sponsor.public_name == "海润水产"
    forget_grants(user)
