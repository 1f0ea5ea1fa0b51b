"""What a person changes about their own sign-in."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from timebank.registry.models import User
from timebank.registry.services.audit import record_audit


@transaction.atomic
def change_password(*, user: User, password: str, now: dt.datetime | None = None) -> User:
    """Set a new password; the form has checked the old one and the strength of the new."""
    user.set_password(password)
    user.save(update_fields=["password"])
    record_audit(actor=user, action="change_password", subject=f"user:{user.pk}", now=now)
    return user
