"""A forgotten password set anew with a code by text message.

Asking is the same work for every number: one row, and nobody is looked up. A worker finds whose number it is, draws the
code and sends it, so neither the answer nor its time says who signs in here.
"""

from __future__ import annotations

import datetime as dt

from axes.utils import reset as reset_attempts
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from timebank.common import limits
from timebank.common.errors import DomainError
from timebank.common.events import emit
from timebank.common.input import digits
from timebank.common.input import phone as read_phone
from timebank.common.limits import Limit
from timebank.common.sweeps import Sweep, forget
from timebank.registry.appointing import masked_name
from timebank.registry.errors import (
    InvalidPhone,
    NoTextsForPasswords,
    PasswordAtOffice,
    TextNotSent,
    WeakPassword,
    WrongTextCode,
)
from timebank.registry.models import PasswordCode, PhoneChange, Resident, User
from timebank.registry.rules import needs_factor
from timebank.registry.services.audit import record_audit
from timebank.registry.services.second_factor import has_factor
from timebank.registry.services.text_codes import (
    FORGOTTEN,
    HOLDS,
    digest,
    draw_code,
    is_right,
    number_key,
    send_text,
    text_sender,
)

YOUNG = dt.timedelta(days=3)  # a number that was changed so lately sets no password: the old one was told of it
ASKED = Limit("password codes to a number", 3, 3600)
ASKED_DAILY = Limit("password codes to a number in a day", 6, 86400)
ASKED_FROM = Limit("password codes from an address", 20, 3600)
# What all together cost and could guess: beyond it the office helps.
OVER_ALL = Limit("password codes over all", 300, 3600)
WRONG = Limit("wrong password codes", 5, 3600)
WRONG_DAILY = Limit("wrong password codes in a day", 15, 86400)
WRONG_FROM = Limit("wrong password codes from an address", 30, 3600)


def _digest(row: PasswordCode, code: str) -> str:
    return digest("password", f"{row.pk}:{row.phone}", code)


@transaction.atomic
def ask_password_code(*, phone: str, address: str = "", now: dt.datetime | None = None) -> PasswordCode:
    """Write down that a code is wanted for a number, whoever has it; what was asked for before holds no more.

    Raises ``NoTextsForPasswords, InvalidPhone, TooOften``.
    """
    if text_sender() is None:
        raise NoTextsForPasswords(field="phone")
    if not (phone := read_phone(phone)):
        raise InvalidPhone(field="phone")
    now = now or timezone.now()
    for limit, key in (
        (ASKED, number_key(phone)),
        (ASKED_DAILY, number_key(phone)),
        (ASKED_FROM, f"address:{address}"),
        (OVER_ALL, "all"),
    ):
        limits.spend(limit, [key], now=now)
    row = PasswordCode.objects.create(phone=phone, asked_at=now)
    transaction.on_commit(_send_soon, robust=True)  # where the broker is away, the sweep sends within the minute
    return row


def _send_soon() -> None:
    from timebank.common.tasks import task_sweep

    task_sweep.delay(SEND.name)


def is_open(user: User | None, *, now: dt.datetime) -> bool:
    """Say whether a text message may set this account's password.

    Not where it would stand in for a second factor that the roles want, and not by a number that is new to the account.
    """
    if user is None or not user.is_active or user.is_superuser:
        return False
    if needs_factor(user) and not has_factor(user):
        return False
    return not PhoneChange.objects.filter(user=user, done_at__gt=now - YOUNG).exists()


def set_password_by_code(
    *, row: PasswordCode, code: str, password: str, address: str = "", now: dt.datetime | None = None
) -> User:
    """Set a new password with the code from the text message; all sessions of the person end.

    Sent twice it is done once. Raises ``WrongTextCode, TooOften, PasswordAtOffice, WeakPassword``. A wrong code is
    counted in a transaction of its own: call this before you open yours.
    """
    now = now or timezone.now()
    try:
        validate_password(password)
    except ValidationError:
        raise WeakPassword(field="new") from None
    with transaction.atomic():
        done = _take(row.pk, digits(code), password, address, now)
    if isinstance(done, DomainError):
        raise done
    return done


def _hold(pk: int) -> PasswordCode | None:
    return PasswordCode.objects.select_for_update(of=("self",)).filter(pk=pk).first()


def _take(pk: int, code: str, password: str, address: str, now: dt.datetime) -> User | DomainError:
    row = _hold(pk)
    if row is None:
        return WrongTextCode(field="code")
    tries = (
        (WRONG, f"asked:{row.pk}"),
        (WRONG_DAILY, number_key(row.phone)),
        (WRONG_FROM, f"address:{address}"),
    )
    for limit, key in tries:
        limits.require(limit, [key], now=now)
    right = is_right(kept=row.code_digest, typed=_digest(row, code), asked_at=row.asked_at, now=now)
    newest = not PasswordCode.objects.filter(phone=row.phone, pk__gt=row.pk).exists()
    user = User.objects.select_for_update().filter(pk=row.user_id or 0).first()
    again = row.used_at is not None and user is not None and right and user.check_password(password)
    if not (right and newest and user is not None) or (row.used_at is not None and not again):
        for limit, key in tries:
            limits.count(limit, [key], now=now)
        return WrongTextCode(field="code")
    if not is_open(user, now=now) or user.phone != row.phone:  # an office or another number since it was sent
        return PasswordAtOffice(field="code")
    if not again:
        row.used_at = now
        row.save(update_fields=["used_at"])
        _set(user, password, now)
    return user


def _set(user: User, password: str, now: dt.datetime) -> None:
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    reset_attempts(username=f"user:{user.pk}")  # whoever forgot a password has tried it too often
    resident = Resident.objects.filter(user=user).first()
    record_audit(
        actor=user,
        action="set_password_by_code",
        subject=f"user:{user.pk}",
        region=resident.village if resident is not None else None,
        now=now,
    )
    emit("password_set_by_code", subject=user, recipients=[user], occurred_at=now)


# -- The text ----------------------------------------------------------------------------------------------------------
def _to_send(now: dt.datetime) -> QuerySet[PasswordCode, int]:
    waiting = PasswordCode.objects.filter(sent_at=None, asked_at__gt=now - HOLDS)
    return waiting.order_by("pk").values_list("pk", flat=True)


def send_password_code(pk: int, now: dt.datetime) -> int:
    """Find whose number it is and send a code, or to whom none may be sent the way to the office; nobody, nothing."""
    code = draw_code()
    with transaction.atomic():
        row = PasswordCode.objects.select_for_update(of=("self",)).filter(pk=pk, sent_at=None).first()
        if row is None:
            return 0
        row.sent_at = now
        user = _whose(row.phone)
        may = is_open(user, now=now)
        if may:
            row.user, row.code_digest = user, _digest(row, code)
        row.save(update_fields=["sent_at", "user", "code_digest"])
    if user is None:
        return 0
    with translation.override(user.language or settings.LANGUAGE_CODE):
        text = _text(user, code) if may else _way_to_office()
    try:
        send_text(to=row.phone, text=text, key=f"password-{pk}")
    except TextNotSent:
        return 0
    return 1


def _whose(phone: str) -> User | None:
    """Return who signs in with a number; nobody for a closed account, whose number the carrier gave to another."""
    users = User.objects.filter(phone=phone, is_active=True)
    return users.exclude(resident__status=Resident.Status.CLOSED).first()


def _text(user: User, code: str) -> str:
    words = _(
        "%(code)s is the code for a new password of %(name)s at Shanji. Tell it nobody. Not asked for? Then do nothing."
    )
    return words % {"code": code, "name": masked_name(user.name)}


def _way_to_office() -> str:
    return _(
        "Somebody asked for a new password at Shanji with this number. By text message it can't be set now; the office"
        " helps. Not asked for? Then do nothing."
    )


SEND = Sweep("send password codes", due=_to_send, handle=send_password_code, every=60, atomic=False)
SWEEPS = [
    SEND,
    forget("forget password codes", lambda now: PasswordCode.objects.filter(asked_at__lt=now - FORGOTTEN)),
]
