"""A redemption is what a resident did in one go; it groups one order a supplier."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Redemption(models.Model):
    class Channel(models.TextChoices):
        WEB = "web", _("Phone or computer")
        CARD = "card", _("Card at the counter")

    class State(models.TextChoices):
        PLACED = "placed", _("Waiting to be collected")
        PARTLY_HANDED_OVER = "partly_handed_over", _("Partly handed over")
        HANDED_OVER = "handed_over", _("Handed over")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        RETURNED = "returned", _("Returned")

    # The form's idempotency key: a second tap finds the first redemption.
    key = models.UUIDField(_("key"), unique=True, default=uuid.uuid4)
    resident = models.ForeignKey(
        "registry.Resident",
        models.PROTECT,
        related_name="redemptions",
        verbose_name=_("resident"),
    )
    village = models.ForeignKey(
        "registry.Region",
        models.PROTECT,
        related_name="redemptions",
        verbose_name=_("village"),
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who"),
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices, default=Channel.WEB)
    state = models.CharField(_("state"), max_length=20, choices=State.choices, default=State.PLACED)
    total_points = models.BigIntegerField(_("points"))  # 1/100 point
    # One basket is redeemed once, whatever key a second window sends.
    basket = models.OneToOneField(
        "basket.Basket",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="redemption",
        verbose_name=_("basket"),
    )
    # Who stood at the counter with the card, if it was not the holder.
    brought_by = models.CharField(_("who came instead"), max_length=60, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    transfer_id = models.BigIntegerField(null=True, blank=True, editable=False)  # ledger transfer of the payment
    created_at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        indexes = [
            models.Index(fields=["resident", "created_at"], name="redemption_resident_at"),
            models.Index(fields=["village", "created_at"], name="redemption_village_at"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total_points__gte=0), name="redemption_total_not_negative"),
        ]

    #: Set by redeem() on the record it returns: this key had been redeemed before, nothing was written now.
    replayed = False

    def __str__(self) -> str:
        return str(self.key)

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        tones = {"handed_over": "good", "cancelled": "quiet", "returned": "quiet", "expired": "warn"}
        return tones.get(self.state, "wheat")
