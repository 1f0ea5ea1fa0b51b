"""A payment, its refunds and disputes. States only go forward: the database refuses every step back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import person_field

ZERO_DECIMAL = frozenset({"JPY", "KRW", "VND", "CLP", "XAF", "XOF", "PYG", "RWF", "UGX", "VUV"})


def exponent_of(currency: str) -> int:
    """Return how many decimals a currency has: the yen has none."""
    return 0 if currency in ZERO_DECIMAL else 2


class Payment(models.Model):
    """One payment to a fund, asked for once: amount, currency and fund never change afterwards."""

    class Provider(models.TextChoices):
        STRIPE = "stripe", "Stripe"
        PRACTICE = "practice", _("Practice payment")
        BANK = "bank", _("Bank transfer")
        CASH = "cash", _("Cash")

    class State(models.TextChoices):
        CREATING = "creating", _("Being opened")
        OPEN = "open", pgettext_lazy("payment", "Waiting for the money")
        PROCESSING = "processing", _("Being confirmed")
        FAILED = "failed", _("Not paid")
        EXPIRED = "expired", _("Not paid in time")
        PAID = "paid", pgettext_lazy("payment", "Paid, not yet booked")
        BOOKED = "booked", _("Booked")

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    key = models.UUIDField(unique=True, editable=False)  # of the form that asked: sent again, one payment
    provider = models.CharField(_("way"), max_length=8, choices=Provider.choices)
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="payments", verbose_name=_("fund"))
    purpose = models.ForeignKey(
        "funds.Purpose", models.PROTECT, null=True, blank=True, related_name="payments", verbose_name=_("purpose")
    )
    source = models.CharField(_("for"), max_length=60, blank=True)  # "pledge:12"; the app that it names knows more
    title = models.CharField(_("what for"), max_length=120)
    payer = models.CharField(_("payer"), max_length=120, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    amount_minor = models.BigIntegerField(_("amount"))  # smallest unit of the currency
    exponent = models.PositiveSmallIntegerField(default=2)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.CREATING)
    session = models.CharField(max_length=255, blank=True, editable=False)
    session_url = models.TextField(blank=True, editable=False)
    expires_at = models.DateTimeField(_("open until"), null=True, blank=True)
    intent = models.CharField(max_length=255, blank=True, editable=False)
    livemode = models.BooleanField(default=False, editable=False)
    failure = models.CharField(max_length=200, blank=True, editable=False)
    # As the page was first asked for: a repeated request must not differ by a letter.
    origin = models.CharField(max_length=200, blank=True, editable=False)
    locale = models.CharField(max_length=2, default="zh", editable=False)
    # Bank and cash
    reference = models.CharField(_("reference"), max_length=24, blank=True)
    document = models.CharField(_("number of the bank slip or receipt"), max_length=60, blank=True)
    received_on = models.DateField(_("received on"), null=True, blank=True)
    # What reached the books, in fen
    gross_fen = models.BigIntegerField(_("booked"), default=0)
    fee_fen = models.BigIntegerField(_("fee"), default=0)
    started_by = person_field(_("started by"), required=False)
    prepared_by = person_field(_("recorded by"), required=False)
    approved_by = person_field(_("confirmed by"), required=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    booked_at = models.DateTimeField(_("booked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        indexes = [
            models.Index(fields=["fund", "-created_at"], name="payments_of_fund"),
            models.Index(fields=["source"], condition=~Q(source=""), name="payments_source"),
            models.Index(
                fields=["provider", "created_at"],
                condition=Q(state__in=["creating", "open", "processing", "paid"]),
                name="payments_unfinished",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_amount_positive"),
            models.CheckConstraint(
                condition=Q(gross_fen__gte=0) & Q(fee_fen__gte=0), name="payments_booked_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("prepared_by")), name="payments_two_persons"
            ),
            # Bank and cash are booked only by a second person.
            models.CheckConstraint(
                condition=~Q(state="booked", provider__in=["bank", "cash"])
                | Q(prepared_by__isnull=False, approved_by__isnull=False),
                name="payments_by_hand_confirmed",
            ),
            models.UniqueConstraint(fields=["session"], condition=~Q(session=""), name="payments_session_once"),
            models.UniqueConstraint(fields=["intent"], condition=~Q(intent=""), name="payments_intent_once"),
            models.UniqueConstraint(
                fields=["fund", "reference"], condition=~Q(reference=""), name="payments_reference_once"
            ),
            models.UniqueConstraint(
                fields=["source"],
                condition=~Q(source="")
                & Q(provider__in=["stripe", "practice"])
                & Q(state__in=["creating", "open", "processing"]),
                name="payments_one_open_session",
            ),
        ]

    def __str__(self) -> str:
        return f"payment:{self.pk}"

    @property
    def number(self) -> str:
        """Name the payment as people quote it."""
        return f"P{self.pk:06d}"

    @property
    def amount(self) -> tuple[int, str]:
        """Amount with its currency, for the ``amount`` filter."""
        return self.amount_minor, self.currency

    @property
    def is_online(self) -> bool:
        """Whether a provider on the internet (or the practice double) carries it."""
        return self.provider in (self.Provider.STRIPE, self.Provider.PRACTICE)

    @property
    def is_practice(self) -> bool:
        """Whether no money moved: pages and receipts carry the band."""
        return self.provider == self.Provider.PRACTICE

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"booked": "good", "paid": "wheat", "failed": "bad", "expired": "quiet"}.get(self.state, "info")


class Refund(models.Model):
    """Money given back, or a bank receipt put right: one person prepares, another approves."""

    class Kind(models.TextChoices):
        REFUND = "refund", _("Refund")
        CORRECTION = "correction", _("Recorded wrongly")

    class State(models.TextChoices):
        ASKED = "asked", _("Waiting for approval")
        DECLINED = "declined", _("Declined")
        APPROVED = "approved", _("Approved, to be sent")
        SENT = "sent", _("Sent")
        PENDING = "pending", _("On its way")
        SUCCEEDED = "succeeded", _("Given back")
        FAILED = "failed", _("Came back")

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.REFUND)
    amount_minor = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.ASKED)
    from_free = models.BooleanField(_("from free money"), default=False)
    # Asked for at Stripe and not here: booked as it is, and shown to be looked at.
    foreign = models.BooleanField(_("started at the provider"), default=False)
    remote = models.CharField(max_length=255, blank=True, editable=False)
    failure = models.CharField(max_length=200, blank=True, editable=False)
    prepared_by = person_field(_("prepared by"), required=False)
    approved_by = person_field(_("approved by"), required=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_refund_positive"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("prepared_by")),
                name="payments_refund_two_persons",
            ),
            models.CheckConstraint(
                condition=Q(foreign=True) | Q(state="asked") | Q(prepared_by__isnull=False, approved_by__isnull=False),
                name="payments_refund_decided_by",
            ),
            models.UniqueConstraint(fields=["remote"], condition=~Q(remote=""), name="payments_refund_once"),
        ]

    def __str__(self) -> str:
        return f"refund:{self.pk}"

    @property
    def amount(self) -> tuple[int, str]:
        """Amount with its currency, for the ``amount`` filter."""
        return self.amount_minor, self.payment.currency

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"succeeded": "good", "failed": "bad", "declined": "quiet"}.get(self.state, "warn")


class Dispute(models.Model):
    """An objection of a card's holder. ``warning`` moves nothing."""

    class State(models.TextChoices):
        WARNING = "warning", pgettext_lazy("dispute", "Question of the bank")
        OPEN = "open", pgettext_lazy("dispute", "Open")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes", verbose_name=_("payment"))
    remote = models.CharField(max_length=255, unique=True, editable=False)
    amount_minor = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    due_at = models.DateTimeField(_("answer due"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")

    def __str__(self) -> str:
        return self.remote

    @property
    def amount(self) -> tuple[int, str]:
        """Amount with its currency, for the ``amount`` filter."""
        return self.amount_minor, self.payment.currency

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"won": "good", "lost": "bad", "open": "bad"}.get(self.state, "warn")


#: For each table: state → the states it may still become. Everything else the database refuses.
STEPS: dict[str, dict[str, tuple[str, ...]]] = {
    "payments_payment": {
        "creating": ("open", "processing", "failed", "expired", "paid"),
        "open": ("processing", "failed", "expired", "paid"),
        "processing": ("failed", "expired", "paid"),
        "failed": ("paid",),
        "expired": ("paid",),
        "paid": ("booked",),
        "booked": (),
    },
    "payments_refund": {
        "asked": ("declined", "approved"),
        "declined": (),
        "approved": ("sent", "pending", "succeeded", "failed"),
        "sent": ("pending", "succeeded", "failed"),
        "pending": ("succeeded", "failed"),
        "succeeded": ("failed",),
        "failed": (),
    },
    "payments_dispute": {
        "warning": ("open", "won", "lost"),
        "open": ("won", "lost"),
        "won": (),
        "lost": (),
    },
}


def may_become(row: models.Model, state: Any) -> bool:
    """Say whether a row's state may become this one."""
    return str(state) in STEPS[row._meta.db_table][str(row.state)]  # type: ignore[attr-defined]
