"""Lines of bank statements: taken in once, matched by two persons, never guessed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import person_field


class BankTemplate(models.Model):
    """Which column of a bank's file says what. Columns are named by their heading; several names by "|"."""

    name = models.CharField(_("bank"), max_length=60, unique=True)
    encoding = models.CharField(max_length=12, default="utf-8-sig")
    day = models.CharField(_("column of the day"), max_length=120)
    day_format = models.CharField(max_length=20, default="%Y-%m-%d")
    amount = models.CharField(_("column of the amount"), max_length=120, blank=True)
    money_in = models.CharField(_("column of money in"), max_length=120, blank=True)
    money_out = models.CharField(_("column of money out"), max_length=120, blank=True)
    party = models.CharField(_("column of the other side"), max_length=120, blank=True)
    memo = models.CharField(_("column of the remark"), max_length=120, blank=True)
    serial = models.CharField(_("column of the serial number"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("format of a bank's file")
        verbose_name_plural = _("formats of banks' files")
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount="") | (~Q(money_in="") & ~Q(money_out="")), name="payments_template_amount"
            )
        ]

    def __str__(self) -> str:
        return self.name


class BankImport(models.Model):
    """A file of a bank, taken in once."""

    bank_account = models.ForeignKey("funds.BankAccount", models.PROTECT, related_name="imports")
    template = models.ForeignKey(BankTemplate, models.PROTECT, related_name="+")
    name = models.CharField(_("file"), max_length=120)
    sha256 = models.CharField(max_length=64)
    lines_new = models.PositiveIntegerField(default=0)
    lines_known = models.PositiveIntegerField(default=0)
    imported_by = person_field(_("taken in by"))
    imported_at = models.DateTimeField(_("taken in at"), default=timezone.now)

    class Meta:
        verbose_name = _("bank file")
        verbose_name_plural = _("bank files")
        constraints = [
            models.UniqueConstraint(fields=["bank_account", "sha256"], name="payments_bank_file_once"),
        ]

    def __str__(self) -> str:
        return self.name


class BankEntry(models.Model):
    """One movement of a bank account. Fen; above 0 money came in."""

    class State(models.TextChoices):
        NEW = "new", pgettext_lazy("bank line", "To be decided")
        PROPOSED = "proposed", _("Waiting for a second person")
        BOOKED = "booked", _("Booked")
        LEFT = "left", _("Left aside")

    class Kind(models.TextChoices):
        PAYMENT = "payment", _("Payment of a donor")
        PAYOUT = "payout", _("Payout of the payment service")
        OPENING = "opening", _("Opening balance")
        COLLECTIVE = "collective", _("Collective income")
        GRANT = "grant", _("Grant from above")
        INTEREST = "interest", _("Interest")
        FEE = "fee", _("Bank fee")
        NONE = "none", _("Not ours")

    bank_account = models.ForeignKey("funds.BankAccount", models.PROTECT, related_name="entries")
    batch = models.ForeignKey(BankImport, models.PROTECT, related_name="entries")
    fingerprint = models.CharField(max_length=64)  # of the line and its place among equal ones of that day
    booked_on = models.DateField(_("day"))
    amount_fen = models.BigIntegerField(_("amount"))
    party = models.CharField(_("other side"), max_length=120, blank=True)
    memo = models.CharField(_("remark"), max_length=200, blank=True)
    serial = models.CharField(_("serial number"), max_length=60, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.NEW)
    kind = models.CharField(_("what it is"), max_length=10, choices=Kind.choices, blank=True)
    fund = models.ForeignKey("funds.Fund", models.PROTECT, null=True, blank=True, related_name="+")
    payment = models.OneToOneField(
        "payments.Payment", models.PROTECT, null=True, blank=True, related_name="bank_entry", verbose_name=_("payment")
    )
    payout = models.OneToOneField(
        "payments.ProviderPayout", models.PROTECT, null=True, blank=True, related_name="bank_entry"
    )
    # What is no gift stands as a line in the fund's own bank book.
    funds_line = models.OneToOneField("funds.BankLine", models.PROTECT, null=True, blank=True, related_name="entry")
    note = models.CharField(_("note"), max_length=200, blank=True)
    prepared_by = person_field(_("prepared by"), required=False)
    approved_by = person_field(_("confirmed by"), required=False)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        ordering = ["-booked_on", "-pk"]
        indexes = [models.Index(fields=["bank_account", "state", "-booked_on"], name="payments_bank_waiting")]
        constraints = [
            models.UniqueConstraint(fields=["bank_account", "fingerprint"], name="payments_bank_entry_once"),
            models.CheckConstraint(condition=~Q(amount_fen=0), name="payments_bank_entry_moves"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("prepared_by")),
                name="payments_bank_entry_two_persons",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["booked", "left"]) | Q(prepared_by__isnull=False, approved_by__isnull=False),
                name="payments_bank_entry_decided_by",
            ),
        ]

    def __str__(self) -> str:
        return f"bankentry:{self.pk}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"booked": "good", "left": "quiet", "proposed": "wheat"}.get(self.state, "warn")
