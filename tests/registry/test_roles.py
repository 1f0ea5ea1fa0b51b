"""Helpers and roles: who may do what, where, and until when."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from marketplace.rewards.rules import CARD_SALE, HAND_OVER, RECEIVE_STOCK
from tests.factories.people import PASSWORD, make_resident, make_staff
from timebank.registry import rules, selectors, services
from timebank.registry.errors import (
    AlreadyGranted,
    AlreadyHelper,
    DutiesClash,
    HelperAsked,
    NoSelfHelp,
    NotAllowed,
    OtherPersonNeeded,
    RequestAnswered,
    RoleNeedsPlace,
)
from timebank.registry.models import HelperRequest, Proxy, RoleGrant, User
from timebank.registry.rules import VIEW_VILLAGE, can, regions_where
from timebank.service.rules import LEAD_ACTIVITY, VERIFY_RECORD


def test_a_helper_is_named_once_and_ends_at_once(places, admin, elder):
    nephew = make_resident(places.village, "侄子")
    proxy = services.add_proxy(resident=elder, helper=nephew.user, relation="kin", actor=admin)
    assert [one.resident for one in selectors.helps(nephew.user)] == [elder]
    with pytest.raises(AlreadyHelper):
        services.add_proxy(resident=elder, helper=nephew.user, relation="kin", actor=admin)
    stranger = make_resident(places.village, "路人")
    with pytest.raises(NotAllowed):
        services.end_proxy(proxy=proxy, actor=stranger.user)
    with pytest.raises(NotAllowed):
        services.add_proxy(resident=elder, helper=stranger.user, relation="kin", actor=stranger.user)
    services.end_proxy(proxy=proxy, actor=nephew.user)
    assert not selectors.helps(nephew.user).exists()
    services.add_proxy(resident=elder, helper=nephew.user, relation="kin", actor=admin)


def test_nobody_is_their_own_helper(resident):
    with pytest.raises(NoSelfHelp):
        services.add_proxy(resident=resident, helper=resident.user, relation="kin", actor=resident.user)


def test_a_grant_covers_the_region_and_all_below_and_nothing_else(places):
    town_admin = make_staff("town_admin", places.town)
    assert can(town_admin, VIEW_VILLAGE, places.village)
    assert can(town_admin, VIEW_VILLAGE, places.town)
    assert not can(town_admin, VIEW_VILLAGE, places.stranger)
    assert not can(town_admin, VIEW_VILLAGE, places.county)
    assert not can(town_admin, VERIFY_RECORD, places.village)
    assert set(regions_where(town_admin, VIEW_VILLAGE)) == {places.town, places.village, places.sister}
    assert not regions_where(town_admin, VERIFY_RECORD).exists()
    assert list(selectors.villages_of(town_admin)) == [places.village, places.sister]


def test_supplier_staff_hand_over_at_their_organisation_only(places):
    bath = services.register_organisation(name="澡堂", kind="supplier", region=places.village, actor=None)
    barber = services.register_organisation(name="理发店", kind="supplier", region=places.village, actor=None)
    clerk = make_staff("supplier_staff", organisation=bath)
    assert can(clerk, HAND_OVER, organisation=bath)
    assert can(clerk, HAND_OVER)
    assert not can(clerk, HAND_OVER, organisation=barber)
    assert not can(clerk, HAND_OVER, places.village)
    assert list(rules.organisations_where(clerk, HAND_OVER)) == [bath]
    assert not regions_where(clerk, HAND_OVER).exists()


def test_nobody_and_the_closed_may_nothing(places, admin):
    from django.contrib.auth.models import AnonymousUser

    assert not can(AnonymousUser(), VIEW_VILLAGE, places.village)
    assert not can(None, VIEW_VILLAGE, places.village)
    admin.is_active = False
    assert not can(admin, VIEW_VILLAGE, places.village)


@pytest.mark.parametrize(
    ("first", "second"),
    [("verifier", "stock_keeper"), ("village_admin", "stock_keeper"), ("stock_keeper", "verifier")],
)
def test_who_verifies_may_not_stock_the_same_village(places, first, second):
    user = make_staff(first, places.village)
    with pytest.raises(DutiesClash):
        services.grant_role(user=user, role=second, actor=None, region=places.village)
    with pytest.raises(DutiesClash):
        services.grant_role(user=user, role=second, actor=None, region=places.town)
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(user=user, role=second, region=places.village)
    assert RoleGrant.objects.filter(user=user).count() == 1
    services.grant_role(user=user, role=second, actor=None, region=places.sister)
    services.end_role(grant=RoleGrant.objects.get(user=user, role=first), actor=user)
    services.grant_role(user=user, role=second, actor=None, region=places.village)


def test_nobody_widens_their_own_power(places, admin):
    friend = make_resident(places.village, "朋友").user
    for role, region in (
        ("village_admin", places.village),
        ("town_admin", places.town),
        ("leader", places.sister),
        ("verifier", places.town),
    ):
        with pytest.raises(NotAllowed):
            services.grant_role(user=friend, role=role, actor=admin, region=region)
    assert not RoleGrant.objects.filter(user=friend).exists()
    services.grant_role(user=friend, role="leader", actor=admin, region=places.village)
    assert can(friend, LEAD_ACTIVITY, places.village)


def test_an_operator_appoints_but_neither_verifies_nor_stocks(places):
    operator = User.objects.create_superuser(username="operator", password=PASSWORD)
    assert can(operator, VIEW_VILLAGE, places.village)
    for action in (VERIFY_RECORD, RECEIVE_STOCK, HAND_OVER, CARD_SALE):
        assert not can(operator, action, places.village)


def test_a_role_is_given_once_and_in_one_place(places, admin):
    with pytest.raises(AlreadyGranted):
        services.grant_role(user=admin, role="village_admin", actor=None, region=places.village)
    with pytest.raises(RoleNeedsPlace):
        services.grant_role(user=admin, role="leader", actor=None)
    with pytest.raises(RoleNeedsPlace):
        services.grant_role(user=admin, role="supplier_staff", actor=None, region=places.village)


def test_an_ended_role_opens_nothing(places, admin):
    town = make_staff("town_admin", places.town)
    grant = RoleGrant.objects.get(user=admin)
    assert can(admin, VERIFY_RECORD, places.village)
    with pytest.raises(NotAllowed):
        services.end_role(grant=grant, actor=make_staff("leader", places.village))
    services.end_role(grant=grant, actor=town)
    assert not can(User.objects.get(pk=admin.pk), VERIFY_RECORD, places.village)


def test_nobody_acts_for_somebody_before_both_have_agreed(places, admin, resident, elder):
    nephew, town = make_resident(places.sister, "侄子"), make_staff("town_admin", places.town)
    asked = services.ask_helper(resident=resident, helper=nephew.user, relation="kin", actor=admin)
    with pytest.raises(HelperAsked):
        services.ask_helper(resident=resident, helper=nephew.user, relation="kin", actor=admin)
    for actor in (admin, elder.registered_by or town):
        with pytest.raises(NotAllowed):
            services.answer_helper_request(request=asked, actor=actor, agree=True)
    services.answer_helper_request(request=asked, actor=nephew.user, agree=True)
    assert not rules.can_act_for(nephew.user, resident)
    with pytest.raises(NotAllowed):  # who signs in answers by themselves, never a paper for them
        services.confirm_helper_paper(request=asked, actor=town)
    services.answer_helper_request(request=asked, actor=resident.user, agree=False)
    assert not Proxy.objects.exists()
    with pytest.raises(RequestAnswered):
        services.answer_helper_request(request=asked, actor=resident.user, agree=True)

    paper = make_resident(places.village, "没手机的", signs_in=False)
    asked = services.ask_helper(resident=paper, helper=nephew.user, relation="kin", actor=admin)
    with pytest.raises(OtherPersonNeeded):
        services.confirm_helper_paper(request=asked, actor=admin)
    services.confirm_helper_paper(request=asked, actor=town)
    assert not rules.can_act_for(nephew.user, paper)
    services.answer_helper_request(request=asked, actor=nephew.user, agree=True)
    assert rules.can_act_for(nephew.user, paper)
    asked.refresh_from_db()
    assert (asked.state, asked.paper_seen_by) == ("agreed", town)
    with pytest.raises(IntegrityError), transaction.atomic():
        HelperRequest.objects.create(
            resident=paper, helper=town, relation="kin", asked_by=admin, state="agreed", helper_agreed_at=asked.asked_at
        )
