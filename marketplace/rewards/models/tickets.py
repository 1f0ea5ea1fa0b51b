"""Tickets: proof of one redeemed thing, handed over once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.rewards import codes


class Ticket(models.Model):
    """One unit of a service, or one line of goods, waiting at a supplier."""

    class Kind(models.TextChoices):
        GOODS = "goods", _("Goods")
        SERVICE = "service", _("Service")

    class State(models.TextChoices):
        ISSUED = "issued", _("Ready to collect")
        HANDED_OVER = "handed_over", _("Handed over")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        VOID = "void", _("Void")
        # Handed over and taken back by two persons: as if it had been cancelled, but later.
        RETURNED = "returned", _("Returned")

    code = models.CharField(_("code"), max_length=codes.LENGTH, unique=True)
    redemption = models.ForeignKey(
        "rewards.Redemption", models.PROTECT, related_name="tickets", verbose_name=_("redemption")
    )
    order = models.ForeignKey("order.Order", models.PROTECT, related_name="tickets", verbose_name=_("order"))
    line = models.ForeignKey("order.Line", models.PROTECT, related_name="tickets", verbose_name=_("line"))
    partner = models.ForeignKey("partner.Partner", models.PROTECT, related_name="tickets", verbose_name=_("supplier"))
    product = models.ForeignKey("catalogue.Product", models.PROTECT, related_name="tickets", verbose_name=_("reward"))
    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="tickets", verbose_name=_("stock record")
    )
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="tickets", verbose_name=_("resident")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    points = models.BigIntegerField(_("points"))  # 1/100 point, for the whole ticket
    # Whether goods are promised on the shelf for it.
    is_stocked = models.BooleanField(_("holds stock"), default=False)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.ISSUED)
    issued_at = models.DateTimeField(_("issued at"), default=timezone.now)
    valid_until = models.DateField(_("valid until"))  # the last good day
    handed_over_at = models.DateTimeField(_("handed over at"), null=True, blank=True)
    handed_over_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("handed over by"),
    )
    # A hand-over that was undone may happen again: each has its own entry in the ledger.
    hand_overs = models.PositiveSmallIntegerField(default=0, editable=False)
    hand_over_transfer_id = models.BigIntegerField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        indexes = [
            models.Index(fields=["resident", "state", "valid_until"], name="ticket_resident_state"),
            models.Index(fields=["partner", "state", "valid_until"], name="ticket_partner_state"),
            models.Index(fields=["partner", "handed_over_at"], name="ticket_partner_handed_over"),
            models.Index(fields=["state", "valid_until"], name="ticket_state_valid"),
            models.Index(fields=["resident", "product", "issued_at"], name="ticket_resident_product"),
            models.Index(
                fields=["handed_over_at", "id"], condition=Q(state="handed_over"), name="ticket_handed_over_at"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="ticket_quantity_positive"),
            models.CheckConstraint(condition=Q(points__gte=0), name="ticket_points_not_negative"),
            models.CheckConstraint(
                condition=Q(state="handed_over", handed_over_at__isnull=False, hand_overs__gt=0)
                | (~Q(state="handed_over") & Q(handed_over_at__isnull=True)),
                name="ticket_handed_over_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def title(self) -> str:
        """What it is for, in the reader's language, with the number of pieces."""
        title = self.product.get_title()
        return f"{title} × {self.quantity}" if self.quantity > 1 else title

    @property
    def grouped_code(self) -> str:
        return codes.grouped(self.code)

    @property
    def qr_text(self) -> str:
        """Return what the QR says; nothing once the ticket is of no more use."""
        return codes.qr_text(self.code) if self.is_open else ""

    @property
    def is_open(self) -> bool:
        return self.state == self.State.ISSUED

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        tones = {"issued": "wheat", "handed_over": "good", "expired": "warn", "void": "bad"}
        return tones.get(self.state, "quiet")


class TicketEvent(models.Model):
    """What happened to a ticket: added, never changed."""

    class What(models.TextChoices):
        ISSUED = "issued", _("Redeemed")
        HANDED_OVER = "handed_over", _("Handed over")
        UNDONE = "undone", _("Hand-over undone")
        CANCELLED = "cancelled", _("Cancelled, points given back")
        EXPIRED = "expired", _("Not collected in time, points given back")
        RETURNED = "returned", _("Returned, points given back")
        SOME_RETURNED = "some_return", _("Some pieces returned, their points given back")

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="events", verbose_name=_("ticket"))
    what = models.CharField(_("what"), max_length=12, choices=What.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    device = models.CharField(_("device"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("ticket event")
        verbose_name_plural = _("ticket events")
        ordering = ["occurred_at", "pk"]
        indexes = [
            models.Index(fields=["ticket", "occurred_at"], name="ticket_event_ticket_at"),
            models.Index(fields=["actor", "occurred_at"], name="ticket_event_who_at"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.what}"


class Scan(models.Model):
    """One attempt to hand a ticket over, successful or not. A scan sent twice with its nonce is answered once."""

    class Result(models.TextChoices):
        HANDED_OVER = "handed_over", _("Handed over")
        ALREADY = "already", _("Already handed over")
        WRONG_PARTNER = "wrong_partner", _("For another counter")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        VOID = "void", _("Not valid")
        RETURNED = "returned", _("Returned")
        OTHER_PERSON = "other_person", _("Another person must hand this over")
        UNKNOWN = "unknown", _("No such ticket")

    nonce = models.CharField(_("nonce"), max_length=64, unique=True)
    code = models.CharField(_("what was scanned"), max_length=40)
    partner = models.ForeignKey(
        "partner.Partner", models.PROTECT, null=True, blank=True, related_name="scans", verbose_name=_("counter")
    )
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, null=True, blank=True, related_name="scans", verbose_name=_("ticket")
    )
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("who"))
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    result = models.CharField(_("result"), max_length=16, choices=Result.choices, default=Result.UNKNOWN)
    # What the clerk was told about an earlier hand-over, so that a repeated answer says the same.
    earlier_at = models.DateTimeField(_("handed over before, at"), null=True, blank=True)
    earlier_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("handed over before, by"),
    )
    device = models.CharField(_("device"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        indexes = [models.Index(fields=["partner", "occurred_at"], name="scan_partner_at")]

    def __str__(self) -> str:
        return f"{self.code} {self.result}"

    @property
    def ok(self) -> bool:
        return self.result == self.Result.HANDED_OVER

    @property
    def tone(self) -> str:
        """Return green for done, orange for what a word can clear up, red for what must not be handed over."""
        if self.ok:
            return "good"
        return (
            "warn"
            if self.result in {self.Result.ALREADY, self.Result.WRONG_PARTNER, self.Result.OTHER_PERSON}
            else "bad"
        )
