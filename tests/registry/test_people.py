"""Registered once, confirmed by a second person, moved, merged, gone: always one person with one number and wallet."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from tests.factories.people import PASSWORD, make_resident, make_staff, new_phone
from tests.support.clients import PageClient
from timebank.common.errors import ReasonMissing
from timebank.common.models import Event
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry import merging, selectors, services
from timebank.registry.errors import (
    AlreadyAsked,
    AlreadyConfirmed,
    AlreadyRegistered,
    CaseOpen,
    ConflictOfInterest,
    DifferentPeople,
    HasSignIn,
    LooksAlike,
    NotAllowed,
    NotKin,
    OtherPersonNeeded,
    PhoneTaken,
    PointsLeft,
)
from timebank.registry.models import AuditEntry, DistinctPair, Resident, ResidentCase, RoleGrant, User
from timebank.registry.services import cases, confirmation, corrections, households, moves
from timebank.registry.services.residents import CONSENT_VERSION, kin_of

pytestmark = pytest.mark.django_db
BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"
DAY = dt.date(2026, 11, 1)


@pytest.fixture
def verifier(places: Any) -> User:
    return make_staff("verifier", places.village, name="监委")


def signed_in(user: Any) -> Client:
    client = PageClient(headers={"accept-language": "en"})
    client.force_login(user, backend=BACKEND)
    return client


def give(resident: Resident, points: int) -> None:
    leg = Leg(f"issuance:region:{resident.village_id}", resident.wallet_key, points, dt.date(2027, 12, 31))
    ledger.post(TransferSpec(key=f"give:{resident.pk}:{points}", kind="mint", legs=(leg,)))


def points_of(resident: Resident) -> int:
    return ledger_read.balance_of(resident.wallet_key).spendable


# -- Registered twice --------------------------------------------------------------------------------------------------
def test_the_desk_asks_when_somebody_looks_alike(places, admin):
    facts = {"name": "王秀英", "birth_date": dt.date(1950, 1, 2), "household_number": "12", "phone": new_phone()}
    first = services.register_resident(village=places.village, actor=admin, different_from=(), **facts)
    with pytest.raises(LooksAlike) as asked:
        services.register_resident(village=places.village, actor=admin, different_from=(), **facts)
    assert asked.value.params["residents"] == [first.pk]
    again = services.register_resident(village=places.village, actor=admin, different_from=(first.pk,), **facts)
    assert DistinctPair.objects.get().first == first
    assert again.pk != first.pk
    # The same name born on another day, with another phone, is another person: not asked.
    services.register_resident(
        village=places.village, actor=admin, name="王秀英", birth_date=dt.date(1980, 1, 2), different_from=()
    )


def test_the_page_of_the_desk_asks_and_takes_the_answer(places, admin):
    first = make_resident(places.village, "王秀英", signs_in=False, birth_date=dt.date(1950, 1, 2))
    client = signed_in(admin)
    form = {"name": "王秀英", "birth_date": "1950-01-02", "consent": "on"}
    page = client.post(reverse("desk:register"), form)
    if page.status_code == 422:  # the form wants more than this test knows of
        pytest.fail(page.content.decode()[-3000:])
    assert page.status_code == 409
    assert "Is it the same person?" in page.content.decode()
    assert Resident.objects.filter(name="王秀英").count() == 1
    client.post(reverse("desk:register"), {**form, "different": [first.pk]})
    assert Resident.objects.filter(name="王秀英").count() == 2


# -- Confirmed ---------------------------------------------------------------------------------------------------------
def test_a_registration_is_confirmed_by_a_second_person(places, admin, verifier):
    person = services.register_resident(village=places.village, name="王一", actor=admin)
    assert (person.registered_by, person.confirmed_at) == (admin, None)
    with pytest.raises(OtherPersonNeeded):
        confirmation.confirm_resident(resident=person, actor=admin)
    with pytest.raises(NotAllowed):
        confirmation.confirm_resident(resident=person, actor=make_staff("verifier", places.sister))
    confirmed = confirmation.confirm_resident(resident=person, actor=verifier)
    assert (confirmed.confirmed_by, confirmed.confirmed_how) == (verifier, "second")
    with pytest.raises(AlreadyConfirmed):
        confirmation.confirm_resident(resident=person, actor=verifier)


def test_nobody_confirms_their_own_family(places, admin):
    mine = make_resident(places.village, "于家", household_number="7")
    services.grant_role(user=mine.user, role="verifier", actor=None, region=places.village)
    person = services.register_resident(village=places.village, name="于二", actor=admin, household_number="7")
    with pytest.raises(OtherPersonNeeded):
        confirmation.confirm_resident(resident=person, actor=mine.user)


def test_the_first_own_sign_in_confirms(places, admin, client):
    phone = new_phone()
    person = services.register_resident(
        village=places.village, name="王一", actor=admin, phone=phone, password=PASSWORD
    )
    client.post(reverse("registry:sign_in"), {"username": phone, "password": "wrong-wrong-1"})
    person.refresh_from_db()
    assert person.confirmed_at is None
    client.post(reverse("registry:sign_in"), {"username": phone, "password": PASSWORD})
    person.refresh_from_db()
    assert person.confirmed_how == "sign_in"


# -- Moved, back again, a sign-in later --------------------------------------------------------------------------------
def test_who_moves_keeps_number_hours_and_wallet(places, admin):
    person = make_resident(places.village, "王一", household_number="3")
    give(person, 500)
    moved = moves.move_resident(resident=person, village=places.sister, actor=admin, household_number="９号")
    assert (moved.pk, moved.volunteer_number) == (person.pk, person.volunteer_number)
    assert (moved.village, moved.household.number) == (places.sister, "9")
    assert points_of(moved) == 500
    stays = list(moved.residences.order_by("since", "pk").values_list("village__code", "until"))
    assert [code for code, _until in stays] == [places.village.code, places.sister.code]
    assert stays[1][1] is None
    assert Event.objects.filter(kind="resident_moved").count() == 1
    with pytest.raises(NotAllowed):  # the village that was left has no say any more
        moves.move_resident(resident=moved, village=places.village, actor=admin)


def test_a_move_to_where_one_lives_is_refused(places, admin):
    with pytest.raises(AlreadyRegistered):
        moves.move_resident(resident=make_resident(places.village), village=places.village, actor=admin)


def test_who_was_refused_asks_the_right_village_with_the_same_account(places, admin):
    person = services.apply_to_join(
        village=places.village, name="王一", phone=new_phone(), password=PASSWORD, consent_version=CONSENT_VERSION
    )
    services.refuse_resident(resident=person, actor=admin, reason="住在周家")
    client = signed_in(person.user)
    page = client.get(reverse("registry:register"), {"village": places.sister.pk})
    assert page.status_code == 200
    client.post(reverse("registry:register"), {"village": places.sister.pk, "consent": "on"})
    person.refresh_from_db()
    assert (person.status, person.village) == (Resident.Status.PENDING, places.sister)
    assert Resident.objects.filter(user=person.user).count() == 1
    services.accept_resident(resident=person, actor=make_staff("village_admin", places.sister))
    person.refresh_from_db()
    assert (person.status, person.confirmed_how) == (Resident.Status.ACTIVE, "sign_in")


def test_an_active_resident_does_not_apply_again(places, resident):
    with pytest.raises(AlreadyRegistered):
        moves.apply_again(user=resident.user, village=places.sister, consent_version=CONSENT_VERSION)


def test_a_person_on_paper_gets_a_sign_in_on_the_same_person(places, admin, elder):
    give(elder, 300)
    phone = new_phone()
    page = signed_in(admin).post(
        reverse("registry:give_sign_in", args=[elder.pk]), {"phone": phone, "password": PASSWORD}
    )
    assert page.status_code == 302
    elder.refresh_from_db()
    assert elder.user.phone == phone
    assert points_of(elder) == 300
    with pytest.raises(HasSignIn):
        moves.give_sign_in(resident=elder, phone=new_phone(), password=PASSWORD, actor=admin)


def test_an_application_is_joined_to_the_registration_on_paper(places, admin, elder):
    asked = services.apply_to_join(
        village=places.village, name="王奶奶", phone=new_phone(), password=PASSWORD, consent_version=CONSENT_VERSION
    )
    joined = moves.accept_as(applicant=asked, resident=elder, actor=admin)
    assert (joined.pk, joined.user) == (elder.pk, asked.user)
    asked.refresh_from_db()
    assert (asked.status, asked.merged_into) == (Resident.Status.CLOSED, elder)
    assert selectors.resident_by_number(asked.volunteer_number) == elder


def test_the_phone_of_a_closed_account_is_free_for_another(places, admin):
    phone = new_phone()
    left = services.register_resident(village=places.village, name="王一", actor=admin, phone=phone, password=PASSWORD)
    with pytest.raises(PhoneTaken):
        services.register_resident(village=places.village, name="李二", actor=admin, phone=phone, password=PASSWORD)
    services.withdraw_consent(resident=left, actor=left.user)
    other = services.register_resident(village=places.village, name="李二", actor=admin, phone=phone, password=PASSWORD)
    assert other.user.phone == phone
    left.user.refresh_from_db()
    assert left.user.phone is None


# -- Leaving and dying -------------------------------------------------------------------------------------------------
def test_points_left_are_offered_to_kin_or_pool_first(places):
    person = make_resident(places.village, "王一", household_number="3")
    son = make_resident(places.village, "王二", household_number="３号")
    give(person, 700)
    with pytest.raises(PointsLeft):
        services.withdraw_consent(resident=person, actor=person.user)
    with pytest.raises(NotKin):
        services.withdraw_consent(resident=person, actor=person.user, heir=make_resident(places.village, "路人"))
    page = signed_in(person.user).get(reverse("registry:leave")).content.decode()
    assert "王二" in page
    assert "The village&#x27;s pool" in page
    signed_in(person.user).post(reverse("registry:leave"), {"points_to": str(son.pk), "sure": "on"})
    person.refresh_from_db()
    assert person.status == Resident.Status.CLOSED
    assert (points_of(person), points_of(son)) == (0, 700)
    assert ledger_read.lots_of(son.wallet_key)[0].expires_on == dt.date(2027, 12, 31)  # nothing is laundered


def test_without_points_nothing_is_asked_and_roles_end_at_once(places):
    person = make_resident(places.village, "王一")
    services.grant_role(user=person.user, role="leader", actor=None, region=places.village)
    assert "points_to" not in signed_in(person.user).get(reverse("registry:leave")).content.decode()
    signed_in(person.user).post(reverse("registry:leave"), {"sure": "on"})
    assert not RoleGrant.objects.filter(user=person.user, ended_at__isnull=True).exists()


def test_a_death_needs_two_people_and_passes_the_points(places, admin, verifier):
    person = make_resident(places.village, "王一", household_number="3")
    daughter = make_resident(places.village, "王女", household_number="3")
    give(person, 900)
    case = cases.propose_death(resident=person, died_on=DAY, heir=daughter, reason="女儿来报", actor=admin)
    with pytest.raises(CaseOpen):
        cases.propose_death(resident=person, died_on=DAY, heir=None, reason="又报", actor=admin)
    with pytest.raises(OtherPersonNeeded):
        cases.decide_case(case=case, agreed=True, actor=admin)
    assert points_of(person) == 900
    done = cases.decide_case(case=case, agreed=True, actor=verifier)
    person.refresh_from_db()
    assert (done.status, person.status, person.died_on) == ("done", Resident.Status.CLOSED, DAY)
    assert (points_of(person), points_of(daughter)) == (0, 900)
    assert not person.user.is_active
    assert person.user.phone is None
    assert Event.objects.filter(kind="resident_died").count() == 1


def test_without_kin_the_points_go_to_the_pool(places, admin, verifier):
    person = make_resident(places.village, "王一")
    give(person, 900)
    case = cases.propose_death(resident=person, died_on=DAY, heir=None, reason="邻居来报", actor=admin)
    cases.decide_case(case=case, agreed=True, actor=verifier)
    assert ledger_read.balance_of(f"pool:region:{places.village.pk}").total == 900


def test_the_database_refuses_one_person_for_both_steps(places, admin):
    person = make_resident(places.village)
    case = cases.propose_death(resident=person, died_on=DAY, heir=None, reason="报", actor=admin)
    with pytest.raises(IntegrityError), transaction.atomic():
        ResidentCase.objects.filter(pk=case.pk).update(decided_by=admin)


# -- Merged ------------------------------------------------------------------------------------------------------------
def test_two_registrations_become_one_person(places, admin, verifier):
    gone = make_resident(places.village, "王秀英", id_number="11010519491231002X")
    stays = make_resident(places.village, "王秀英", signs_in=False)
    give(gone, 400)
    give(stays, 100)
    card = services.issue_card(resident=gone, actor=admin, pin="2580")
    helper = make_resident(places.village, "侄子").user
    services.add_proxy(resident=gone, helper=helper, relation="kin", actor=gone.user)
    case = cases.propose_merge(resident=gone, into=stays, reason="本人来办，看了身份证", actor=admin)
    labels = dict(merging.preview(gone))
    assert labels  # cards and helpers are named before anything is done
    with pytest.raises(OtherPersonNeeded):
        cases.decide_case(case=case, agreed=True, actor=admin)
    page = signed_in(verifier).get(reverse("registry:case", args=[case.pk])).content.decode()
    assert stays.volunteer_number in page
    signed_in(verifier).post(reverse("registry:case", args=[case.pk]), {"decision": "agree"})
    for registration in (gone, stays):
        registration.refresh_from_db()
    assert (gone.status, gone.merged_into, gone.user) == (Resident.Status.CLOSED, stays, None)
    assert (points_of(gone), points_of(stays)) == (0, 500)
    assert stays.user is not None
    assert stays.id_number_digest
    card.refresh_from_db()
    assert (card.resident, card.status) == (stays, "active")
    assert stays.proxies.get(until__isnull=True).helper == helper
    assert selectors.resident_by_number(gone.volunteer_number) == stays
    assert selectors.resident_by_number(card.number) == stays
    assert selectors.card_holder(card.number) == stays
    assert stays in selectors.residents_for(admin, text=gone.volunteer_number)
    assert Event.objects.filter(kind="resident_merged").count() == 1


def test_a_person_with_two_cards_keeps_the_one_of_the_registration_that_stays(places, admin, verifier):
    gone, stays = (make_resident(places.village, "王秀英", signs_in=False) for _ in range(2))
    old, new = (services.issue_card(resident=registration, actor=admin, pin="2580") for registration in (gone, stays))
    case = cases.propose_merge(resident=gone, into=stays, reason="一个人", actor=admin)
    cases.decide_case(case=case, agreed=True, actor=verifier)
    for card in (old, new):
        card.refresh_from_db()
        assert card.resident == stays
    assert (old.status, new.status) == ("blocked", "active")


def test_two_id_numbers_are_two_people(places, admin):
    gone = make_resident(places.village, "王秀英", id_number="11010519491231002X")
    stays = make_resident(places.village, "王秀英", id_number="990000196507189604")
    with pytest.raises(DifferentPeople):
        cases.propose_merge(resident=gone, into=stays, reason="像", actor=admin)
    with pytest.raises(DifferentPeople):
        cases.propose_merge(resident=gone, into=gone, reason="像", actor=admin)


def test_a_refused_merge_changes_nothing(places, admin, verifier):
    gone, stays = (make_resident(places.village, "王秀英") for _ in range(2))
    case = cases.propose_merge(resident=gone, into=stays, reason="像", actor=admin)
    cases.decide_case(case=case, agreed=False, actor=verifier)
    gone.refresh_from_db()
    assert gone.status == Resident.Status.ACTIVE
    assert gone.merged_into is None


# -- Households and corrections ----------------------------------------------------------------------------------------
def test_a_household_is_joined_left_and_headed(places, admin):
    person = make_resident(places.village, "王一")
    other = make_resident(places.village, "王二", household_number="12")
    joined = households.set_household(resident=person, number="１２号", actor=admin)
    assert joined.household == other.household
    household = households.set_head(household=joined.household, resident=joined, actor=admin)
    assert household.head == person
    households.set_household(resident=joined, number="", actor=admin)
    household.refresh_from_db()
    person.refresh_from_db()
    assert (person.household, household.head) == (None, None)
    with pytest.raises(NotKin):
        households.set_head(household=household, resident=person, actor=admin)


def test_nobody_changes_their_own_household(places):
    mine = make_resident(places.village, "于管理", household_number="1")
    services.grant_role(user=mine.user, role="village_admin", actor=None, region=places.village)
    with pytest.raises(ConflictOfInterest):
        households.set_household(resident=mine, number="2", actor=mine.user)


def test_kin_are_the_household_and_family_helpers(places):
    person = make_resident(places.village, "王一", household_number="3")
    wife = make_resident(places.village, "李氏", household_number="3")
    nephew = make_resident(places.sister, "侄子")
    neighbour = make_resident(places.village, "邻居")
    services.add_proxy(resident=person, helper=nephew.user, relation="kin", actor=person.user)
    services.add_proxy(resident=person, helper=neighbour.user, relation="village", actor=person.user)
    assert {kin.pk for kin in kin_of(person)} == {wife.pk, nephew.pk}


def test_a_correction_is_asked_once_and_answered_with_a_reason(places, admin, resident):
    client = signed_in(resident.user)
    client.post(reverse("registry:my_correction"), {"text": "出生日期是1968年"})
    request = resident.correction_requests.get()
    with pytest.raises(AlreadyAsked):
        corrections.ask_correction(resident=resident, text="又问", actor=resident.user)
    with pytest.raises(NotAllowed):
        corrections.ask_correction(resident=resident, text="x", actor=admin)
    with pytest.raises(ReasonMissing):
        corrections.answer_correction(request=request, done=False, answer=" ", actor=admin)
    signed_in(admin).post(
        reverse("registry:correction", args=[request.pk]), {"done": "no", "answer": "身份证上写的是1986年"}
    )
    assert "身份证上写的是1986年" in client.get(reverse("registry:my_correction")).content.decode()
    assert Event.objects.filter(kind="correction_answered").count() == 1
    corrections.ask_correction(resident=resident, text="再问一次", actor=resident.user)


# -- Paper -------------------------------------------------------------------------------------------------------------
def test_many_cards_stand_on_one_sheet(places, admin, query_budget):
    client = signed_in(admin)
    url = reverse("registry:card_sheet", args=[places.village.pk])
    client.get(url)
    for number in range(12):
        person = make_resident(places.village, f"王{number}", signs_in=False, household_number=str(number % 3))
        services.issue_card(resident=person, actor=admin, pin="2580")
    with query_budget(8):  # two of them say who looked
        page = client.get(url).content.decode()
    assert page.count('class="idcard"') == 12
    assert AuditEntry.objects.filter(action="print_cards", facts__rows=12).exists()
    assert signed_in(make_staff("village_admin", places.sister)).get(url).status_code == 404


def test_the_passbook_tells_every_line(places, admin, elder):
    give(elder, 1250)
    page = signed_in(admin).get(reverse("registry:passbook", args=[elder.pk])).content.decode()
    assert "王奶奶" in page
    assert "12.5" in page
    assert AuditEntry.objects.filter(action="print_passbook").exists()
    assert (
        signed_in(make_staff("village_admin", places.sister))
        .get(reverse("registry:passbook", args=[elder.pk]))
        .status_code
        == 404
    )


@pytest.mark.parametrize(("name", "count"), [("cases", 10), ("corrections", 8), ("households", 9)])
def test_lists_take_the_same_queries_for_many_rows(places, admin, query_budget, name, count):
    client = signed_in(admin)
    url = reverse(f"registry:{name}", args=[places.village.pk])
    client.get(url)
    for number in range(30):
        person = make_resident(places.village, f"王{number}", household_number=str(number))
        corrections.ask_correction(resident=person, text="错了", actor=person.user)
        cases.propose_death(resident=person, died_on=DAY, heir=None, reason="报", actor=admin)
    with query_budget(count):
        assert client.get(url).status_code == 200
