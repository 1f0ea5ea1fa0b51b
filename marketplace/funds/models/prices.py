"""What a supplier is paid for a reward, and what may never have a price."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import Prepared, decided, person_field


class AgreedPrice(Prepared):
    """Fen that a fund pays a supplier for one unit, from a day until a day (nothing: until another is agreed).

    Approved prices of one stock record never overlap: see ``guards``.
    """

    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="agreed_prices", verbose_name=_("reward at a supplier")
    )
    fen = models.BigIntegerField(_("agreed price"))
    valid_from = models.DateField(_("from"))
    valid_until = models.DateField(_("until"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("agreed price")
        verbose_name_plural = _("agreed prices")
        ordering = ["stockrecord", "-valid_from", "-pk"]
        indexes = [models.Index(fields=["stockrecord", "state", "valid_from"], name="funds_price_record_from")]
        constraints = [
            *decided("agreedprice"),
            models.CheckConstraint(condition=Q(fen__gte=0), name="funds_agreedprice_not_negative"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="funds_agreedprice_days",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id} {self.fen} {self.valid_from}"


class BasicLine(models.Model):
    """A reward that is everybody's right: it never has a price, a least star or a limit (triggers keep it so).

    From ``ends_on`` on it is none any more; the row stays, with who ended it and why.
    """

    product = models.ForeignKey(
        "catalogue.Product", models.PROTECT, related_name="basic_lines", verbose_name=_("reward")
    )
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="basic_lines", verbose_name=_("fund"))
    note = models.CharField(_("decided where and when"), max_length=200)
    created_by = models.ForeignKey("registry.User", models.PROTECT, related_name="+", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    ends_on = models.DateField(_("no right any more from"), null=True, blank=True)
    ended_by = person_field(_("ended by"), required=False)
    end_reason = models.CharField(_("why it ends"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("basic line")
        verbose_name_plural = _("basic lines")
        constraints = [
            models.UniqueConstraint(fields=["product"], condition=Q(ends_on__isnull=True), name="funds_right_once"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True, ended_by__isnull=True)
                | Q(ends_on__isnull=False, ended_by__isnull=False),
                name="funds_right_ended_by",
            ),
        ]

    @staticmethod
    def in_force(day: dt.date) -> Q:
        """Select what is a right on a day."""
        return Q(ends_on__isnull=True) | Q(ends_on__gt=day)

    def __str__(self) -> str:
        return str(self.product_id)
