"""The second factor of a sign-in: a code of an authenticator app, or one of the codes on paper."""

from __future__ import annotations

import datetime as dt
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db import transaction
from django.utils import timezone

from timebank.common import limits
from timebank.common.errors import ReasonMissing
from timebank.common.events import emit
from timebank.common.input import clean_text, digits
from timebank.common.limits import Limit
from timebank.registry import ids
from timebank.registry.errors import NotAllowed, OtherPersonNeeded, WrongCode
from timebank.registry.interests import require_no_interest
from timebank.registry.models import AuditEntry, PhoneChange, User
from timebank.registry.rules import may_end_factor, may_reset_password
from timebank.registry.selectors import resident_of
from timebank.registry.services.audit import record_audit

WRONG = Limit("wrong sign-in codes", 5, 900)
APART = dt.timedelta(days=7)  # who gave a password does not turn off the factor of the same person so soon

TOTP = Authenticator.Type.TOTP
RECOVERY = Authenticator.Type.RECOVERY_CODES
new_secret = totp.generate_totp_secret


def has_factor(user: User) -> bool:
    """Say whether this person signs in with a code."""
    return Authenticator.objects.filter(user_id=user.pk, type=TOTP).exists()


def _matching_counter(secret: str, code: str) -> int | None:
    """Return the half minute to which a code belongs, within the tolerance; None for no match."""
    return next(
        (
            counter
            for counter in totp.yield_hotp_counters_from_time()
            if code == totp.format_hotp_value(totp.hotp_value(secret, counter))
        ),
        None,
    )


def current_code(secret: str) -> str:
    """Return the code that an authenticator app shows now."""
    middle = list(totp.yield_hotp_counters_from_time())
    return str(totp.format_hotp_value(totp.hotp_value(secret, middle[len(middle) // 2])))


def shown_code(user: User) -> str:
    """Return the code of this person's app; only a demo shows it."""
    row = Authenticator.objects.filter(user_id=user.pk, type=TOTP).first()
    return current_code(ids.decrypt(row.data["secret"])) if row is not None else ""


@transaction.atomic
def set_up(*, user: User, secret: str, code: str, now: dt.datetime | None = None) -> None:
    """Turn the factor on, once the app shows a right code; what was there before ends. Makes the codes on paper."""
    counter = _matching_counter(secret, digits(code))
    if counter is None:
        raise WrongCode(field="code")
    User.objects.select_for_update().get(pk=user.pk)
    Authenticator.objects.filter(user_id=user.pk).delete()
    row = totp.TOTP.activate(user, secret).instance
    row.data["last_counter"] = counter
    row.save(update_fields=["data"])
    RecoveryCodes.activate(user)
    record_audit(actor=user, action="set_up_factor", subject=f"user:{user.pk}", now=now)


@transaction.atomic
def new_recovery_codes(*, user: User, now: dt.datetime | None = None) -> list[str]:
    """Make new codes on paper; the old sheet is worthless."""
    User.objects.select_for_update().get(pk=user.pk)
    if not has_factor(user):
        raise NotAllowed(action="recovery_codes")
    Authenticator.objects.filter(user_id=user.pk, type=RECOVERY).delete()
    codes = RecoveryCodes.activate(user).generate_codes()
    record_audit(actor=user, action="new_recovery_codes", subject=f"user:{user.pk}", now=now)
    return list(codes)


def recovery_codes(user: User) -> list[str]:
    """Return the codes on paper that were not used yet."""
    row = Authenticator.objects.filter(user_id=user.pk, type=RECOVERY).first()
    return list(RecoveryCodes(row).get_unused_codes()) if row is not None else []


def check_code(*, user: User, code: str, now: dt.datetime | None = None) -> None:
    """Take a code of the app or of the paper, each once; raises ``WrongCode`` or, after five, ``TooOften``.

    The wrong one is counted in a transaction of its own: call this before you open yours.
    """
    with transaction.atomic():
        refusal = _try_code(user, digits(code), now or timezone.now())
    if refusal is not None:
        raise refusal


def _try_code(user: User, code: str, now: dt.datetime) -> WrongCode | None:
    row = Authenticator.objects.select_for_update().filter(user_id=user.pk, type=TOTP).first()
    if row is None:
        return WrongCode(field="code")
    data: dict[str, Any] = row.data
    limits.require(WRONG, [f"user:{user.pk}"], now=now)
    if not (_is_of_app(data, code) or _is_on_paper(user, code)):
        limits.count(WRONG, [f"user:{user.pk}"], now=now)
        return WrongCode(field="code")
    row.last_used_at = now
    row.save(update_fields=["data", "last_used_at"])
    return None


def _is_of_app(data: dict[str, Any], code: str) -> bool:
    counter = _matching_counter(ids.decrypt(data["secret"]), code)
    if counter is None or counter <= data.get("last_counter", 0):  # each code works once, for all processes
        return False
    data["last_counter"] = counter
    return True


def _is_on_paper(user: User, code: str) -> bool:
    row = Authenticator.objects.filter(user_id=user.pk, type=RECOVERY).first()
    return row is not None and bool(code) and bool(RecoveryCodes(row).validate_code(code))


@transaction.atomic
def end_factor(*, user: User, actor: User, reason: str, now: dt.datetime | None = None) -> None:
    """Turn off the factor of somebody who lost their phone and the paper; never one's own, with a reason.

    Who gave this person a password lately can't: nobody alone takes over an account.
    """
    now = now or timezone.now()
    locked = User.objects.select_for_update().get(pk=user.pk)
    if not may_end_factor(actor, locked):
        raise NotAllowed(action="end_factor")
    if not (reason := clean_text(reason, most=200)):
        raise ReasonMissing(field="reason")
    resident = resident_of(locked)
    if resident is not None:
        require_no_interest(actor, resident)
    require_gave_no_sign_in(user=locked, actor=actor, now=now)
    Authenticator.objects.filter(user_id=locked.pk).delete()
    locked.sign_in_epoch += 1
    locked.save(update_fields=["sign_in_epoch"])
    record_audit(
        actor=actor,
        action="end_factor",
        subject=f"user:{locked.pk}",
        region=resident.village if resident is not None else None,
        reason=reason,
        now=now,
    )
    emit("factor_ended", subject=locked, recipients=[locked], occurred_at=now)


def require_may_give_sign_in(user: User, *, actor: User, now: dt.datetime) -> None:
    """Refuse who may not let this person sign in by a password or number that ``actor`` knows.

    Not one's own people, no superior, and nobody whose factor one turned off: password and factor come from two people.
    """
    if not may_reset_password(actor, user):
        raise NotAllowed(action="reset_password")
    resident = resident_of(user)
    if resident is not None:
        require_no_interest(actor, resident)
    ended = AuditEntry.objects.filter(subject=f"user:{user.pk}", action="end_factor", actor=actor)
    if ended.filter(occurred_at__gte=now - APART).exists():
        raise OtherPersonNeeded


def require_gave_no_sign_in(*, user: User, actor: User, now: dt.datetime) -> None:
    """Refuse the other half of taking over an account: who gave this person a password or a number lately."""
    given = AuditEntry.objects.filter(subject=f"user:{user.pk}", action="reset_password", actor=actor)
    put = PhoneChange.objects.filter(user=user, done_by=actor, done_at__gte=now - APART)
    if given.filter(occurred_at__gte=now - APART).exists() or put.exists():
        raise OtherPersonNeeded


def rotate_secrets() -> int:
    """Encrypt all secrets anew with the newest key of ``ID_NUMBER_KEYS``; return how many rows."""
    done = 0
    with transaction.atomic():
        for row in Authenticator.objects.select_for_update().order_by("pk"):
            for name in ("secret", "seed"):
                if name in row.data:
                    row.data[name] = ids.rotate(row.data[name])
            row.save(update_fields=["data"])
            done += 1
    return done


def has_older_sheet(user: User) -> bool:
    """Say whether codes on paper were made before those of now."""
    made = AuditEntry.objects.filter(subject=f"user:{user.pk}")
    times = made.filter(action__in=("set_up_factor", "new_recovery_codes")).values_list("action", flat=True)
    return "new_recovery_codes" in times or len(times) > 1
