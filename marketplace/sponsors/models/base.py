"""What the tables of sponsors share."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


def known_state(name: str, states: str, field: str = "state") -> models.CheckConstraint:
    """Refuse a state that is not one of ``states`` (words with spaces between)."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": states.split()}), name=f"sponsors_{name}_{field}")


def above_zero(name: str, field: str = "fen") -> models.CheckConstraint:
    """Refuse an amount that is not above zero."""
    return models.CheckConstraint(condition=Q(**{f"{field}__gt": 0}), name=f"sponsors_{name}_{field}_positive")
