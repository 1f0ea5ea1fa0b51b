"""What providers said: events, refused calls, the lines of their books, payouts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import person_field


class StripeEvent(models.Model):
    """A verified message, kept as it came. It is a hint to look, never a fact to believe."""

    class State(models.TextChoices):
        RECEIVED = "received", pgettext_lazy("gift", "Received")
        DONE = "done", _("Done")
        IGNORED = "ignored", _("Not for us")
        FAILED = "failed", pgettext_lazy("event", "Failed")

    provider = models.CharField(max_length=8, default="stripe")
    event = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=80)
    body = models.TextField()
    livemode = models.BooleanField(default=False)
    object_id = models.CharField(max_length=255, blank=True)
    payment = models.ForeignKey("payments.Payment", models.PROTECT, null=True, blank=True, related_name="events")
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.RECEIVED)
    pulled = models.BooleanField(default=False)  # found by asking, not told
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["received_at"], condition=Q(state="received"), name="payments_event_waiting"),
            models.Index(fields=["object_id"], name="payments_event_object"),
        ]

    def __str__(self) -> str:
        return self.event


class RefusedHookCount(models.Model):
    """How many calls of the webhook were refused, by day and reason."""

    day = models.DateField(_("day"))
    reason = models.CharField(_("reason"), max_length=20)
    count = models.PositiveIntegerField(_("number"), default=0)

    class Meta:
        verbose_name = _("refused calls")
        verbose_name_plural = _("refused calls")
        constraints = [models.UniqueConstraint(fields=["day", "reason"], name="payments_refused_once_a_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.reason} {self.count}"


class ProviderPayout(models.Model):
    """Money on its way from the provider to our bank account."""

    class State(models.TextChoices):
        SENT = "sent", _("Sent to the bank")
        FAILED = "failed", pgettext_lazy("payout", "Came back")

    provider = models.CharField(max_length=8)
    remote = models.CharField(max_length=255, unique=True)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.SENT)
    arrives_on = models.DateField(_("arrives on"))
    bank_account = models.ForeignKey("funds.BankAccount", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")

    def __str__(self) -> str:
        return self.remote

    @property
    def amount(self) -> tuple[int, str]:
        """Amount with its currency, for the ``amount`` filter."""
        return self.amount_minor, self.currency


class BalanceTransaction(models.Model):
    """One line of the provider's books. Each that touches our books has the transfer ``stripe:{txn}``, once."""

    txn = models.CharField(max_length=255, unique=True)
    provider = models.CharField(max_length=8)
    kind = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    net = models.BigIntegerField()
    source = models.CharField(max_length=255, blank=True)
    payment = models.ForeignKey("payments.Payment", models.PROTECT, null=True, related_name="lines")
    refund = models.ForeignKey("payments.Refund", models.PROTECT, null=True, related_name="lines")
    dispute = models.ForeignKey("payments.Dispute", models.PROTECT, null=True, related_name="lines")
    payout = models.ForeignKey(ProviderPayout, models.PROTECT, null=True, related_name="lines")
    stray = models.BooleanField(default=False)  # booked to suspense, to be decided
    booked = models.BooleanField(default=False)
    # Where unexplained money belongs: one proposes, another confirms.
    place_fund = models.ForeignKey("funds.Fund", models.PROTECT, null=True, related_name="+")
    place_purpose = models.ForeignKey("funds.Purpose", models.PROTECT, null=True, related_name="+")
    place_prepared_by = person_field(_("prepared by"), required=False)
    place_approved_by = person_field(_("confirmed by"), required=False)
    placed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("line of the provider's books")
        verbose_name_plural = _("lines of the provider's books")
        indexes = [models.Index(fields=["provider", "created_at"], name="payments_line_time")]
        constraints = [
            models.CheckConstraint(condition=Q(net=models.F("amount") - models.F("fee")), name="payments_line_adds_up"),
            models.CheckConstraint(
                condition=Q(place_approved_by__isnull=True) | ~Q(place_approved_by=models.F("place_prepared_by")),
                name="payments_line_two_persons",
            ),
        ]

    def __str__(self) -> str:
        return self.txn

    @property
    def gross(self) -> tuple[int, str]:
        """Amount with its currency, for the ``amount`` filter."""
        return self.amount, self.currency
