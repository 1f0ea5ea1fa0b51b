"""Taking residents in, correcting them, letting them leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from timebank.common import events
from timebank.common.input import clean_text, person_name
from timebank.common.input import phone as read_phone
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.registry import codes, ids
from timebank.registry.errors import (
    AlreadyRegistered,
    ConsentMissing,
    InvalidPhone,
    LooksAlike,
    NotAllowed,
    NotAVillage,
    NotKin,
    NotWaiting,
    PhoneTaken,
    PointsLeft,
    ResidentClosed,
)
from timebank.registry.imports.duplicates import lookalikes
from timebank.registry.imports.matching import remember_distinct
from timebank.registry.interests import require_no_interest
from timebank.registry.models import Card, Consent, HelperRequest, Proxy, Region, Residence, Resident, RoleGrant, User
from timebank.registry.rules import REGISTER_RESIDENT, require, require_open
from timebank.registry.services import points
from timebank.registry.services.audit import record_audit
from timebank.registry.services.households import household_at, put_in_household
from timebank.registry.services.phones import free_phone, put_phone
from timebank.registry.services.second_factor import require_may_give_sign_in

CONSENT_VERSION = "2026-11"  # of templates/registry/_consent_text.html; a changed text gets a new version


def open_village_accounts(*, village: Region) -> None:
    """Open the village's ledger accounts for minting and for expired points; again does nothing."""
    for kind in ("issuance", "expired"):
        ledger.open_account(key=f"{kind}:region:{village.pk}", kind="system", owner=village.short_name)


def _open_wallet(resident: Resident) -> None:
    open_village_accounts(village=resident.village)
    ledger.open_account(
        key=resident.wallet_key,
        kind="wallet",
        owner=f"resident:{resident.pk}",
        expires_to=f"expired:region:{resident.village_id}",
    )


def check_village(village: Region) -> None:
    if village.level != Region.Level.VILLAGE or not village.is_active:
        raise NotAVillage(field="village")


def make_user(*, name: str, phone: str, password: str | None, username: str, now: dt.datetime) -> User:
    free_phone(phone, now=now)
    if User.objects.filter(phone=phone).exists():
        raise PhoneTaken(field="phone")
    fields = {"username": username} if username else {}
    try:
        with transaction.atomic():
            return User.objects.create_user(
                name=name, phone=phone or None, password=password, date_joined=now, **fields
            )
    except IntegrityError:
        raise PhoneTaken(field="phone") from None


def _make_resident(
    *,
    village: Region,
    name: str,
    user: User | None,
    phone: str,
    birth_date: dt.date | None,
    id_number: str,
    household_number: str,
    status: str,
    consent_on_paper: bool,
    consent_version: str,
    taken_by: User | None,
    now: dt.datetime,
) -> Resident:
    number = ids.validate(id_number, today=timezone.localdate(now)) if id_number else ""
    digest = ids.digest(number) if number else ""
    if digest and Resident.objects.filter(id_number_digest=digest).exists():
        raise AlreadyRegistered(field="id_number")
    household = household_at(village, household_number, now=now)
    for _attempt in range(5):
        volunteer_number = codes.new_volunteer_number()
        if not Resident.objects.filter(volunteer_number=volunteer_number).exists():
            break
    try:
        with transaction.atomic():
            resident = Resident.objects.create(
                user=user,
                volunteer_number=volunteer_number,
                name=person_name(name),
                birth_date=birth_date or (ids.birth_date(number) if number else None),
                phone=phone,
                id_number_encrypted=ids.encrypt(number) if number else "",
                id_number_digest=digest,
                village=village,
                household=household,
                status=status,
                registered_by=taken_by,
                created_at=now,
            )
    except IntegrityError:
        raise AlreadyRegistered(field="id_number") from None
    Residence.objects.create(resident=resident, village=village, since=timezone.localdate(now))
    Consent.objects.create(
        resident=resident, version=consent_version, given_at=now, taken_by=taken_by, on_paper=consent_on_paper
    )
    return resident


@transaction.atomic
def register_resident(
    *,
    village: Region,
    name: str,
    actor: User | None,
    phone: str = "",
    password: str | None = None,
    birth_date: dt.date | None = None,
    id_number: str = "",
    household_number: str = "",
    consent_on_paper: bool = False,
    consent_version: str = CONSENT_VERSION,
    username: str = "",
    different_from: Collection[int] | None = None,
    now: dt.datetime | None = None,
) -> Resident:
    """Take a resident in at the village desk: person, wallet and, with phone and password, a sign-in.

    ``actor`` is nobody only for the machine itself (a load command). Without a consent version nobody is registered.
    ``different_from`` are residents who look alike and are said to be others; ``LooksAlike`` names those not said yet
    (None: not asked at all).
    """
    if actor is not None:
        require(actor, REGISTER_RESIDENT, village)
    check_village(village)
    if not consent_version:
        raise ConsentMissing
    now = now or timezone.now()
    phone = read_phone(phone)
    if different_from is not None:
        alike = lookalikes(
            village=village,
            name=name,
            birth_date=birth_date,
            phone=phone,
            household_number=household_number,
            id_number=id_number,
        )
        if any(resident.pk not in different_from for resident in alike):
            raise LooksAlike(residents=[resident.pk for resident in alike])
    user = None
    if phone and password:
        user = make_user(name=person_name(name), phone=phone, password=password, username=username, now=now)
    resident = _make_resident(
        village=village,
        name=name,
        user=user,
        phone=phone,
        birth_date=birth_date,
        id_number=id_number,
        household_number=household_number,
        status=Resident.Status.ACTIVE,
        consent_on_paper=consent_on_paper,
        consent_version=consent_version,
        taken_by=actor,
        now=now,
    )
    if different_from:
        remember_distinct(
            [(resident.pk, other) for other in different_from],
            decided_by_id=actor.pk if actor is not None else None,
            now=now,
        )
    _open_wallet(resident)
    record_audit(actor=actor, action="register_resident", subject=f"resident:{resident.pk}", region=village, now=now)
    return resident


@transaction.atomic
def apply_to_join(
    *,
    village: Region,
    name: str,
    phone: str,
    password: str,
    consent_version: str,
    birth_date: dt.date | None = None,
    household_number: str = "",
    now: dt.datetime | None = None,
) -> Resident:
    """Let a person ask their village for an account; the village accepts or refuses."""
    check_village(village)
    require_open(village)
    if consent_version != CONSENT_VERSION:
        raise ConsentMissing(field="consent")
    now = now or timezone.now()
    phone = read_phone(phone)
    if not phone:
        raise InvalidPhone(field="phone")
    user = make_user(name=person_name(name), phone=phone, password=password, username="", now=now)
    resident = _make_resident(
        village=village,
        name=name,
        user=user,
        phone=phone,
        birth_date=birth_date,
        id_number="",
        household_number=household_number,
        status=Resident.Status.PENDING,
        consent_on_paper=False,
        consent_version=consent_version,
        taken_by=None,
        now=now,
    )
    record_audit(actor=user, action="apply_to_join", subject=f"resident:{resident.pk}", region=village, now=now)
    return resident


def lock_resident(resident: Resident) -> Resident:
    return Resident.objects.select_for_update(of=("self",)).select_related("village", "user").get(pk=resident.pk)


@transaction.atomic
def accept_resident(*, resident: Resident, actor: User, now: dt.datetime | None = None) -> Resident:
    """Accept a waiting resident: from now on the account earns and spends."""
    resident = lock_resident(resident)
    require(actor, REGISTER_RESIDENT, resident.village)
    if resident.status != Resident.Status.PENDING:
        raise NotWaiting
    resident.status = Resident.Status.ACTIVE
    changed = ["status"]
    if resident.registered_by_id is None:
        # Who let somebody in whom nobody else has seen does not verify their first hours.
        resident.registered_by = actor
        changed.append("registered_by")
    if resident.confirmed_at is None and resident.user_id is not None:
        # Who asked by their own sign-in is there: somebody else than the village brought this person in.
        resident.confirmed_at, resident.confirmed_how = now or timezone.now(), Resident.Confirmation.SIGN_IN
        changed += ["confirmed_at", "confirmed_how"]
    resident.save(update_fields=changed)
    _open_wallet(resident)
    record_audit(
        actor=actor, action="accept_resident", subject=f"resident:{resident.pk}", region=resident.village, now=now
    )
    _tell(resident, "account_accepted", now or timezone.now())
    return resident


@transaction.atomic
def refuse_resident(*, resident: Resident, actor: User, reason: str, now: dt.datetime | None = None) -> Resident:
    """Refuse a waiting resident with a reason; the sign-in stays and can ask the right village."""
    resident = lock_resident(resident)
    require(actor, REGISTER_RESIDENT, resident.village)
    if resident.status != Resident.Status.PENDING:
        raise NotWaiting
    now = now or timezone.now()
    _tell(resident, "account_refused", now, reason=reason)
    return _close(resident, actor=actor, reason=reason, action="refuse_resident", now=now)


def _tell(resident: Resident, kind: str, now: dt.datetime, **facts: str) -> None:
    """Say to a person what became of their request."""
    events.emit(
        kind,
        subject=resident,
        recipients=[resident],
        region=resident.village,
        facts={"village": resident.village.short_name, **facts},
        occurred_at=now,
    )


@transaction.atomic
def correct_resident(
    *,
    resident: Resident,
    actor: User,
    name: str | None = None,
    birth_date: dt.date | None = None,
    phone: str | None = None,
    emergency_contact: str | None = None,
    household_number: str | None = None,
    on_honour_roll: bool | None = None,
    reason: str = "",
    now: dt.datetime | None = None,
) -> Resident:
    """Correct a person's particulars: the village everything, the resident all but name, household and number.

    One's own number changes with proof (``services.phones``), never here.
    """
    resident = lock_resident(resident)
    own = resident.user_id is not None and resident.user_id == actor.pk
    if own and phone is not None and read_phone(phone) != resident.phone:
        raise NotAllowed(action="change_phone")
    if not own or any(value is not None for value in (name, household_number, birth_date)):
        require(actor, REGISTER_RESIDENT, resident.village)
    if resident.status == Resident.Status.CLOSED:
        raise ResidentClosed
    changed: list[str] = []

    def put(field: str, value: object) -> None:
        if getattr(resident, field) != value:
            setattr(resident, field, value)
            changed.append(field)

    if name is not None:
        put("name", person_name(name))
    if birth_date is not None:
        put("birth_date", birth_date)
    if phone is not None:
        put("phone", read_phone(phone))
    if emergency_contact is not None:
        put("emergency_contact", clean_text(emergency_contact))
    if on_honour_roll is not None:
        put("on_honour_roll", on_honour_roll)
    if household_number is not None:
        changed += _rehouse(resident, household_number, actor=actor, now=now or timezone.now())
    if not changed:
        return resident
    resident.save(update_fields=changed)
    if resident.user is not None:
        _follow(resident, resident.user, changed, actor=actor, now=now or timezone.now())
    # Which fields, not what they say: the trail must not become a second store of personal data.
    record_audit(
        actor=actor,
        action="correct_resident",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        reason=reason,
        facts={"fields": changed},
        now=now,
    )
    return resident


def _rehouse(resident: Resident, number: str, *, actor: User, now: dt.datetime) -> list[str]:
    """Put a locked resident into the household with this number, where it is another; return what changed."""
    household = household_at(resident.village, number, now=now)
    if household == resident.household:
        return []
    put_in_household(resident, household, actor=actor)
    return ["household"]


def _follow(resident: Resident, user: User, changed: list[str], *, actor: User, now: dt.datetime) -> None:
    """Carry name and phone into the sign-in of the same person."""
    if "name" in changed:
        user.name = resident.name
        user.save(update_fields=["name"])
    if "phone" in changed and resident.phone and resident.phone != user.phone:
        if user.pk != actor.pk:  # by the number a password can be set: who changes it could sign in as them
            require_may_give_sign_in(user, actor=actor, now=now)
        free_phone(resident.phone, now=now)
        if User.objects.filter(phone=resident.phone).exclude(pk=user.pk).exists():
            raise PhoneTaken(field="phone")
        try:
            with transaction.atomic():
                put_phone(user=user, phone=resident.phone, actor=actor, now=now)
        except IntegrityError:
            raise PhoneTaken(field="phone") from None


@transaction.atomic
def close_resident(*, resident: Resident, actor: User, reason: str, now: dt.datetime | None = None) -> Resident:
    """Close an account: who left, at their own wish or by the village. Nothing is deleted."""
    resident = lock_resident(resident)
    if resident.user_id is None or resident.user_id != actor.pk:
        require(actor, REGISTER_RESIDENT, resident.village)
    if resident.status == Resident.Status.CLOSED:
        return resident
    return _close(resident, actor=actor, reason=reason, action="close_resident", now=now or timezone.now())


def close_account(resident: Resident, *, actor: User, reason: str, now: dt.datetime) -> Resident:
    """Close a locked resident's account; whoever calls has checked the right."""
    return _close(resident, actor=actor, reason=reason, action="close_resident", now=now)


def close_registration(resident: Resident, *, reason: str, now: dt.datetime) -> None:
    """Close the row of a person who goes on under another number: cards and helpers stay, they move along."""
    resident.status, resident.closed_at, resident.closed_reason = Resident.Status.CLOSED, now, reason[:200]
    resident.save(update_fields=["status", "closed_at", "closed_reason"])
    resident.consents.filter(withdrawn_at__isnull=True).update(withdrawn_at=now)
    _end_residence(resident, now)


def _end_residence(resident: Resident, now: dt.datetime) -> None:
    today = timezone.localdate(now)
    for stay in resident.residences.filter(until__isnull=True):
        stay.until = max(today, stay.since)
        stay.save(update_fields=["until"])


def kin_of(resident: Resident) -> list[Resident]:
    """List the family to whom points may go: the household, and kin who help this person."""
    helpers = Proxy.objects.filter(resident=resident, until__isnull=True, relation=Proxy.Relation.KIN)
    where = Q(user__in=helpers.values("helper"))
    if resident.household_id is not None:
        where |= Q(household=resident.household_id)
    family = Resident.objects.filter(where, status=Resident.Status.ACTIVE).exclude(pk=resident.pk)
    return list(family.select_related("village").order_by("name", "pk").distinct())


def _pass_points(resident: Resident, *, heir: Resident | None, to_pool: bool, actor: User, now: dt.datetime) -> int:
    """Give what is left in the wallet to kin or to the pool. Raises ``PointsLeft`` when nobody was named."""
    if not ledger_read.balance_of(resident.wallet_key).spendable:
        return 0
    if heir is not None and heir.pk not in {kin.pk for kin in kin_of(resident)}:
        raise NotKin(field="points_to")
    if heir is None and not to_pool:
        raise PointsLeft(field="points_to")
    to = heir.wallet_key if heir is not None else points.pool_key(resident.village)
    key = f"leave:{resident.pk}:{int(now.timestamp())}"
    return points.move_all_points(resident=resident, to=to, kind="leave", key=key, reason="leaving", actor=actor)


def _close(resident: Resident, *, actor: User, reason: str, action: str, now: dt.datetime) -> Resident:
    resident.status = Resident.Status.CLOSED
    resident.closed_at = now
    resident.closed_reason = reason[:200]
    resident.on_honour_roll = False
    resident.save(update_fields=["status", "closed_at", "closed_reason", "on_honour_roll"])
    resident.consents.filter(withdrawn_at__isnull=True).update(withdrawn_at=now)
    _end_residence(resident, now)
    resident.cards.filter(status=Card.Status.ACTIVE).update(
        status=Card.Status.BLOCKED, blocked_at=now, blocked_by=actor, blocked_reason="account closed"
    )
    Proxy.objects.filter(resident=resident, until__isnull=True).update(until=now)
    asked = HelperRequest.objects.filter(resident=resident, state=HelperRequest.State.OPEN)
    asked.update(state=HelperRequest.State.DECLINED, ended_at=now)
    if resident.user is not None:
        Proxy.objects.filter(helper=resident.user, until__isnull=True).update(until=now)
        if action != "refuse_resident":
            RoleGrant.objects.filter(user=resident.user, ended_at__isnull=True).update(ended_at=now, ended_by=actor)
    record_audit(
        actor=actor, action=action, subject=f"resident:{resident.pk}", region=resident.village, reason=reason, now=now
    )
    return resident


@transaction.atomic
def withdraw_consent(
    *,
    resident: Resident,
    actor: User,
    reason: str = "",
    heir: Resident | None = None,
    to_pool: bool = False,
    now: dt.datetime | None = None,
) -> Resident:
    """Take consent back. Without consent there is no account, so this closes it; the data is archived.

    Points that are left go to ``heir`` (of the family) or to the village's pool; ``PointsLeft`` when neither is said.
    """
    resident = lock_resident(resident)
    if resident.user_id is None or resident.user_id != actor.pk:
        require(actor, REGISTER_RESIDENT, resident.village)
    if resident.status == Resident.Status.CLOSED:
        raise ResidentClosed
    if heir is not None and resident.user_id != actor.pk:
        require_no_interest(actor, heir)  # nobody lets another's points pass to themselves or their own
    now = now or timezone.now()
    _pass_points(resident, heir=heir, to_pool=to_pool, actor=actor, now=now)
    return _close(resident, actor=actor, reason=reason or "consent withdrawn", action="withdraw_consent", now=now)


def rotate_id_numbers() -> int:
    """Encrypt every ID number with the newest key and write all digests anew; return how many rows.

    Run it after a new key was put in front of ``ID_NUMBER_KEYS`` and before the old one is taken away. The digests
    afterwards stand under the newest key alone, so that key must then be the only one.
    """
    from django.conf import settings

    done = 0
    with transaction.atomic():
        for resident in Resident.objects.select_for_update().exclude(id_number_encrypted="").order_by("pk"):
            number = ids.decrypt(resident.id_number_encrypted)
            resident.id_number_encrypted = ids.rotate(resident.id_number_encrypted)
            resident.id_number_digest = ids.digest_with(settings.ID_NUMBER_KEYS[0], number)
            resident.save(update_fields=["id_number_encrypted", "id_number_digest"])
            done += 1
    return done
