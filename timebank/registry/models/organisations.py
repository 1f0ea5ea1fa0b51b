"""Enterprises, suppliers and village bodies, known by their unified social credit code."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Organisation(models.Model):
    class Kind(models.TextChoices):
        VILLAGE_BODY = "village_body", _("Village body")
        SUPPLIER = "supplier", _("Supplier")
        ENTERPRISE = "enterprise", _("Enterprise")
        SOCIAL = "social", _("Social organisation")
        MERCHANT = "merchant", _("Merchant")
        PERSON = "person", _("Person")  # a barber or a donor without any body: has no credit code

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for approval")
        ACTIVE = "active", pgettext_lazy("account", "Active")
        CLOSED = "closed", pgettext_lazy("account", "Closed")

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    # A village barber may have no code yet; who has one, has it checked (GB 32100-2015) and once only.
    uscc = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    region = models.ForeignKey(
        "registry.Region", models.PROTECT, related_name="organisations", verbose_name=_("region")
    )
    contact_name = models.CharField(_("contact"), max_length=60, blank=True)
    contact_phone = models.CharField(_("contact phone"), max_length=20, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        constraints = [
            models.UniqueConstraint(fields=["uscc"], condition=~Q(uscc=""), name="organisation_uscc_once"),
        ]

    def __str__(self) -> str:
        return self.name
