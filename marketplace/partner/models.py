"""Suppliers of a village, and their stock, which is never sold twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Coalesce
from django.templatetags.static import static
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from oscar.apps.partner.abstract_models import AbstractPartner, AbstractStockRecord

from marketplace.partner.errors import OutOfStock, StockConflict


class Partner(AbstractPartner):
    """A supplier: who hands a reward over, where, when."""

    class Kind(models.TextChoices):
        SHOP = "shop", _("Shop")
        BATH = "bath", _("Bath house")
        BARBER = "barber", _("Barber")
        CANTEEN = "canteen", _("Canteen")
        WATER = "water", _("Water point")
        MACHINERY = "machinery", _("Farm machinery")
        TEAM = "team", _("Volunteer team")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.SHOP)
    name_en = models.CharField(_("English name"), max_length=128, blank=True)
    # A supplier of a town or county serves every village in it.
    village = models.ForeignKey(
        "registry.Region",
        models.PROTECT,
        related_name="partners",
        verbose_name=_("village"),
    )
    organisation = models.ForeignKey(
        "registry.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="partners",
        verbose_name=_("organisation"),
    )
    is_active = models.BooleanField(_("open for redemption"), default=True)
    place = models.CharField(_("place"), max_length=120, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    opening_hours = models.CharField(_("opening hours"), max_length=120, blank=True)

    class Meta(AbstractPartner.Meta):
        constraints = [models.UniqueConstraint(fields=["village", "name"], name="partner_name_once_per_village")]

    @property
    def display_name(self) -> str:
        english = (get_language() or "").startswith("en")
        return (self.name_en if english else "") or self.name or self.code

    @property
    def escrow_key(self) -> str:
        """Ledger account that holds the points of tickets not yet handed over."""
        return f"escrow:partner:{self.pk}"

    @property
    def redeemed_key(self) -> str:
        """Ledger account that counts the points of what was handed over."""
        return f"redeemed:partner:{self.pk}"


class StockRecord(AbstractStockRecord):
    """One reward at one supplier: price in points, and for goods what lies there and what is promised."""

    # How it looks on this shelf; without either as the reward looks everywhere.
    photograph = models.ImageField(_("photograph"), upload_to="images/shelf", max_length=120, blank=True)
    drawing = models.CharField(_("drawing"), max_length=200, blank=True)  # static path

    class Meta(AbstractStockRecord.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(price_currency="PTS"), name="stock_priced_in_points"),
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price__gte=0),
                name="stock_price_not_negative",
            ),
            # Half points at the finest; settings.POINT_PRICE_STEP may be coarser.
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price=Cast(F("price") * 2, models.IntegerField()) * Decimal("0.5")),
                name="stock_price_in_half_points",
            ),
            models.CheckConstraint(
                condition=Q(num_allocated__isnull=True) | Q(num_allocated__gte=0),
                name="stock_allocated_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(num_allocated__isnull=True)
                | Q(num_in_stock__isnull=True)
                | Q(num_allocated__lte=F("num_in_stock")),
                name="stock_never_sold_twice",
            ),
        ]

    @property
    def own_picture_url(self) -> str:
        """URL of this shelf's photograph, else of the drawing chosen for it, else nothing."""
        if self.photograph:
            return str(self.photograph.url)
        return static(self.drawing) if self.drawing else ""

    @property
    def picture_url(self) -> str:
        """URL of the picture on this shelf: its own, else the reward's."""
        return self.own_picture_url or str(self.product.picture_url)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save what people edit; the two counters change only by the guarded updates below and by stock services."""
        if (
            self.pk
            and not self._state.adding
            and not kwargs.get("force_insert")
            and kwargs.get("update_fields") is None
        ):
            counters = {"num_in_stock", "num_allocated", "id"}
            kwargs["update_fields"] = [field.name for field in self._meta.concrete_fields if field.name not in counters]
        super().save(*args, **kwargs)

    def _move(self, guard: Q, **changes: Any) -> bool:
        moved = type(self).objects.filter(guard, pk=self.pk).update(**changes)
        self.refresh_from_db(fields=["num_in_stock", "num_allocated"])
        return bool(moved)

    def allocate(self, quantity: int) -> None:
        """Promise ``quantity`` of what is free, in one conditional update. Raises OutOfStock and changes nothing."""
        if not self.can_track_allocations:
            return
        free = Coalesce(F("num_in_stock"), 0) - Coalesce(F("num_allocated"), 0)
        # The database waits for a rival's row lock and then looks again, so no row is ever promised twice.
        rows = type(self).objects.alias(free=free).filter(pk=self.pk, free__gte=quantity)
        if quantity <= 0 or not rows.update(num_allocated=Coalesce(F("num_allocated"), 0) + quantity):
            raise OutOfStock(stockrecord_id=self.pk, quantity=quantity)

    allocate.alters_data = True

    def consume_allocation(self, quantity: int) -> None:
        """Take promised goods off the shelf. Raises StockConflict when fewer are promised or there."""
        if not self.can_track_allocations:
            return
        guard = Q(num_allocated__gte=quantity, num_in_stock__gte=quantity)
        changes = {
            "num_allocated": F("num_allocated") - quantity,
            "num_in_stock": F("num_in_stock") - quantity,
        }
        if quantity <= 0 or not self._move(guard, **changes):
            raise StockConflict(stockrecord_id=self.pk, quantity=quantity)

    consume_allocation.alters_data = True
    consume = consume_allocation

    def cancel_allocation(self, quantity: int) -> None:
        """Give a promise back. Raises StockConflict when fewer are promised (Oscar would shrug and hide it)."""
        if not self.can_track_allocations:
            return
        if quantity <= 0 or not self._move(Q(num_allocated__gte=quantity), num_allocated=F("num_allocated") - quantity):
            raise StockConflict(stockrecord_id=self.pk, quantity=quantity)

    cancel_allocation.alters_data = True
    cancel = cancel_allocation


from oscar.apps.partner.models import *
