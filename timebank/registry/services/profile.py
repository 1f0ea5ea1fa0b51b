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


def remember_profile(*, user: User, language: str | None = None, text_size: str | None = None) -> User:
    """Keep the chosen language and text size."""
    if language is not None:
        user.language = language
    if text_size is not None:
        user.text_size = text_size
    user.save(update_fields=["language", "text_size"])
    return user
