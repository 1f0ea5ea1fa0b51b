"""The table of roles that the apps declare: how it is joined, what it refuses, and the copy that the trigger reads."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.factories.people import PASSWORD, make_resident, make_staff, new_phone
from timebank.common.errors import SamePerson
from timebank.registry import interests, roles, rules, services
from timebank.registry.errors import ConflictOfInterest, NotAllowed, OtherPersonNeeded
from timebank.registry.interests import could_stand_in
from timebank.registry.models import Household, Resident, Role, RoleClash, RoleGrant, User
from timebank.registry.roles import Duties, RoleSpec
from timebank.registry.services import moves, second_factor
from timebank.registry.services.residents import CONSENT_VERSION


def test_apps_add_roles_and_actions_to_roles_of_others():
    base = Duties(roles=[RoleSpec("head", "Head")], actions={"head": ["see"]}, operator=frozenset({"see"}))
    bees = Duties(
        roles=[RoleSpec("beekeeper", "Beekeeper", appointed_by=("head",))],
        actions={"beekeeper": ["keep_bees"], "head": ["count_hives"]},
        clashes=[("beekeeper", "head")],
    )
    table = roles.build([("base", base), ("bees", bees)])
    assert table.allowed == {"beekeeper": {"keep_bees"}, "head": {"see", "count_hives"}}
    assert table.appoints["head"] == {"beekeeper"}
    assert table.clashes == {frozenset({"beekeeper", "head"})}
    assert table.app_of == {"head": "base", "beekeeper": "bees"}
    assert table.actions == {"see", "keep_bees", "count_hives"}


def test_a_role_claimed_twice_or_declared_by_nobody_is_refused():
    head = Duties(roles=[RoleSpec("head", "Head")])
    with pytest.raises(ValueError, match="'head' is declared by 'a' and by 'b'"):
        roles.build([("a", head), ("b", head)])
    for wrong in (
        Duties(actions={"ghost": ["see"]}),
        Duties(clashes=[("head", "ghost")]),
        Duties(appoints={"head": ["ghost"]}),
        Duties(roles=[RoleSpec("other", "Other", appointed_by=("ghost",))]),
    ):
        with pytest.raises(ValueError, match="ghost"):
            roles.build([("a", head), ("b", wrong)])


@pytest.mark.django_db
def test_an_action_that_no_app_declares_is_an_error_not_a_refusal(places):
    admin = make_staff("village_admin", places.village)
    for ask in (rules.can, rules.regions_where, rules.organisations_where):
        with pytest.raises(LookupError, match="verify_recrod"):
            ask(admin, "verify_recrod")


@pytest.mark.django_db
def test_the_database_has_the_declared_roles_and_both_ways_of_each_clash():
    assert dict(Role.objects.values_list("key", "app")) == dict(roles.table().app_of)
    pairs = set(RoleClash.objects.values_list("role", "other"))
    assert ("verifier", "stock_keeper") in pairs
    assert pairs == {(b, a) for a, b in pairs}
    assert {frozenset(pair) for pair in pairs} == set(roles.table().clashes)


@pytest.mark.django_db
def test_the_copy_follows_what_is_declared(django_assert_num_queries):
    with django_assert_num_queries(2):  # nothing differs: two reads
        roles.sync()
    Role.objects.filter(key="verifier").update(scope="organisation")
    Role.objects.create(key="gone", app="gone", scope="region")
    RoleClash.objects.filter(role="verifier").delete()
    RoleClash.objects.create(role="gone", other="verifier")
    roles.sync()
    assert Role.objects.get(key="verifier").scope == "region"
    assert not Role.objects.filter(key="gone").exists()
    test_the_database_has_the_declared_roles_and_both_ways_of_each_clash()


@pytest.mark.django_db
def test_another_app_is_migrated_alone_before_these_tables_are_made(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(connection.introspection, "table_names", lambda *_: ["ledger_account"])
    with django_assert_num_queries(0):
        roles.after_migrate(sender=None)
    monkeypatch.setattr(connection.introspection, "table_names", lambda *_: [RoleClash._meta.db_table])
    with django_assert_num_queries(2):
        roles.after_migrate(sender=None)


@pytest.mark.django_db
@pytest.mark.parametrize("pair", sorted(tuple(sorted(pair)) for pair in roles.table().clashes))
@pytest.mark.parametrize("way", [1, -1])
def test_the_database_refuses_each_declared_clash(places, pair, way):
    first, second = pair[::way]
    user = User.objects.create_user(name="两职", email="two@shanji.example")
    RoleGrant.objects.create(user=user, role=first, region=places.village)
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(user=user, role=second, region=places.village)
    # Control: without the pair in the table the same row goes in, so it is the table that the trigger reads.
    RoleClash.objects.all().delete()
    RoleGrant.objects.create(user=user, role=second, region=places.village)


@pytest.mark.django_db
def test_a_role_that_no_app_declares_is_given_by_nobody_and_opens_nothing(places):
    operator = User.objects.create_superuser(username="operator", password="a-long-password")
    user = User.objects.create_user(name="甲", email="a@shanji.example")
    for actor in (operator, None):
        with pytest.raises(NotAllowed):
            services.grant_role(user=user, role="ghost", actor=actor, region=places.village)
    with pytest.raises(ValidationError):
        RoleGrant(user=user, role="ghost", region=places.village).full_clean()
    grant = RoleGrant.objects.create(user=user, role="ghost", region=places.village)
    assert not rules.can(user, rules.VIEW_VILLAGE, places.village)
    assert grant.get_role_display() == "ghost"


@pytest.mark.django_db
def test_work_begins_where_the_first_role_begins(places):
    verifier = make_staff("verifier", places.village)
    assert rules.start_page(verifier) == "desk:verify"
    services.grant_role(user=verifier, role="leader", actor=None, region=places.village)
    assert rules.start_page(User.objects.get(pk=verifier.pk)) == "desk:verify"
    assert rules.start_page(make_staff("leader", places.village)) == "service:lead"
    assert rules.start_page(make_staff("clerk", places.village)) == "counter:desk"
    assert rules.start_page(User.objects.create_superuser(username="op", password="a-long-pass")) == "desk:home"
    assert rules.start_page(User.objects.create_user(name="谁", email="who@shanji.example")) == ""
    assert rules.start_page(None) == ""


@pytest.mark.django_db
def test_who_put_a_number_in_is_bound_as_who_gave_a_password(places, admin):
    resident = make_resident(places.village, "郑有号")
    superior = make_resident(places.village, "镇长")
    services.grant_role(user=superior.user, role="town_admin", actor=None, region=places.town)
    with pytest.raises(NotAllowed):  # no superior's: a password is set by the number
        services.correct_resident(resident=superior, phone=new_phone(), actor=admin)
    now = timezone.now()
    services.correct_resident(resident=resident, phone=new_phone(), actor=admin, now=now)
    person = Resident.objects.get(pk=resident.pk)
    assert could_stand_in(admin, person, now)
    assert not could_stand_in(make_staff("village_admin", places.village), person, now)
    with pytest.raises(OtherPersonNeeded):
        second_factor.end_factor(user=person.user, actor=admin, reason="手机丢了", now=now)
    # The other way round: who turned the factor off does not then write in a number.
    other = make_resident(places.village, "方二")
    second_factor.end_factor(user=other.user, actor=admin, reason="手机丢了", now=now)
    with pytest.raises(OtherPersonNeeded):
        services.correct_resident(resident=other, phone=new_phone(), actor=admin, now=now)


@pytest.mark.django_db
def test_nobody_gives_a_sign_in_or_another_house_to_their_own_people(places):
    mine = make_resident(places.village, "于管理", household_number="1")
    services.grant_role(user=mine.user, role="village_admin", actor=None, region=places.village)
    mother, wife = (make_resident(places.village, name, signs_in=False) for name in ("于母", "王妻"))
    for person in (mother, wife):
        Resident.objects.filter(pk=person.pk).update(household=mine.household)
        person.refresh_from_db()
    asked = services.apply_to_join(
        village=places.village, name="于母", phone=new_phone(), password=PASSWORD, consent_version=CONSENT_VERSION
    )
    for deed in (
        lambda: moves.give_sign_in(resident=mother, phone=new_phone(), password=PASSWORD, actor=mine.user),
        lambda: moves.accept_as(applicant=asked, resident=mother, actor=mine.user),
        lambda: moves.move_resident(resident=wife, village=places.sister, actor=mine.user),
        lambda: services.correct_resident(resident=wife, household_number="2", actor=mine.user),
        lambda: services.correct_resident(resident=mine, household_number="2", actor=mine.user),
    ):
        with pytest.raises(ConflictOfInterest):
            deed()
    # What does not decide who is whose is corrected as before.
    services.correct_resident(resident=wife, name="王小妻", household_number="1", actor=mine.user)
    assert Resident.objects.get(pk=wife.pk).name == "王小妻"


@pytest.mark.django_db
def test_the_second_of_two_persons_is_of_no_household_with_the_first(places):
    """Every decision that wants another person asks this: money, prices, first counts, write-offs, returns."""
    wife, husband = make_resident(places.village, name="甲"), make_resident(places.village, name="乙")
    stranger = make_resident(places.village, name="丙")
    interests.other_person(husband.user, wife.user_id, stranger.user_id, None)
    household = Household.objects.create(region=places.village, number="7")
    for person in (wife, husband):
        Resident.objects.filter(pk=person.pk).update(household=household)
    husband = Resident.objects.get(pk=husband.pk)
    with pytest.raises(ConflictOfInterest):
        interests.other_person(husband.user, wife.user_id)
    with pytest.raises(SamePerson):
        interests.other_person(husband.user, husband.user_id)
    interests.other_person(stranger.user, wife.user_id)
