"""What a person changes about their own sign-in."""

from __future__ import annotations

import datetime as dt

from axes.utils import reset as reset_attempts
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from timebank.common.events import emit
from timebank.registry.models import User
from timebank.registry.selectors import resident_of
from timebank.registry.services.audit import record_audit
from timebank.registry.services.second_factor import require_may_give_sign_in

READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read wrongly from a slip of paper


@transaction.atomic
def change_password(*, user: User, password: str, now: dt.datetime | None = None) -> User:
    """Set a new password; the form has checked the old one and the strength of the new."""
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    record_audit(actor=user, action="change_password", subject=f"user:{user.pk}", now=now)
    return user


@transaction.atomic
def sign_out_everywhere(*, user: User, now: dt.datetime | None = None) -> User:
    """End all sessions of a person; the caller keeps the one it stands in by writing its hash anew."""
    locked = User.objects.select_for_update().get(pk=user.pk)
    locked.sign_in_epoch += 1
    locked.save(update_fields=["sign_in_epoch"])
    record_audit(actor=user, action="sign_out_everywhere", subject=f"user:{user.pk}", now=now)
    return locked


@transaction.atomic
def reset_password(*, user: User, actor: User, now: dt.datetime | None = None) -> str:
    """Return a new password that holds for one sign-in; all sessions of the person end. Shown once, kept nowhere.

    Raises ``NotAllowed``, and ``ConflictOfInterest`` for one's own, one's household's and one's clients' sign-in.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    require_may_give_sign_in(locked, actor=actor, now=now or timezone.now())
    resident = resident_of(locked)
    password = get_random_string(10, READABLE)
    locked.set_password(password)
    locked.must_change_password = True
    locked.save(update_fields=["password", "must_change_password"])
    # Whoever forgot a password has tried it too often: the new one holds at once.
    reset_attempts(username=f"user:{locked.pk}")
    record_audit(
        actor=actor,
        action="reset_password",
        subject=f"user:{locked.pk}",
        region=resident.village if resident is not None else None,
        now=now,
    )
    emit("password_reset", subject=locked, recipients=[resident] if resident is not None else [], occurred_at=now)
    return password
