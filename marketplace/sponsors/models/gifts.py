"""What a sponsor promises, and what of it came."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import person_field
from marketplace.sponsors.models.base import known_state


class Pledge(models.Model):
    """A promise of money, goods or a service; a donation, or a sponsorship with a name in return."""

    class Nature(models.TextChoices):
        DONATION = "donation", _("Donation")
        SPONSORSHIP = "sponsorship", _("Sponsorship")

    class Kind(models.TextChoices):
        MONEY = "money", _("Money")
        GOODS = "goods", pgettext_lazy("pledge", "Goods")
        SERVICE = "service", pgettext_lazy("pledge", "Services")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Sent to the village")
        APPROVED = "approved", _("Accepted")
        PART = "part", _("Partly come")
        FULFILLED = "fulfilled", _("Fulfilled")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("gift", "Withdrawn")
        LAPSED = "lapsed", _("Lapsed")

    enterprise = models.ForeignKey(
        "sponsors.Enterprise", models.PROTECT, related_name="pledges", verbose_name=_("sponsor")
    )
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="pledges", verbose_name=_("fund"))
    need = models.ForeignKey(
        "sponsors.Need", models.PROTECT, null=True, blank=True, related_name="pledges", verbose_name=_("need")
    )
    nature = models.CharField(_("nature"), max_length=12, choices=Nature.choices, default=Nature.DONATION)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    text = models.CharField(_("what for"), max_length=200)
    # Money
    amount_fen = models.BigIntegerField(_("amount"), default=0)
    restricted = models.BooleanField(_("bound to a purpose"), default=False)
    supplier = models.ForeignKey(
        "partner.Partner", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("only at")
    )
    min_age = models.PositiveSmallIntegerField(_("from age"), null=True, blank=True)
    purpose = models.ForeignKey(
        "funds.Purpose", models.PROTECT, null=True, blank=True, related_name="pledges", verbose_name=_("purpose")
    )
    # Goods and services
    units = models.PositiveIntegerField(_("units"), default=0)
    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("reward")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    due_on = models.DateField(_("expected by"))
    related_party = models.BooleanField(_("the sponsor is paid out of its own gift"), default=False)
    # What came
    received_fen = models.BigIntegerField(_("received"), default=0)  # gross; minus what went back
    fee_fen = models.BigIntegerField(_("fee"), default=0)
    received_units = models.PositiveIntegerField(_("units received"), default=0)
    made_by = person_field(_("made by"))
    made_at = models.DateTimeField(_("made at"), default=timezone.now)
    decided_by = person_field(_("decided by"), required=False)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("pledge")
        verbose_name_plural = _("pledges")
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["fund", "state"], name="sponsors_pledge_fund")]
        constraints = [
            known_state("pledge", "draft submitted approved part fulfilled declined withdrawn lapsed"),
            known_state("pledge", "money goods service", "kind"),
            models.CheckConstraint(
                condition=Q(kind="money", amount_fen__gt=0, units=0) | (~Q(kind="money") & Q(units__gt=0)),
                name="sponsors_pledge_of_something",
            ),
            models.CheckConstraint(
                condition=Q(received_fen__gte=0, fee_fen__gte=0), name="sponsors_pledge_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "submitted", "withdrawn"]) | Q(decided_at__isnull=False),
                name="sponsors_pledge_decided",
            ),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        tones = {"submitted": "warn", "approved": "wheat", "part": "wheat", "fulfilled": "good", "declined": "bad"}
        return tones.get(self.state, "quiet")

    @property
    def is_live(self) -> bool:
        """Say whether something may still come."""
        return self.state in (self.State.APPROVED, self.State.PART)

    @property
    def source(self) -> str:
        """Name this pledge for payments and purposes."""
        return f"pledge:{self.pk}"

    @property
    def missing_fen(self) -> int:
        """Money that has not come yet."""
        return max(self.amount_fen - self.received_fen, 0)


class Delivery(models.Model):
    """Goods or services that came for a pledge: the stock keeper counts, the fund keeper values."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("Announced")
        COUNTED = "counted", pgettext_lazy("gift", "Counted")
        VALUED = "valued", _("Valued")
        CANCELLED = "cancelled", _("Cancelled")

    class Evidence(models.TextChoices):
        INVOICE = "invoice", _("Invoice")
        QUOTES = "quotes", _("Two quotes")
        NONE = "none", _("None: counts no money")

    pledge = models.ForeignKey(Pledge, models.PROTECT, related_name="deliveries", verbose_name=_("pledge"))
    units = models.PositiveIntegerField(_("units announced"))
    expected_on = models.DateField(_("expected on"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.ANNOUNCED)
    counted_units = models.PositiveIntegerField(_("units counted"), null=True, blank=True)
    use_by = models.DateField(_("use by"), null=True, blank=True)
    movement = models.OneToOneField("rewards.StockMovement", models.PROTECT, null=True, blank=True, related_name="+")
    batch = models.OneToOneField("funds.Batch", models.PROTECT, null=True, blank=True, related_name="delivery")
    gift = models.OneToOneField("funds.ServiceGift", models.PROTECT, null=True, blank=True, related_name="delivery")
    evidence = models.CharField(_("evidence"), max_length=8, choices=Evidence.choices, blank=True)
    evidence_text = models.CharField(_("number of the invoice, or both quotes"), max_length=200, blank=True)
    attachment = models.ForeignKey("funds.Attachment", models.PROTECT, null=True, blank=True, related_name="+")
    value_fen = models.BigIntegerField(_("value"), default=0)
    announced_by = person_field(_("announced by"))
    announced_at = models.DateTimeField(_("announced at"), default=timezone.now)
    counted_by = person_field(_("counted by"), required=False)
    counted_at = models.DateTimeField(_("counted at"), null=True, blank=True)
    valued_by = person_field(_("valued by"), required=False)
    valued_at = models.DateTimeField(_("valued at"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-announced_at", "-pk"]
        constraints = [
            known_state("delivery", "announced counted valued cancelled"),
            models.CheckConstraint(condition=Q(units__gt=0), name="sponsors_delivery_units"),
            models.CheckConstraint(
                condition=Q(valued_by__isnull=True) | ~Q(valued_by=F("counted_by")),
                name="sponsors_delivery_two_persons",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["announced", "cancelled"]) | Q(counted_units__gt=0, counted_by__isnull=False),
                name="sponsors_delivery_counted",
            ),
            models.CheckConstraint(
                condition=~Q(evidence__in=["none", ""]) | Q(value_fen=0), name="sponsors_delivery_no_value_unproven"
            ),
            models.CheckConstraint(condition=Q(value_fen__gte=0), name="sponsors_delivery_value"),
        ]

    def __str__(self) -> str:
        return f"delivery:{self.pk}"

    @property
    def source(self) -> str:
        """Name this delivery for batches and given services."""
        return f"delivery:{self.pk}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"announced": "warn", "counted": "wheat", "valued": "good"}.get(self.state, "quiet")
