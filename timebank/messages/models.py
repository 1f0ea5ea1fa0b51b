"""One message: what one event says to one person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Message(models.Model):
    """What one event says to one resident, or to one who signs in without being one. It is written when it is read."""

    # Events are deleted after a year and a month; the number stays, so that no event is told twice.
    event_number = models.BigIntegerField(_("event"))
    kind = models.CharField(_("what happened"), max_length=80)
    resident = models.ForeignKey(
        "registry.Resident",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="inbox_messages",
        verbose_name=_("resident"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="inbox_messages",
        verbose_name=_("user"),
    )
    subject = models.CharField(_("to what"), max_length=120, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    occurred_at = models.DateTimeField(_("happened"), default=timezone.now)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    seen_at = models.DateTimeField(_("seen"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(
                condition=Q(resident__isnull=False) ^ Q(user__isnull=False), name="message_to_one_person"
            ),
            models.UniqueConstraint(fields=["event_number", "resident"], name="message_once_per_resident"),
            models.UniqueConstraint(fields=["event_number", "user"], name="message_once_per_user"),
        ]
        indexes = [
            models.Index(fields=["resident", "-occurred_at"], name="message_of_resident"),
            models.Index(fields=["user", "-occurred_at"], name="message_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_number}"
