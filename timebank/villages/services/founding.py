"""The first run, an office's hours and telephone, appointing, opening a village."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from timebank.common import events
from timebank.common.input import clean_text, telephone
from timebank.policy import services as policy
from timebank.registry import rules as registry_rules
from timebank.registry import services as registry
from timebank.registry.errors import NotAllowed, NotAVillage
from timebank.registry.models import Region, RoleGrant, User
from timebank.registry.rules import GRANT_ROLE
from timebank.registry.services import record_audit
from timebank.registry.services.regions import ImportReport, Progress, Row
from timebank.registry.services.sign_ins import sign_in_for
from timebank.service.services import adopt_scheme
from timebank.villages import errors, selectors
from timebank.villages.models import Office, SetupToken
from timebank.villages.rules import KEEP_OFFICE, OPEN_VILLAGE


# -- The first run -----------------------------------------------------------------------------------------------------
def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


# Only a digest of a token is kept, so nobody can print the same address again.
VOID = "The address that was printed before opens nothing any more."


@transaction.atomic
def open_setup(*, now: dt.datetime | None = None) -> str:
    """Return a new token for the setup of an empty installation; the one before opens nothing any more."""
    if User.objects.exists():
        raise errors.SetupClosed
    token = secrets.token_urlsafe(24)
    fields = {"digest": _digest(token), "created_at": now or timezone.now()}
    row, _made = SetupToken.objects.select_for_update().get_or_create(pk=1, defaults=fields)
    if row.used_at is not None:
        raise errors.SetupClosed
    SetupToken.objects.filter(pk=1).update(**fields)
    return token


def greeting(address: str) -> list[str]:
    """Return what `serve` prints where nobody can sign in yet: the address of the setup."""
    is_renewed = selectors.setup_is_open()
    try:
        token = open_setup()
    except errors.SetupClosed:
        return []
    said = "Nobody can sign in yet. Set this installation up here; the address works once:"
    return [said, f"  {setup_url(token, address)}", *([f"  {VOID}"] if is_renewed else [])]


def setup_url(token: str, address: str = "") -> str:
    """Return the address that opens the setup."""
    return f"{(address or settings.SITE_URL).rstrip('/')}{reverse('villages:setup', args=[token])}"


def _hold_token(token: str) -> SetupToken:
    """Lock the token's row; refuse one that is wrong or used."""
    row = SetupToken.objects.select_for_update().filter(pk=1).first()
    if not selectors.token_opens(row, token):
        raise errors.SetupClosed
    return row  # type: ignore[return-value]


@transaction.atomic
def load_places(*, token: str, rows: list[Row], progress: Progress = lambda done: None) -> ImportReport:
    """Load the tree of places during the setup; raises ``BrokenFile`` with every broken row."""
    _hold_token(token)
    return registry.import_regions(rows=rows, progress=progress)


@dataclass(frozen=True)
class Person:
    """Somebody who is appointed: name, mobile number, first password."""

    name: str
    phone: str
    password: str


@transaction.atomic
def finish_setup(
    *,
    token: str,
    county: Region,
    county_admin: Person,
    town: Region,
    town_admin: Person,
    village: Region,
    village_admin: Person,
    scheme: str,
    since: dt.date,
    now: dt.datetime | None = None,
) -> User:
    """Appoint county, town and village, adopt the first scheme for the county, and close the setup for good.

    Returns the county's admin. Of two who finish at once, the second meets a used token.
    """
    now = now or timezone.now()
    row = _hold_token(token)
    if User.objects.exists():
        raise errors.SetupClosed
    if not (town.path.startswith(county.path) and village.path.startswith(town.path)) or (
        village.level != Region.Level.VILLAGE
    ):
        raise errors.NotInCounty(field="village")
    if town_admin.phone == county_admin.phone:
        raise errors.PersonHasOffice(field="town_phone")
    if village_admin.phone in {county_admin.phone, town_admin.phone}:
        raise errors.PersonHasOffice(field="village_phone")
    first = None
    for role, region, person in (
        ("city_admin", county, county_admin),
        ("town_admin", town, town_admin),
        ("village_admin", village, village_admin),
    ):
        user = registry.create_user(name=person.name, phone=person.phone, password=person.password, actor=None, now=now)
        registry.grant_role(user=user, role=role, region=region, actor=None, now=now)
        first = first or user
    adopt_scheme(region=county, slug=scheme, since=since, actor=first, now=now)
    registry.open_village_accounts(village=village)
    Office.objects.get_or_create(region=village, defaults={"changed_at": now})
    SetupToken.objects.filter(pk=row.pk).update(used_at=now, used_by=first)
    record_audit(actor=first, action="finish_setup", subject=f"region:{county.pk}", region=county, now=now)
    return first  # type: ignore[return-value]


@transaction.atomic
def load_schemes(*, token: str) -> int:
    """Load the published schemes to choose from during the setup; a second run changes nothing. Returns how many."""
    _hold_token(token)
    return len(policy.load_published())


# -- Appointing --------------------------------------------------------------------------------------------------------
@transaction.atomic
def appoint(
    *, region: Region, role: str, name: str, phone: str, password: str, actor: User, now: dt.datetime | None = None
) -> RoleGrant:
    """Give a role to whoever signs in with this number; where nobody does, with a new sign-in."""
    if not registry_rules.may_appoint(actor, role, region):
        registry_rules.require(actor, GRANT_ROLE, region=region)
        raise NotAllowed(action="grant_role", role=role)
    user = sign_in_for(name=name, phone=phone, password=password, actor=actor, now=now)
    return registry.grant_role(user=user, role=role, region=region, actor=actor, now=now)


# -- The village -------------------------------------------------------------------------------------------------------
@transaction.atomic
def set_office(
    *, region: Region, opening_hours: str, help_phone: str, actor: User, now: dt.datetime | None = None
) -> Office:
    """Say when the office of a place is open and which telephone helps."""
    registry_rules.require(actor, KEEP_OFFICE, region=region)
    hours, number = clean_text(opening_hours), telephone(help_phone, field="help_phone")
    now = now or timezone.now()
    office, _made = Office.objects.select_for_update().get_or_create(region=region)
    facts = {"from": [office.opening_hours, office.help_phone], "to": [hours, number]}
    if facts["from"] == facts["to"]:
        return office
    office.opening_hours, office.help_phone, office.changed_at = hours, number, now
    office.save(update_fields=["opening_hours", "help_phone", "changed_at"])
    record_audit(actor=actor, action="set_office", subject=f"region:{region.pk}", region=region, facts=facts, now=now)
    return office


@transaction.atomic
def open_village(*, region: Region, actor: User, now: dt.datetime | None = None) -> Office:
    """Let a village begin, when everything that is needed stands; again does nothing."""
    registry_rules.require(actor, OPEN_VILLAGE, region=region)
    if region.level != Region.Level.VILLAGE or not region.is_active:
        raise NotAVillage
    office, _made = Office.objects.select_for_update().get_or_create(region=region)
    if office.opened_at is not None:
        return office
    if not selectors.founding(region).is_ready:
        raise errors.NotReady
    now = now or timezone.now()
    registry.open_village_accounts(village=region)
    office.opened_at, office.opened_by = now, actor
    office.save(update_fields=["opened_at", "opened_by"])
    record_audit(actor=actor, action="open_village", subject=f"region:{region.pk}", region=region, now=now)
    events.emit("village_opened", subject=region, region=region, occurred_at=now)
    return office
