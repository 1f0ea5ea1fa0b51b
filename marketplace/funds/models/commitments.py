"""From an issued ticket to what its supplier is owed. Tickets are known here by their number only."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import above_zero, known_state, person_field


class ServiceGift(models.Model):
    """Units of a service that somebody gave and that are used before money is: forty haircuts."""

    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="service_gifts", verbose_name=_("reward at a supplier")
    )
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="service_gifts", verbose_name=_("fund"))
    key = models.UUIDField(_("key"), unique=True, editable=False)
    donor = models.CharField(_("given by"), max_length=120, blank=True)
    source = models.CharField(max_length=60, blank=True, editable=False)  # "delivery:12"
    units = models.PositiveIntegerField(_("units"))
    promised = models.PositiveIntegerField(_("promised"), default=0)
    delivered = models.PositiveIntegerField(_("handed over"), default=0)
    valid_until = models.DateField(_("until"), null=True, blank=True)
    created_by = person_field(_("created by"), required=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("given service")
        verbose_name_plural = _("given services")
        constraints = [
            models.CheckConstraint(condition=Q(units__gt=0), name="funds_gift_units_positive"),
            models.CheckConstraint(
                condition=Q(units__gte=F("promised") + F("delivered")), name="funds_gift_never_given_twice"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.donor} {self.units}"

    @property
    def left(self) -> int:
        """Units that are neither promised nor handed over."""
        return self.units - self.promised - self.delivered


class Commitment(models.Model):
    """What an issued ticket will cost, and out of what: a row, no money."""

    class Kind(models.TextChoices):
        STOCK = "stock", _("Goods on the shelf")
        GIFT = "gift", _("Given service")
        CASH = "cash", _("Paid by the fund")
        OWN = "own", _("Borne by the village")
        UNPRICED = "unpriced", _("Without agreed price")

    class State(models.TextChoices):
        OPEN = "open", _("Not yet handed over")
        DRAWN = "drawn", _("Handed over")
        RELEASED = "released", _("Released")

    ticket_id = models.BigIntegerField(_("ticket"), unique=True)
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="commitments", verbose_name=_("fund"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    stockrecord = models.ForeignKey("partner.StockRecord", models.PROTECT, related_name="+")
    partner = models.ForeignKey("partner.Partner", models.PROTECT, related_name="+", verbose_name=_("supplier"))
    product = models.ForeignKey("catalogue.Product", models.PROTECT, related_name="+", verbose_name=_("reward"))
    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("village"))
    age = models.PositiveSmallIntegerField(null=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_fen = models.BigIntegerField(_("agreed price"), default=0)
    fen = models.BigIntegerField(_("cost"), default=0)
    # Whose name the ticket carries: fixed when it is issued.
    purpose = models.ForeignKey("funds.Purpose", models.PROTECT, null=True, related_name="+")
    gift = models.ForeignKey(ServiceGift, models.PROTECT, null=True, related_name="commitments")
    donor = models.CharField(_("given by"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("commitment")
        verbose_name_plural = _("commitments")
        indexes = [
            models.Index(fields=["fund", "kind"], condition=Q(state="open"), name="funds_commitment_open"),
            models.Index(fields=["stockrecord", "state"], name="funds_commitment_record"),
        ]
        constraints = [
            known_state("commitment", "open drawn released"),
            known_state("commitment", "stock gift cash own unpriced", "kind"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="funds_commitment_quantity"),
            models.CheckConstraint(
                condition=Q(kind="cash", fen__gt=0) | (~Q(kind="cash") & Q(fen=0)), name="funds_commitment_cash_costs"
            ),
            models.CheckConstraint(
                condition=Q(kind="gift", gift__isnull=False) | (~Q(kind="gift") & Q(gift__isnull=True)),
                name="funds_commitment_gift",
            ),
        ]

    def __str__(self) -> str:
        return f"ticket:{self.ticket_id} {self.kind} {self.fen}"


class DrawDown(models.Model):
    """The cost of a handed-over ticket, owed to its supplier. ``n`` counts the hand-overs of a ticket."""

    class State(models.TextChoices):
        UNPRICED = "unpriced", _("Without agreed price")
        OWN = "own", _("Borne by the village")
        OPEN = "open", _("Not yet on a statement")
        LISTED = "listed", _("On a statement")
        SETTLED = "settled", _("Paid")
        REVERSED = "reversed", _("Taken back")
        DISPUTED = "disputed", _("Objected to")

    ticket_id = models.BigIntegerField(_("ticket"))
    n = models.PositiveSmallIntegerField(default=1)
    commitment = models.ForeignKey(Commitment, models.PROTECT, related_name="draws")
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="draws", verbose_name=_("fund"))
    partner = models.ForeignKey("partner.Partner", models.PROTECT, related_name="draws", verbose_name=_("supplier"))
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    fen = models.BigIntegerField(_("amount"), default=0)
    short_fen = models.BigIntegerField(_("of which the fund owes"), default=0)
    handed_on = models.DateField(_("handed over on"))
    drawn_at = models.DateTimeField(_("drawn at"), default=timezone.now)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    transfer_id = models.BigIntegerField(null=True, unique=True, editable=False)
    statement = models.ForeignKey(
        "funds.Statement", models.PROTECT, null=True, blank=True, related_name="draws", verbose_name=_("statement")
    )
    # A ticket returned after it was paid is netted on a later statement.
    was_settled = models.BooleanField(default=False)
    returned_statement = models.ForeignKey(
        "funds.Statement", models.PROTECT, null=True, blank=True, related_name="returns"
    )
    # … or the supplier paid it back.
    repaid_line = models.ForeignKey("funds.BankLine", models.PROTECT, null=True, blank=True, related_name="returns")
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = person_field(_("taken back by"), required=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("draw-down")
        verbose_name_plural = _("draw-downs")
        indexes = [
            models.Index(fields=["partner", "state", "handed_on"], name="funds_draw_partner_state"),
            models.Index(fields=["fund", "state"], name="funds_draw_fund_state"),
        ]
        constraints = [
            known_state("drawdown", "unpriced own open listed settled reversed disputed"),
            models.UniqueConstraint(fields=["ticket_id", "n"], name="funds_draw_once"),
            models.UniqueConstraint(fields=["ticket_id"], condition=~Q(state="reversed"), name="funds_draw_one_lives"),
            models.CheckConstraint(
                condition=Q(state__in=["unpriced", "own"], fen=0, transfer_id__isnull=True)
                | Q(fen__gt=0, transfer_id__isnull=False)
                | Q(state="reversed"),
                name="funds_draw_is_posted",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["unpriced", "own", "open"], statement__isnull=True)
                | Q(state__in=["listed", "settled", "disputed"], statement__isnull=False)
                | Q(state="reversed"),
                name="funds_draw_statement",
            ),
            models.CheckConstraint(
                condition=Q(short_fen__gte=0, short_fen__lte=F("fen")), name="funds_draw_short_within"
            ),
        ]

    def __str__(self) -> str:
        return f"ticket:{self.ticket_id}:{self.n} {self.fen}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"settled": "good", "unpriced": "warn", "disputed": "bad", "reversed": "quiet"}.get(self.state, "wheat")


class DrawShare(models.Model):
    """Out of which fund and purpose a draw-down was paid."""

    draw = models.ForeignKey(DrawDown, models.CASCADE, related_name="shares")
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="+")
    purpose = models.ForeignKey("funds.Purpose", models.PROTECT, null=True, related_name="shares")
    fen = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("share of a draw-down")
        verbose_name_plural = _("shares of a draw-down")
        constraints = [above_zero("share")]

    def __str__(self) -> str:
        return f"{self.draw_id} {self.purpose_id} {self.fen}"
