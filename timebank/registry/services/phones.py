"""The mobile number by which a person signs in: changed with a code sent to the new one, or at the village desk.

Whoever asks learns nothing about a number: a code goes to each, and only who reads it there hears that it is another's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from timebank.common import limits
from timebank.common.errors import DomainError
from timebank.common.events import emit
from timebank.common.input import digits
from timebank.common.input import phone as read_phone
from timebank.common.limits import Limit
from timebank.common.sweeps import Sweep, forget
from timebank.registry.errors import (
    InvalidPhone,
    NotAllowed,
    NoTexts,
    PhoneAtDesk,
    SamePhone,
    TextNotSent,
    WrongTextCode,
)
from timebank.registry.models import PhoneChange, Resident, User
from timebank.registry.rules import require_confirmed
from timebank.registry.services.audit import record_audit
from timebank.registry.services.text_codes import (
    FORGOTTEN,
    digest,
    draw_code,
    is_right,
    number_key,
    send_text,
    text_sender,
)

AGAIN = dt.timedelta(minutes=1)  # the same wish within it is the same form sent twice
ASKED = Limit("codes to a new number", 5, 3600)
WRONG = Limit("wrong codes of a new number", 5, 900)


def _digest(row: PhoneChange, code: str) -> str:
    return digest("phone", f"{row.user_id}:{row.new_phone}", code)


def ask_phone_change(*, user: User, phone: str, address: str = "", now: dt.datetime | None = None) -> PhoneChange:
    """Send a code to the number that a person wants to sign in with; the same answer whoever has that number.

    Counted by person, address and number, before anything is looked up. Raises ``NoTexts, SamePhone, TooOften``.
    """
    require_confirmed(user)
    if text_sender() is None:
        raise NoTexts(field="phone")
    phone = read_phone(phone)
    if not phone:
        raise InvalidPhone(field="phone")
    now = now or timezone.now()
    if phone == user.phone:
        raise SamePhone(field="phone")
    code = draw_code()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        row = PhoneChange.objects.filter(user=user, done_at=None).first()
        if row is not None and row.new_phone == phone and row.asked_at > now - AGAIN:
            return row
        keys = [f"user:{user.pk}", number_key(phone), *([f"address:{address}"] if address else [])]
        limits.spend(ASKED, keys, now=now)
        PhoneChange.objects.filter(user=user, done_at=None).delete()
        row = PhoneChange(user=user, old_phone=user.phone or "", new_phone=phone, asked_at=now)
        row.code_digest = _digest(row, code)
        row.save()
    text = _("%(code)s is the code for your new mobile number at Shanji. Tell it nobody.") % {"code": code}
    try:
        send_text(to=phone, text=text, key=f"phone-{row.pk}")
    except TextNotSent:
        PhoneChange.objects.filter(pk=row.pk, done_at=None).delete()
        raise TextNotSent(field="phone") from None
    return row


def confirm_phone_change(*, change: PhoneChange, user: User, code: str, now: dt.datetime | None = None) -> User:
    """Take the new number with the code that was read on it; all sessions of the person end.

    A wrong code is counted in a transaction of its own: call this before you open yours.
    """
    require_confirmed(user)
    now = now or timezone.now()
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        row = PhoneChange.objects.select_for_update(of=("self",)).filter(pk=change.pk).first()
        refusal = _take(row, locked, digits(code), now)
    if refusal is not None:
        raise refusal
    return locked


def _take(row: PhoneChange | None, user: User, code: str, now: dt.datetime) -> DomainError | None:
    if row is None or row.user_id != user.pk:
        return NotAllowed(action="change_phone")
    if row.done_at is not None:
        return None  # the same form sent twice
    limits.require(WRONG, [f"user:{user.pk}"], now=now)
    if not is_right(kept=row.code_digest, typed=_digest(row, code), asked_at=row.asked_at, now=now):
        limits.count(WRONG, [f"user:{user.pk}"], now=now)
        return WrongTextCode(field="code")
    free_phone(row.new_phone, now=now)
    if User.objects.filter(phone=row.new_phone).exclude(pk=user.pk).exists():
        return PhoneAtDesk(field="code")
    try:
        with transaction.atomic():
            put_phone(user=user, phone=row.new_phone, actor=user, change=row, now=now)
    except IntegrityError:  # somebody took it at the same moment
        return PhoneAtDesk(field="code")
    Resident.objects.filter(user=user).update(phone=row.new_phone)
    record_audit(actor=user, action="change_phone", subject=f"user:{user.pk}", now=now)
    return None


def put_phone(
    *, user: User, phone: str, actor: User, now: dt.datetime, change: PhoneChange | None = None
) -> PhoneChange:
    """Let a locked account sign in with another number: both stay in its history, all sessions end, it is told.

    Raises ``IntegrityError`` where the number is another's; whoever calls has checked the right.
    """
    row = change or PhoneChange(user=user, new_phone=phone, asked_at=now)
    row.old_phone, row.code_digest, row.done_at, row.done_by = user.phone or "", "", now, actor
    row.save()
    user.phone = phone
    user.sign_in_epoch += 1
    user.save(update_fields=["phone", "sign_in_epoch"])
    emit("phone_changed", subject=user, recipients=[user], occurred_at=now)
    return row


def free_phone(phone: str, *, now: dt.datetime) -> None:
    """Let a number go that only signs in a closed account: the carrier gave it to somebody else by now."""
    for holder in User.objects.filter(phone=phone, resident__status=Resident.Status.CLOSED).select_related("resident"):
        holder.phone = None
        holder.save(update_fields=["phone"])
        record_audit(actor=None, action="free_phone", subject=f"resident:{holder.resident.pk}", now=now)


# -- The old number ----------------------------------------------------------------------------------------------------
def _to_tell(now: dt.datetime) -> Iterator[int]:
    if text_sender() is None:
        return iter(())
    rows = PhoneChange.objects.filter(old_told_at=None, done_at__gt=now - FORGOTTEN).exclude(old_phone="")
    return iter(rows.order_by("pk").values_list("pk", flat=True))


def tell_old_number(pk: int, now: dt.datetime) -> int:
    """Send one text to the number that was; claimed before it leaves, so that it never comes twice."""
    if text_sender() is None or not PhoneChange.objects.filter(pk=pk, old_told_at=None).update(old_told_at=now):
        return 0
    row = PhoneChange.objects.select_related("user").get(pk=pk)
    with translation.override(row.user.language or settings.LANGUAGE_CODE):
        text = _(
            "Your Shanji account signs in with another mobile number now. Was it not you? Tell the village office."
        )
    try:
        send_text(to=row.old_phone, text=text, key=f"phone-old-{pk}")
    except TextNotSent:
        return 0
    return 1


SWEEPS = [
    Sweep("tell old numbers", due=_to_tell, handle=tell_old_number, every=60, atomic=False),
    forget(
        "forget numbers only asked for",
        lambda now: PhoneChange.objects.filter(done_at=None, asked_at__lt=now - FORGOTTEN),
    ),
]
