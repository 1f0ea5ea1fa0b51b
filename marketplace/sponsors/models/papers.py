"""Receipts without a gap, and donation agreements with both signatures."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import person_field
from marketplace.sponsors.models.gifts import Pledge


class ReceiptSeries(models.Model):
    """The last number of a fund's receipts in a year: locked while the next is written, so that none is missing."""

    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("series of receipts")
        verbose_name_plural = _("series of receipts")
        constraints = [models.UniqueConstraint(fields=["fund", "year"], name="sponsors_series_once")]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.year} {self.last}"


class Receipt(models.Model):
    """A confirmation of receipt (收款确认书); never changed, voided by a counter-receipt with its own number.

    It is no 公益事业捐赠统一票据, which only an entitled body issues; the number of one may be written down here.
    """

    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="receipts", verbose_name=_("fund"))
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveIntegerField()
    pledge = models.ForeignKey(Pledge, models.PROTECT, related_name="receipts", verbose_name=_("pledge"))
    source = models.CharField(max_length=60)  # "payment:12", "delivery:5", "refund:3"
    counter_to = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="counters")
    nature = models.CharField(_("nature"), max_length=12, choices=Pledge.Nature.choices)
    # As it was on the day it was written: later renaming changes no receipt.
    giver = models.CharField(_("given by"), max_length=120)
    giver_code = models.CharField(_("credit code or masked ID number"), max_length=20, blank=True)
    text = models.CharField(_("what"), max_length=200)
    fen = models.BigIntegerField(_("amount"))  # below 0 on a counter-receipt
    fee_fen = models.BigIntegerField(_("fee"), default=0)
    is_practice = models.BooleanField(_("practice: no money moved"), default=False)
    official_number = models.CharField(_("number of the official donation receipt"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    issued_by = person_field(_("issued by"), required=False)
    issued_at = models.DateTimeField(_("issued at"), default=timezone.now)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["-issued_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["fund", "year", "sequence"], name="sponsors_receipt_number"),
            models.UniqueConstraint(fields=["source"], name="sponsors_receipt_once"),
            models.CheckConstraint(
                condition=Q(official_number="") | Q(nature="donation"), name="sponsors_receipt_official_donation"
            ),
            models.CheckConstraint(
                condition=Q(counter_to__isnull=True, fen__gte=0) | Q(counter_to__isnull=False, fen__lte=0),
                name="sponsors_receipt_sign",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The number as it is printed."""
        return f"SJ{self.fund_id:04d}-{self.year}-{self.sequence:05d}"


class Agreement(models.Model):
    """A donation agreement: its text as generated, and the scan with both signatures."""

    pledge = models.OneToOneField(Pledge, models.PROTECT, related_name="agreement", verbose_name=_("pledge"))
    text = models.TextField(_("text"))
    made_at = models.DateTimeField(_("made at"), default=timezone.now)
    signed_by_sponsor = models.ForeignKey("funds.Attachment", models.PROTECT, null=True, related_name="+")
    signed_by_village = models.ForeignKey("funds.Attachment", models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("donation agreement")
        verbose_name_plural = _("donation agreements")

    def __str__(self) -> str:
        return f"agreement:{self.pledge_id}"

    @property
    def is_signed(self) -> bool:
        """Say whether both sides have signed."""
        return bool(self.signed_by_sponsor_id and self.signed_by_village_id)
