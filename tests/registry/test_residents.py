"""Residents: registered with consent, corrected, closed, seen by their own desk only."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import Http404

from tests.factories.people import PASSWORD, make_resident, make_staff, new_phone
from timebank.common.input import InvalidInput
from timebank.common.models import Event
from timebank.ledger import selectors as ledger_read
from timebank.registry import ids, selectors, services
from timebank.registry.errors import (
    AlreadyRegistered,
    CardBlocked,
    ConsentMissing,
    NotAllowed,
    NotAVillage,
    NotWaiting,
    PhoneTaken,
    ResidentClosed,
    ResidentNotActive,
)
from timebank.registry.models import AuditEntry, Card, Consent, Resident, User
from timebank.registry.services.residents import CONSENT_VERSION

ID_NUMBER = "11010519491231002X"


def test_registering_opens_a_wallet_a_sign_in_and_keeps_consent(places, admin):
    made = services.register_resident(
        village=places.village,
        name=" 王小明 ",
        actor=admin,
        phone="+86 138 1234 5678",
        password=PASSWORD,
        id_number="11010519491231002x",
        household_number="12",
        consent_on_paper=True,
    )
    assert (made.name, made.phone, made.status) == ("王小明", "13812345678", Resident.Status.ACTIVE)
    assert made.birth_date == dt.date(1949, 12, 31)
    assert made.user.check_password(PASSWORD)
    assert ledger_read.balance_of(made.wallet_key).total == 0
    assert ledger_read.balance_of(f"issuance:region:{places.village.pk}").total == 0
    consent = Consent.objects.get(resident=made)
    assert (consent.on_paper, consent.taken_by, consent.version) == (True, admin, CONSENT_VERSION)
    entry = AuditEntry.objects.get(action="register_resident")
    assert (entry.actor, entry.subject, entry.region) == (admin, f"resident:{made.pk}", places.village)


def test_id_number_is_encrypted_at_rest_and_the_person_found_again(places, admin):
    made = make_resident(places.village, id_number=ID_NUMBER)
    assert ID_NUMBER not in made.id_number_encrypted
    assert ids.decrypt(made.id_number_encrypted) == ID_NUMBER
    assert not AuditEntry.objects.filter(facts__icontains=ID_NUMBER).exists()
    with pytest.raises(AlreadyRegistered):
        make_resident(places.sister, "同一个人", id_number=ID_NUMBER.lower())
    assert Resident.objects.filter(name="同一个人").count() == 0


def test_registering_twice_in_one_household_shares_it(places, admin):
    one = make_resident(places.village, household_number="7")
    two = make_resident(places.village, "二姐", household_number="7")
    other = make_resident(places.sister, "三姐", household_number="7")
    assert selectors.same_household(one, two)
    assert not selectors.same_household(one, other)
    assert selectors.same_household(one, one)
    assert not selectors.same_household(make_resident(places.village, "甲"), make_resident(places.village, "乙"))


@pytest.mark.parametrize("phone", ["12345678901", "1381234567", "138123456789", "call me"])
def test_a_wrong_mobile_number_is_refused(places, admin, phone):
    with pytest.raises(InvalidInput):
        services.register_resident(village=places.village, name="甲", actor=admin, phone=phone, password=PASSWORD)
    assert not Resident.objects.exists()


def test_a_mobile_number_signs_in_one_account(places, admin, resident):
    with pytest.raises(PhoneTaken):
        services.register_resident(
            village=places.village, name="乙", actor=admin, phone=resident.phone, password=PASSWORD
        )
    assert Resident.objects.count() == 1


def test_nobody_is_registered_without_consent_or_above_a_village(places, admin):
    with pytest.raises(ConsentMissing):
        services.register_resident(village=places.village, name="甲", actor=admin, consent_version="")
    with pytest.raises(NotAVillage):
        services.register_resident(village=places.town, name="甲", actor=None)
    assert not Resident.objects.exists()


@pytest.mark.parametrize("role", ["verifier", "stock_keeper", "clerk", "leader", "town_admin", "auditor"])
def test_only_the_village_admin_registers(places, role):
    with pytest.raises(NotAllowed):
        services.register_resident(village=places.village, name="甲", actor=make_staff(role, places.village))
    assert not Resident.objects.exists()


def test_another_village_does_not_register_here(places, admin):
    with pytest.raises(NotAllowed):
        services.register_resident(village=places.sister, name="甲", actor=admin)
    assert not Resident.objects.exists()


def test_a_newcomer_waits_until_the_village_accepts(places, admin):
    made = services.apply_to_join(
        village=places.village, name="新人", phone=new_phone(), password=PASSWORD, consent_version=CONSENT_VERSION
    )
    assert made.status == Resident.Status.PENDING
    with pytest.raises(ResidentNotActive):
        services.issue_card(resident=made, actor=admin)
    with pytest.raises(NotAllowed):
        services.accept_resident(resident=made, actor=make_staff("village_admin", places.sister))
    made.refresh_from_db()
    assert made.status == Resident.Status.PENDING
    accepted = services.accept_resident(resident=made, actor=admin)
    assert accepted.status == Resident.Status.ACTIVE
    assert ledger_read.balance_of(accepted.wallet_key).total == 0
    with pytest.raises(NotWaiting):
        services.accept_resident(resident=made, actor=admin)
    with pytest.raises(NotWaiting):
        services.refuse_resident(resident=made, actor=admin, reason="late")


def test_a_newcomer_refused_is_closed_with_the_reason(places, admin):
    made = services.apply_to_join(
        village=places.village, name="路人", phone=new_phone(), password=PASSWORD, consent_version=CONSENT_VERSION
    )
    refused = services.refuse_resident(resident=made, actor=admin, reason="不住本村")
    assert (refused.status, refused.closed_reason) == (Resident.Status.CLOSED, "不住本村")


def test_an_old_consent_text_is_not_consent(places):
    with pytest.raises(ConsentMissing):
        services.apply_to_join(
            village=places.village, name="新人", phone=new_phone(), password=PASSWORD, consent_version="2019-01"
        )
    assert not User.objects.filter(name="新人").exists()


def test_leaving_closes_everything_and_deletes_nothing(places, admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    helper = make_staff("leader", places.village)
    services.add_proxy(resident=resident, helper=helper, relation="kin", actor=resident.user)
    services.withdraw_consent(resident=resident, actor=resident.user)
    resident.refresh_from_db()
    card.refresh_from_db()
    assert resident.status == Resident.Status.CLOSED
    assert card.status == Card.Status.BLOCKED
    assert not resident.consents.filter(withdrawn_at__isnull=True).exists()
    assert not resident.proxies.filter(until__isnull=True).exists()
    assert not resident.residences.filter(until__isnull=True).exists()
    assert resident.name == "于大姐"
    with pytest.raises(CardBlocked):
        services.check_pin(card_number=card.number, pin="2580")
    with pytest.raises(ResidentClosed):
        services.issue_card(resident=resident, actor=admin)
    with pytest.raises(ResidentClosed):
        services.withdraw_consent(resident=resident, actor=resident.user)


def test_a_stranger_closes_nobody(places, resident):
    stranger = make_resident(places.village, "路人")
    with pytest.raises(NotAllowed):
        services.close_resident(resident=resident, actor=stranger.user, reason="x")
    with pytest.raises(NotAllowed):
        services.withdraw_consent(resident=resident, actor=stranger.user)
    resident.refresh_from_db()
    assert resident.status == Resident.Status.ACTIVE


def test_the_village_corrects_phone_and_name_and_nobody_their_own_phone(places, admin, resident):
    phone, before, epoch = new_phone(), resident.phone, resident.user.sign_in_epoch
    with pytest.raises(NotAllowed):
        services.correct_resident(resident=resident, actor=resident.user, phone=phone)
    services.correct_resident(resident=resident, actor=resident.user, emergency_contact="女儿")
    services.correct_resident(resident=resident, actor=admin, phone=phone)
    resident = Resident.objects.get(pk=resident.pk)
    assert (resident.phone, resident.user.phone, resident.emergency_contact) == (phone, phone, "女儿")
    change = resident.user.phone_changes.get()
    assert (change.old_phone, change.new_phone, change.done_by) == (before, phone, admin)
    assert resident.user.sign_in_epoch == epoch + 1
    assert Event.objects.filter(kind="phone_changed", recipients=[f"user:{resident.user_id}"]).count() == 1
    with pytest.raises(NotAllowed):
        services.correct_resident(resident=resident, actor=resident.user, name="新名字")
    services.correct_resident(resident=resident, actor=admin, name="于大妈", household_number="9")
    resident.refresh_from_db()
    assert (resident.name, resident.user.name, resident.household.number) == ("于大妈", "于大妈", "9")
    entry = AuditEntry.objects.filter(action="correct_resident").latest("pk")
    assert entry.facts == {"fields": ["name", "household"]}


def test_a_corrected_phone_may_not_be_anothers(places, admin, resident):
    other = make_resident(places.village, "别人")
    with pytest.raises(PhoneTaken):
        services.correct_resident(resident=resident, actor=admin, phone=other.phone)
    resident.refresh_from_db()
    assert resident.phone != other.phone


def test_rotating_keys_rewrites_numbers_and_digests(places, settings):
    from cryptography.fernet import Fernet

    made = make_resident(places.village, id_number=ID_NUMBER)
    new = Fernet.generate_key().decode()
    settings.ID_NUMBER_KEYS = [new, *settings.ID_NUMBER_KEYS]
    assert services.rotate_id_numbers() == 1
    settings.ID_NUMBER_KEYS = [new]
    made.refresh_from_db()
    assert ids.decrypt(made.id_number_encrypted) == ID_NUMBER
    assert made.id_number_digest == ids.digest(ID_NUMBER)


def test_residents_are_seen_by_their_own_desk_only(places, admin, resident):
    far = make_resident(places.stranger, "远人")
    assert list(selectors.residents_for(admin)) == [resident]
    assert selectors.get_resident_for(admin, resident.pk) == resident
    assert selectors.get_resident_for(resident.user, resident.pk) == resident
    for actor in (make_staff("village_admin", places.stranger), far.user, make_staff("clerk", places.village)):
        with pytest.raises(Http404):
            selectors.get_resident_for(actor, resident.pk)
    with pytest.raises(Http404):
        selectors.get_resident_for(admin, 10**9)


def test_residents_are_found_by_name_number_phone_and_card(places, admin, resident):
    card = services.issue_card(resident=resident, actor=admin)
    make_resident(places.village, "别人")
    for text in ("大姐", resident.phone[:6] + resident.phone[6:], resident.volunteer_number, card.number.lower()):
        assert list(selectors.residents_for(admin, text=text)) == [resident]
