"""Writing what a visitor prefers into the profile."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist

REMEMBERED = ("language", "text_size")


def remember_preference(*, user: Any, field: str, value: str) -> bool:
    """Keep ``language`` or ``text_size`` in the profile; say whether there was a profile to keep it in."""
    if field not in REMEMBERED:
        raise ValueError(f"not a preference: {field!r}")
    if not getattr(user, "is_authenticated", False):
        return False
    try:
        user._meta.get_field(field)
    except FieldDoesNotExist:
        return False
    setattr(user, field, value)
    user.save(update_fields=[field])
    return True
