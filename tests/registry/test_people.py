"""Residents, cards, helpers, roles, organisations, the trail."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from tests.support.people import PASSWORD, make_resident, make_staff, new_phone
from timebank.ledger import selectors as ledger_read
from timebank.registry import ids, rules, selectors, services
from timebank.registry.errors import (
    AlreadyGranted,
    AlreadyHelper,
    AlreadyRegistered,
    CardBlocked,
    ConsentMissing,
    DutiesClash,
    HasCard,
    InvalidPhone,
    InvalidUscc,
    NoPin,
    NoSelfHelp,
    NotAllowed,
    NotAVillage,
    NotWaiting,
    OrganisationExists,
    PhoneTaken,
    PinLocked,
    ResidentClosed,
    ResidentNotActive,
    RoleNeedsPlace,
    UnknownCard,
    WeakPin,
    WrongPin,
)
from timebank.registry.models import AuditEntry, Card, Consent, Organisation, Resident, RoleGrant, User
from timebank.registry.rules import Action, can, regions_where
from timebank.registry.services.residents import CONSENT_VERSION

ID_NUMBER = "11010519491231002X"


# -- Residents ---------------------------------------------------------------------------------------------------------
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
    with pytest.raises(InvalidPhone):
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
        services.refuse_resident(resident=made, actor=admin, why="late")


def test_a_newcomer_refused_is_closed_with_the_reason(places, admin):
    made = services.apply_to_join(
        village=places.village, name="路人", phone=new_phone(), password=PASSWORD, consent_version=CONSENT_VERSION
    )
    refused = services.refuse_resident(resident=made, actor=admin, why="不住本村")
    assert (refused.status, refused.closed_why) == (Resident.Status.CLOSED, "不住本村")


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
        services.close_resident(resident=resident, actor=stranger.user, why="x")
    with pytest.raises(NotAllowed):
        services.withdraw_consent(resident=resident, actor=stranger.user)
    resident.refresh_from_db()
    assert resident.status == Resident.Status.ACTIVE


def test_a_resident_corrects_the_phone_and_the_village_the_name(places, admin, resident):
    phone = new_phone()
    services.correct_resident(resident=resident, actor=resident.user, phone=phone, emergency_contact="女儿")
    resident.refresh_from_db()
    assert (resident.phone, resident.user.phone, resident.emergency_contact) == (phone, phone, "女儿")
    with pytest.raises(NotAllowed):
        services.correct_resident(resident=resident, actor=resident.user, name="新名字")
    services.correct_resident(resident=resident, actor=admin, name="于大妈", household_number="9")
    resident.refresh_from_db()
    assert (resident.name, resident.user.name, resident.household.number) == ("于大妈", "于大妈", "9")
    entry = AuditEntry.objects.filter(action="correct_resident").latest("pk")
    assert entry.facts == {"fields": ["name", "household"]}


def test_a_corrected_phone_may_not_be_anothers(places, resident):
    other = make_resident(places.village, "别人")
    with pytest.raises(PhoneTaken):
        services.correct_resident(resident=resident, actor=resident.user, phone=other.phone)
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


# -- Cards -------------------------------------------------------------------------------------------------------------
def test_a_card_opens_with_its_pin_and_only_with_it(admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    assert "2580" not in card.pin_hash
    assert services.check_pin(card_number=f" {card.number.lower()} ", pin="2580") == card
    with pytest.raises(WrongPin) as refusal:
        services.check_pin(card_number=card.number, pin="2581")
    assert refusal.value.params["left"] == 4
    with pytest.raises(UnknownCard):
        services.check_pin(card_number="AAAAAAAAAA", pin="2580")


def test_wrong_pins_pause_the_card_then_block_it(admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    now = timezone.now()

    def fail(moment):
        with pytest.raises((WrongPin, PinLocked, CardBlocked)) as refusal:
            services.check_pin(card_number=card.number, pin="9999", now=moment)
        return refusal.value.code

    assert [fail(now) for _ in range(5)] == ["wrong_pin"] * 4 + ["pin_locked"]
    with pytest.raises(PinLocked):
        services.check_pin(card_number=card.number, pin="2580", now=now)
    later = now + dt.timedelta(minutes=16)
    assert [fail(later) for _ in range(5)][-1] == "pin_locked"
    latest = later + dt.timedelta(minutes=16)
    assert [fail(latest) for _ in range(5)][-1] == "card_blocked"
    card.refresh_from_db()
    assert card.status == Card.Status.BLOCKED
    assert AuditEntry.objects.filter(action="pin_refused", subject=f"card:{card.number}").count() == 3


def test_the_right_pin_forgets_wrong_ones(admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    for _ in range(4):
        with pytest.raises(WrongPin):
            services.check_pin(card_number=card.number, pin="9999")
    services.check_pin(card_number=card.number, pin="2580")
    card.refresh_from_db()
    assert card.pin_failures == 0


def test_a_card_without_pin_spends_nothing(admin, resident):
    card = services.issue_card(resident=resident, actor=admin)
    with pytest.raises(NoPin):
        services.check_pin(card_number=card.number, pin="")
    services.set_pin(card=card, pin="2580", actor=resident.user)
    assert services.check_pin(card_number=card.number, pin="2580") == card


@pytest.mark.parametrize("pin", ["1234", "8765", "0000", "777777", "12", "1234567", "12a4", "１３５７"])
def test_a_pin_that_is_guessed_at_once_is_refused(admin, resident, pin):
    with pytest.raises(WeakPin):
        services.issue_card(resident=resident, actor=admin, pin=pin)
    assert not Card.objects.exists()


def test_one_card_at_a_time(admin, resident):
    first = services.issue_card(resident=resident, actor=admin)
    with pytest.raises(HasCard):
        services.issue_card(resident=resident, actor=admin)
    second = services.replace_card(card=first, actor=admin, pin="2580", why="lost")
    first.refresh_from_db()
    assert (first.status, first.blocked_why) == (Card.Status.BLOCKED, "lost")
    assert selectors.active_card(resident) == second
    assert selectors.card_holder(second.number) == resident
    with pytest.raises(CardBlocked):
        selectors.card_holder(first.number)


def test_holder_helper_and_village_may_block_and_nobody_else(places, admin, elder):
    card = services.issue_card(resident=elder, actor=admin, pin="2580")
    nephew = make_resident(places.village, "侄子")
    with pytest.raises(NotAllowed):
        services.block_card(card=card, actor=nephew.user)
    card.refresh_from_db()
    assert card.status == Card.Status.ACTIVE
    services.add_proxy(resident=elder, helper=nephew.user, relation="kin", actor=admin)
    services.block_card(card=card, actor=nephew.user, why="丢了")
    entry = AuditEntry.objects.get(action="block_card")
    assert (entry.actor, entry.on_behalf_of) == (nephew.user, elder)


@pytest.mark.parametrize("role", ["verifier", "stock_keeper", "clerk", "town_admin"])
def test_only_the_village_admin_issues_cards(places, resident, role):
    with pytest.raises(NotAllowed):
        services.issue_card(resident=resident, actor=make_staff(role, places.village))
    assert not Card.objects.exists()


# -- Helpers -----------------------------------------------------------------------------------------------------------
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


# -- Roles -------------------------------------------------------------------------------------------------------------
def test_a_grant_covers_the_region_and_all_below_and_nothing_else(places):
    town_admin = make_staff("town_admin", places.town)
    assert can(town_admin, Action.VIEW_VILLAGE, places.village)
    assert can(town_admin, Action.VIEW_VILLAGE, places.town)
    assert not can(town_admin, Action.VIEW_VILLAGE, places.stranger)
    assert not can(town_admin, Action.VIEW_VILLAGE, places.county)
    assert not can(town_admin, Action.VERIFY_RECORD, places.village)
    assert set(regions_where(town_admin, Action.VIEW_VILLAGE)) == {places.town, places.village, places.sister}
    assert not regions_where(town_admin, Action.VERIFY_RECORD).exists()
    assert list(selectors.villages_of(town_admin)) == [places.village, places.sister]


def test_supplier_staff_hand_over_at_their_organisation_only(places):
    bath = services.register_organisation(name="澡堂", kind="supplier", region=places.village, actor=None)
    barber = services.register_organisation(name="理发店", kind="supplier", region=places.village, actor=None)
    clerk = make_staff("supplier_staff", organisation=bath)
    assert can(clerk, Action.HAND_OVER, organisation=bath)
    assert can(clerk, Action.HAND_OVER)
    assert not can(clerk, Action.HAND_OVER, organisation=barber)
    assert not can(clerk, Action.HAND_OVER, places.village)
    assert list(rules.organisations_where(clerk, Action.HAND_OVER)) == [bath]
    assert not regions_where(clerk, Action.HAND_OVER).exists()


def test_nobody_and_the_closed_may_nothing(places, admin):
    from django.contrib.auth.models import AnonymousUser

    assert not can(AnonymousUser(), Action.VIEW_VILLAGE, places.village)
    assert not can(None, Action.VIEW_VILLAGE, places.village)
    admin.is_active = False
    assert not can(admin, Action.VIEW_VILLAGE, places.village)


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
    assert can(friend, Action.LEAD_ACTIVITY, places.village)


def test_an_operator_appoints_but_neither_verifies_nor_stocks(places):
    operator = User.objects.create_superuser(username="operator", password=PASSWORD)
    assert can(operator, Action.VIEW_VILLAGE, places.village)
    for action in (Action.VERIFY_RECORD, Action.RECEIVE_STOCK, Action.HAND_OVER, Action.CARD_SALE):
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
    assert can(admin, Action.VERIFY_RECORD, places.village)
    with pytest.raises(NotAllowed):
        services.end_role(grant=grant, actor=make_staff("leader", places.village))
    services.end_role(grant=grant, actor=town)
    assert not can(User.objects.get(pk=admin.pk), Action.VERIFY_RECORD, places.village)


# -- Organisations -----------------------------------------------------------------------------------------------------
def test_an_organisation_is_known_by_its_checked_code(places, admin):
    made = services.register_organisation(
        name="合作社", kind="supplier", region=places.village, actor=admin, uscc=" 93371082ma3c123466 "
    )
    assert (made.uscc, made.status) == ("93371082MA3C123466", Organisation.Status.ACTIVE)
    with pytest.raises(OrganisationExists):
        services.register_organisation(
            name="另一个", kind="supplier", region=places.village, actor=admin, uscc="93371082MA3C123466"
        )
    with pytest.raises(InvalidUscc):
        services.register_organisation(
            name="假的", kind="supplier", region=places.village, actor=admin, uscc="93371082MA3C123467"
        )
    assert Organisation.objects.count() == 1


def test_an_organisation_registered_by_anyone_waits(places, resident):
    made = services.register_organisation(
        name="企业", kind="enterprise", region=places.village, actor=resident.user, uscc="91371082MA3E90127N"
    )
    assert made.status == Organisation.Status.PENDING


# -- The trail ---------------------------------------------------------------------------------------------------------
def test_an_audit_entry_is_never_changed(places, admin):
    entry = services.record_audit(actor=admin, action="x", subject="y:1", region=places.village)
    entry.why = "other"
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(TypeError):
        AuditEntry.objects.all().delete()
    with pytest.raises(TypeError):
        AuditEntry.objects.update(why="other")
    with pytest.raises(DatabaseError), transaction.atomic():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("UPDATE registry_auditentry SET why = 'other' WHERE id = %s", [entry.pk])
    entry.refresh_from_db()
    assert entry.why == ""
