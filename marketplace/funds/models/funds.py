"""Funds, the accounts in which their money lies, and what donors gave it for."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import Prepared, above_zero, decided, known_state, person_field


class BankAccount(models.Model):
    """A real account at a bank. It may hold the money of several funds (a town keeps its villages' books)."""

    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("region"))
    name = models.CharField(_("account holder"), max_length=80)
    bank_name = models.CharField(_("bank"), max_length=80, blank=True)
    number_encrypted = models.TextField(_("account number (encrypted)"), blank=True, editable=False)
    number_last4 = models.CharField(_("last digits"), max_length=4, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("bank account")
        verbose_name_plural = _("bank accounts")

    def __str__(self) -> str:
        return f"{self.name} …{self.number_last4}" if self.number_last4 else self.name

    @property
    def asset_key(self) -> str:
        """Ledger account of the money in it (an asset: its balance is minus the money)."""
        return f"asset:bank:{self.pk}"

    @property
    def suspense_key(self) -> str:
        """Ledger account of money in it that nobody has explained yet."""
        return f"suspense:bank:{self.pk}"


class Fund(models.Model):
    """The money of a region. Its ledger wallet holds free money and lots that are bound to a purpose."""

    region = models.OneToOneField("registry.Region", models.PROTECT, related_name="fund", verbose_name=_("region"))
    name = models.CharField(_("name"), max_length=80)
    bank_account = models.ForeignKey(BankAccount, models.PROTECT, related_name="funds", verbose_name=_("bank account"))
    point_value_fen = models.PositiveIntegerField(_("value of a point (fen)"), default=100)
    value_approved_by = person_field(_("value approved by"), required=False)
    warn_bp = models.PositiveIntegerField(_("warn below (1/100 %)"), default=10000)
    floor_bp = models.PositiveIntegerField(_("floor (1/100 %)"), default=6000)
    opened_on = models.DateField(_("opened on"))
    opened_by = person_field(_("opened by"), required=False)

    class Meta:
        verbose_name = _("fund")
        verbose_name_plural = _("funds")
        constraints = [
            models.CheckConstraint(condition=Q(point_value_fen__gt=0), name="funds_fund_point_value"),
            models.CheckConstraint(condition=Q(floor_bp__lte=F("warn_bp")), name="funds_fund_floor_below_warning"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wallet_key(self) -> str:
        """Ledger wallet of the fund."""
        return f"fund:{self.pk}"

    @property
    def shortfall_key(self) -> str:
        """Ledger account of what the fund owes because it was empty (at most 0)."""
        return f"shortfall:{self.pk}"

    @property
    def cash_key(self) -> str:
        """Ledger account of the cash in the fund's box."""
        return f"asset:cash:{self.pk}"

    @property
    def transit_key(self) -> str:
        """Ledger account through which money passes from one purpose to another."""
        return "transit"


class FundTerms(models.Model):
    """What was decided of a fund's terms, from which day, by whom and why: never changed, only followed.

    Shown to whoever sees the inside of the fund; kept for ever; a row or two a year. ``Fund`` holds what is in force.
    """

    fund = models.ForeignKey(Fund, models.PROTECT, related_name="terms", verbose_name=_("fund"))
    key = models.UUIDField(_("key"), unique=True, default=uuid.uuid4, editable=False)
    point_value_fen = models.PositiveIntegerField(_("value of a point (fen)"))
    warn_bp = models.PositiveIntegerField(_("warn below (1/100 %)"))
    floor_bp = models.PositiveIntegerField(_("floor (1/100 %)"))
    since = models.DateField(_("from"))
    reason = models.CharField(_("reason"), max_length=200)
    decided_by = person_field(_("decided by"))
    decided_at = models.DateTimeField(_("decided at"), default=timezone.now)
    applied_at = models.DateTimeField(_("in force since"), null=True, blank=True)

    class Meta:
        verbose_name = _("terms of a fund")
        verbose_name_plural = _("terms of funds")
        constraints = [
            models.CheckConstraint(condition=Q(point_value_fen__gt=0), name="funds_terms_point_value"),
            models.CheckConstraint(condition=Q(floor_bp__lte=F("warn_bp")), name="funds_terms_floor_below_warning"),
        ]
        indexes = [
            models.Index(fields=["since"], condition=Q(applied_at__isnull=True), name="funds_terms_due"),
            models.Index(fields=["fund", "-since"], name="funds_terms_history"),
        ]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.since}"


#: Purposes are used in the order of their restriction's text: days to the last day, then how narrow it is.
RANK_EPOCH = dt.date(2025, 1, 1)
NEVER_CLOSES = 99_999


class Purpose(models.Model):
    """What a donor bound money to. In the ledger it is the restriction of a lot; here is what it may pay for."""

    class State(models.TextChoices):
        OPEN = "open", _("In use")
        SPENT = "spent", _("Spent")
        CLOSED = "closed", _("Closed")

    fund = models.ForeignKey(Fund, models.PROTECT, related_name="purposes", verbose_name=_("fund"))
    key = models.UUIDField(_("key"), unique=True, editable=False)
    name = models.CharField(_("purpose"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    donor = models.CharField(_("given by"), max_length=120, blank=True)  # as it may be shown
    source = models.CharField(max_length=60, blank=True, editable=False)  # "pledge:12"
    # Ids, empty = any. Lists and not relations: a hand-over reads a purpose with one statement.
    products = models.JSONField(_("rewards"), default=list, blank=True)
    partners = models.JSONField(_("suppliers"), default=list, blank=True)
    villages = models.JSONField(_("villages"), default=list, blank=True)
    min_age = models.PositiveSmallIntegerField(_("from age"), null=True, blank=True)
    weekdays = models.JSONField(_("weekdays"), default=list, blank=True)  # 0 = Monday
    opens_on = models.DateField(_("first day"), null=True, blank=True)
    closes_on = models.DateField(_("last day"), null=True, blank=True)
    # A project's purpose is spent by approved expenses only; it pays no ticket.
    pays_tickets = models.BooleanField(_("pays tickets"), default=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    restriction = models.CharField(max_length=40, unique=True, null=True, editable=False)
    created_by = person_field(_("created by"), required=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("purpose")
        verbose_name_plural = _("purposes")
        indexes = [models.Index(fields=["fund", "state"], name="funds_purpose_fund_state")]
        constraints = [
            known_state("purpose", "open spent closed"),
            models.CheckConstraint(
                condition=Q(opens_on__isnull=True) | Q(closes_on__isnull=True) | Q(closes_on__gte=F("opens_on")),
                name="funds_purpose_days",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rank(self) -> int:
        """Order of use: what closes soonest first, of one day the narrowest first. Six digits."""
        days = NEVER_CLOSES if self.closes_on is None else (self.closes_on - RANK_EPOCH).days
        wide = (not self.products) + (not self.partners) + (not self.villages) + (self.min_age is None)
        return min(max(days, 0), NEVER_CLOSES) * 10 + wide * 2 + (not self.weekdays)

    def matches(self, thing: Any) -> bool:
        """Say whether this purpose may pay for ``thing`` (product_id, partner_id, village_id, age, on)."""
        if self.state == self.State.CLOSED or not self.pays_tickets:
            return False
        if self.min_age is not None and (thing.age is None or thing.age < self.min_age):
            return False
        if (self.opens_on and thing.on < self.opens_on) or (self.closes_on and thing.on > self.closes_on):
            return False
        return (
            (not self.products or thing.product_id in self.products)
            and (not self.partners or thing.partner_id in self.partners)
            and (not self.villages or thing.village_id in self.villages)
            and (not self.weekdays or thing.on.weekday() in self.weekdays)
        )


class PurposeChange(Prepared):
    """Money of one purpose moved to another, or freed: with the donor's consent, by two persons."""

    purpose = models.ForeignKey(Purpose, models.PROTECT, related_name="changes", verbose_name=_("purpose"))
    to = models.ForeignKey(
        Purpose, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("new purpose")
    )  # nothing: free money
    fen = models.BigIntegerField(_("amount"))
    consent = models.CharField(_("consent of the donor"), max_length=200)
    attachment = models.ForeignKey("funds.Attachment", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("change of purpose")
        verbose_name_plural = _("changes of purpose")
        constraints = [
            *decided("purposechange"),
            above_zero("purposechange"),
            models.CheckConstraint(condition=~Q(consent=""), name="funds_purposechange_consent"),
            models.CheckConstraint(
                condition=Q(to__isnull=True) | ~Q(to=F("purpose")), name="funds_purposechange_other"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose_id} → {self.to_id}"


class Allocation(Prepared):
    """Money given by one fund to another (a town to its village); what is bound to a purpose stays bound."""

    source = models.ForeignKey(Fund, models.PROTECT, related_name="allocations_out", verbose_name=_("from"))
    target = models.ForeignKey(Fund, models.PROTECT, related_name="allocations_in", verbose_name=_("to"))
    purpose = models.ForeignKey(
        Purpose, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("purpose")
    )
    fen = models.BigIntegerField(_("amount"))
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = [
            *decided("allocation"),
            above_zero("allocation"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="funds_allocation_other"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"


class Budget(Prepared):
    """What a fund means to spend on something in a quarter."""

    class Kind(models.TextChoices):
        REWARDS = "rewards", _("Rewards and services")
        GOODS = "goods", _("Goods for the shelf")
        PROJECTS = "projects", _("Projects")
        COMMENDATION = "commendation", _("Commendation")
        OTHER = "other", _("Other")

    fund = models.ForeignKey(Fund, models.PROTECT, related_name="budgets", verbose_name=_("fund"))
    quarter = models.DateField(_("quarter"))  # its first day
    kind = models.CharField(_("for what"), max_length=12, choices=Kind.choices)
    fen = models.BigIntegerField(_("planned"))
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            *decided("budget"),
            known_state("budget", "rewards goods projects commendation other", "kind"),
            models.CheckConstraint(condition=Q(fen__gte=0), name="funds_budget_not_negative"),
            models.UniqueConstraint(
                fields=["fund", "quarter", "kind"], condition=~Q(state="declined"), name="funds_budget_once"
            ),
            models.CheckConstraint(
                condition=Q(quarter__day=1, quarter__month__in=[1, 4, 7, 10]), name="funds_budget_quarter"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.quarter} {self.kind}"


class PeriodClose(models.Model):
    """A month or quarter of a fund that is closed: nothing is dated into it any more."""

    class Kind(models.TextChoices):
        MONTH = "month", _("Month")
        QUARTER = "quarter", _("Quarter")

    fund = models.ForeignKey(Fund, models.PROTECT, related_name="closes", verbose_name=_("fund"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.MONTH)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    figures = models.JSONField(_("figures"), default=dict)
    closed_by = person_field(_("closed by"))
    closed_at = models.DateTimeField(_("closed at"), default=timezone.now)

    class Meta:
        verbose_name = _("closed period")
        verbose_name_plural = _("closed periods")
        constraints = [
            known_state("periodclose", "month quarter", "kind"),
            models.UniqueConstraint(fields=["fund", "kind", "first_day"], name="funds_period_closed_once"),
            models.CheckConstraint(condition=Q(last_day__gt=F("first_day")), name="funds_period_days"),
        ]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.first_day}"


class CoverageSnapshot(models.Model):
    """How far a fund covers the points outstanding, at one moment. Fen; points in 1/100."""

    fund = models.ForeignKey(Fund, models.CASCADE, related_name="snapshots", verbose_name=_("fund"))
    taken_at = models.DateTimeField(_("at"), default=timezone.now)
    free_fen = models.BigIntegerField(_("free money"))
    shortfall_fen = models.BigIntegerField(_("owed by the fund"))
    purposes_fen = models.BigIntegerField(_("earmarked and promised"))
    stock_fen = models.BigIntegerField(_("goods on the shelf"))
    gifts_fen = models.BigIntegerField(_("given services"))
    commitments_fen = models.BigIntegerField(_("promised to open tickets"))
    earmarked_fen = models.BigIntegerField(_("earmarked, not counted"))
    cover_fen = models.BigIntegerField(_("cover"))
    points = models.BigIntegerField(_("points outstanding"))
    liability_fen = models.BigIntegerField(_("value of the points"))
    expiring_points = models.BigIntegerField(_("of which end within 90 days"), default=0)
    bp = models.BigIntegerField(_("cover (1/100 %)"), null=True)  # nothing: no points outstanding

    class Meta:
        verbose_name = _("cover")
        verbose_name_plural = _("cover")
        ordering = ["-taken_at", "-pk"]
        indexes = [models.Index(fields=["fund", "-taken_at"], name="funds_snapshot_latest")]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.bp}"
