"""What the tables of funds share: two persons, one key, states that exist."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def person_field(label: Any, *, required: bool = True) -> models.ForeignKey:
    """Return a foreign key to somebody who acted."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=not required,
        blank=not required,
        related_name="+",
        verbose_name=label,
    )


def two_persons(name: str, first: str = "prepared_by", second: str = "approved_by") -> models.CheckConstraint:
    """Refuse a row that the same person prepared and approved."""
    return models.CheckConstraint(
        condition=Q(**{f"{second}__isnull": True}) | ~Q(**{second: F(first)}), name=f"funds_{name}_two_persons"
    )


def known_state(name: str, states: str, field: str = "state") -> models.CheckConstraint:
    """Refuse a state that is not one of ``states`` (words with spaces between)."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": states.split()}), name=f"funds_{name}_{field}")


def above_zero(name: str, field: str = "fen") -> models.CheckConstraint:
    """Refuse an amount that is not above zero."""
    return models.CheckConstraint(condition=Q(**{f"{field}__gt": 0}), name=f"funds_{name}_{field}_positive")


class Decision(models.TextChoices):
    """How far a row that needs two persons has come."""

    PREPARED = "prepared", _("Waiting for approval")
    APPROVED = "approved", _("Approved")
    DECLINED = "declined", _("Declined")


def decided(name: str) -> list[models.CheckConstraint]:
    """Return the constraints of a row that one person prepares and another decides."""
    return [
        two_persons(name),
        known_state(name, " ".join(Decision.values)),
        models.CheckConstraint(
            condition=Q(state=Decision.PREPARED, approved_by__isnull=True, approved_at__isnull=True)
            | (~Q(state=Decision.PREPARED) & Q(approved_by__isnull=False, approved_at__isnull=False)),
            name=f"funds_{name}_decided_by",
        ),
    ]


class Prepared(models.Model):
    """Prepared by one person, approved (or declined) by another. ``key`` comes with the form: sent again, one row."""

    key = models.UUIDField(_("key"), unique=True, default=uuid.uuid4, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=Decision.choices, default=Decision.PREPARED)
    prepared_by = person_field(_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    approved_by = person_field(_("approved by"), required=False)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    decision_reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        abstract = True

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"approved": "good", "declined": "quiet"}.get(self.state, "warn")


class Attachment(models.Model):
    """An invoice, voucher or signed paper, kept in the database: only who may see its row gets the file."""

    name = models.CharField(_("file name"), max_length=120)
    content_type = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    data = models.BinaryField()
    uploaded_by = person_field(_("uploaded by"))
    uploaded_at = models.DateTimeField(_("uploaded at"), default=timezone.now)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.name
