"""A counter's device for a day's work, and the PIN by which its person goes on after a pause."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from timebank.common.input import digits
from timebank.registry.errors import NotAllowed, OtherPersonNeeded
from timebank.registry.models import Device, Region, StaffPin, User
from timebank.registry.rules import APPROVE_DEVICE, grants_of, require
from timebank.registry.services.audit import record_audit
from timebank.registry.services.cards import check_pin_form

HOURS = dt.timedelta(hours=12)
WAITING = dt.timedelta(hours=1)  # an older request is worthless: ask again


def digest(token: str) -> str:
    """Return what is kept of a device's cookie."""
    return hashlib.sha256(token.encode()).hexdigest()


def place_of(user: User) -> Region | None:
    """Return where a person works: whose office approves the device."""
    for grant in grants_of(user):
        place = grant.region or (grant.organisation.region if grant.organisation is not None else None)
        if place is not None:
            return place
    return None


@transaction.atomic
def ask_device(*, user: User, now: dt.datetime | None = None) -> tuple[Device, str]:
    """Ask the village to approve the device that a person sits at; return the row and its cookie's secret."""
    region = place_of(user)
    if region is None:
        raise NotAllowed(action="ask_device")
    now = now or timezone.now()
    Device.objects.filter(user=user, approved_until=None, ended_at=None).update(ended_at=now)
    token = secrets.token_urlsafe(32)
    code = get_random_string(4, "0123456789")
    row = Device.objects.create(user=user, region=region, digest=digest(token), code=code, asked_at=now)
    record_audit(actor=user, action="ask_device", subject=f"device:{row.pk}", region=region, now=now)
    return row, token


@transaction.atomic
def approve_device(*, device: Device, actor: User, now: dt.datetime | None = None) -> Device:
    """Approve a device for twelve hours; somebody else than who asked."""
    now = now or timezone.now()
    row = Device.objects.select_for_update(of=("self",)).select_related("region").get(pk=device.pk)
    require(actor, APPROVE_DEVICE, row.region)
    if row.user_id == actor.pk:
        raise OtherPersonNeeded
    if row.ended_at is not None or row.approved_until is not None or row.asked_at < now - WAITING:
        return row
    row.approved_by, row.approved_until = actor, now + HOURS
    row.save(update_fields=["approved_by", "approved_until"])
    record_audit(actor=actor, action="approve_device", subject=f"device:{row.pk}", region=row.region, now=now)
    return row


@transaction.atomic
def end_device(*, device: Device, actor: User, now: dt.datetime | None = None) -> Device:
    """End a device's approval, or refuse it: by who sits there or who may approve. Again does nothing."""
    now = now or timezone.now()
    row = Device.objects.select_for_update(of=("self",)).select_related("region").get(pk=device.pk)
    if row.user_id != actor.pk:
        require(actor, APPROVE_DEVICE, row.region)
    if row.ended_at is None:
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        record_audit(actor=actor, action="end_device", subject=f"device:{row.pk}", region=row.region, now=now)
    return row


def approved_device(*, token: str, user: User, now: dt.datetime | None = None) -> Device | None:
    """Return this person's device of this cookie while its approval lasts."""
    if not token:
        return None
    now = now or timezone.now()
    live = Device.objects.filter(digest=digest(token), user_id=user.pk, ended_at=None, approved_until__gt=now)
    return live.first()


@transaction.atomic
def set_staff_pin(*, user: User, pin: str, now: dt.datetime | None = None) -> None:
    """Set the PIN by which this person goes on after a pause. It opens nothing by itself."""
    typed = digits(pin) or pin
    check_pin_form(typed)
    now = now or timezone.now()
    StaffPin.objects.update_or_create(user=user, defaults={"pin_hash": make_password(typed), "set_at": now})
    record_audit(actor=user, action="set_staff_pin", subject=f"user:{user.pk}", now=now)


def has_staff_pin(user: User) -> bool:
    """Say whether this person has set a PIN."""
    return StaffPin.objects.filter(user_id=user.pk).exists()


def is_staff_pin(*, user: User, pin: str) -> bool:
    """Say whether this is the person's PIN; the session counts the wrong ones and ends."""
    row = StaffPin.objects.filter(user_id=user.pk).first()
    return row is not None and check_password(digits(pin) or pin, row.pin_hash)
