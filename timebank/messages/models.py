"""Messages, who wants which of them by e-mail or SMS, and what became of each sending."""

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


class Channel(models.TextChoices):
    """A way out of the house."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")


class SendingChoice(models.Model):
    """What a person wants sent. Without a row nothing is sent: everybody asks for it themselves.

    Only the person sees and changes it; one small row a person, kept for as long as the account.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="sending_choice", verbose_name=_("user")
    )
    email_kinds = models.JSONField(_("by e-mail"), default=list, blank=True)
    sms_kinds = models.JSONField(_("by SMS"), default=list, blank=True)
    # Nothing is sent in between; both empty or the same: no quiet hours.
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    # The hour at which the e-mails of a day come as one; empty: each at once.
    digest_hour = models.PositiveSmallIntegerField(_("all at once at"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        verbose_name = _("choice of channels")
        verbose_name_plural = _("choices of channels")
        constraints = [
            models.CheckConstraint(
                condition=Q(digest_hour__isnull=True) | Q(digest_hour__lte=23), name="sending_digest_is_an_hour"
            )
        ]

    def __str__(self) -> str:
        return f"sending choice of {self.user_id}"

    def wants(self, kind: str, channel: str) -> bool:
        """Tell whether messages of this kind shall go this way."""
        return kind in (self.email_kinds if channel == Channel.EMAIL else self.sms_kinds)


class Sending(models.Model):
    """One message on one way out, at most once. It holds no address: that is read when it is sent.

    ``PERHAPS``: it was handed to the server and nobody knows what became of it; it is shown and not sent again. One
    row a message and way, deleted with the message; the reader alone sees it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        PERHAPS = "perhaps", _("perhaps sent")
        FAILED = "failed", _("not sent")
        DROPPED = "dropped", _("not needed any more")

    message = models.ForeignKey(Message, models.CASCADE, related_name="sendings", verbose_name=_("message"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("user"))
    channel = models.CharField(_("way"), max_length=8, choices=Channel.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    is_digest = models.BooleanField(_("together with others"), default=False)
    due_at = models.DateTimeField(_("due"))
    started_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    problem = models.CharField(_("problem"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("sending")
        verbose_name_plural = _("sendings")
        constraints = [
            models.UniqueConstraint(fields=["message", "channel"], name="sending_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending", "sent", "perhaps", "failed", "dropped"]),
                name="sending_known_state",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="sending_due"),
            models.Index(fields=["started_at"], condition=Q(state="sending"), name="sending_under_way"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.channel} {self.state}"
