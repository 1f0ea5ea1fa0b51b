"""Organisations as givers and suppliers: their standing as a sponsor, their people, persons with an ID number."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import person_field
from marketplace.sponsors.models.base import known_state


class PersonIdentity(models.Model):
    """The ID number of an organisation that is one person (a barber, a donor): encrypted, shown masked."""

    organisation = models.OneToOneField(
        "registry.Organisation", models.PROTECT, related_name="identity", verbose_name=_("organisation")
    )
    id_number_encrypted = models.TextField(editable=False)
    id_number_digest = models.CharField(max_length=64, unique=True, editable=False)
    id_number_masked = models.CharField(_("ID number"), max_length=20)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")

    def __str__(self) -> str:
        return self.id_number_masked


class Enterprise(models.Model):
    """An organisation as sponsor: approved by the town, its name shown as agreed."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting for approval")
        ACTIVE = "active", pgettext_lazy("sponsor", "Active")
        SUSPENDED = "suspended", _("Suspended")
        REFUSED = "refused", _("Refused")
        MERGED = "merged", _("Merged into another")

    organisation = models.OneToOneField(
        "registry.Organisation", models.PROTECT, related_name="sponsor", verbose_name=_("organisation")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    shown_name = models.CharField(_("name as it is shown"), max_length=60, blank=True)
    shown_name_en = models.CharField(_("English name"), max_length=120, blank=True)
    on_thanks_wall = models.BooleanField(_("on the thank-you wall"), default=False)
    name_withdrawn_at = models.DateTimeField(_("name withdrawn at"), null=True, blank=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged_from")
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    applied_by = person_field(_("applied by"), required=False)
    applied_at = models.DateTimeField(_("applied at"), default=timezone.now)
    decided_by = person_field(_("decided by"), required=False)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("sponsor")
        verbose_name_plural = _("sponsors")
        constraints = [
            known_state("enterprise", "pending active suspended refused merged"),
            models.CheckConstraint(
                condition=Q(state="pending") | Q(decided_at__isnull=False), name="sponsors_enterprise_decided"
            ),
            models.CheckConstraint(
                condition=Q(state="merged", merged_into__isnull=False) | (~Q(state="merged") & Q(merged_into=None)),
                name="sponsors_enterprise_merged",
            ),
        ]

    def __str__(self) -> str:
        return self.public_name or self.organisation.name

    @property
    def public_name(self) -> str:
        """Name that rewards, tickets and the wall show; nothing once it was withdrawn. A merged one has its heir's."""
        if self.merged_into is not None:
            return self.merged_into.public_name
        return "" if self.name_withdrawn_at else self.shown_name

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"active": "good", "pending": "warn", "refused": "bad", "suspended": "bad"}.get(self.state, "quiet")


class Invitation(models.Model):
    """A way in for a colleague: by one code, for one mobile number, a week long, used once."""

    organisation = models.ForeignKey(
        "registry.Organisation", models.PROTECT, related_name="invitations", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=20)
    code = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    phone = models.CharField(_("mobile number"), max_length=20)
    invited_by = person_field(_("invited by"))
    invited_at = models.DateTimeField(_("invited at"), default=timezone.now)
    expires_at = models.DateTimeField(_("valid until"))
    accepted_by = person_field(_("accepted by"), required=False)
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-invited_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "phone", "role"],
                condition=Q(accepted_at__isnull=True, ended_at__isnull=True),
                name="sponsors_invited_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.role}"
