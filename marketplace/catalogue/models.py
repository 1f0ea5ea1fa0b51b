"""Rewards: what they are, who may have how many, and the text they are found by."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from oscar.apps.catalogue.abstract_models import AbstractCategory, AbstractProduct, AbstractProductClass

from marketplace.catalogue.text import clean_html


def _speaks_english() -> bool:
    return (get_language() or "").startswith("en")


class ProductClass(AbstractProductClass):
    class Kind(models.TextChoices):
        GOODS = "goods", _("Goods")
        SERVICE = "service", pgettext_lazy("kind of reward", "Service")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.GOODS)


class Category(AbstractCategory):
    name_en = models.CharField(_("English name"), max_length=255, blank=True)

    @property
    def label(self) -> str:
        """Name in the reader's language, if there is one."""
        return self.name_en if self.name_en and _speaks_english() else self.name

    def get_descendants_and_self(self) -> Any:
        """Select this category and all below it; Oscar calls treebeard by a name that goes away."""
        return type(self).objects.get_tree(self)

    def get_ancestors_and_self(self) -> list[Any]:
        """List the line from the root down to this category."""
        return [*type(self).objects.get_ancestors(self), self]

    def get_absolute_url(self) -> str:
        """URL by the category's own slug; Oscar reads every ancestor for it."""
        return reverse("catalogue:category", kwargs={"category_slug": self.slug, "pk": self.pk})


class Product(AbstractProduct):
    """A reward. Its price and stock are the supplier's: see ``partner.StockRecord``."""

    class Period(models.TextChoices):
        DAY = "day", _("a day")
        WEEK = "week", _("a week")
        MONTH = "month", _("a month")
        QUARTER = "quarter", _("a quarter")
        YEAR = "year", _("a year")
        EVER = "ever", _("in all")

    title_en = models.CharField(_("English title"), max_length=255, blank=True)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    per_resident_limit = models.PositiveSmallIntegerField(_("how many a resident may have"), null=True, blank=True)
    limit_period = models.CharField(
        _("in which period"),
        max_length=8,
        choices=Period.choices,
        default=Period.MONTH,
        blank=True,
    )
    min_star = models.PositiveSmallIntegerField(_("least star level"), default=0)
    validity_days = models.PositiveSmallIntegerField(_("days a ticket stays valid"), default=90)
    # A drawing of the project (static path); an uploaded photograph wins over it.
    picture = models.CharField(_("picture"), max_length=200, blank=True)
    price_note = models.CharField(_("where the price comes from"), max_length=200, blank=True)
    # Title, supplier, category and pinyin, lower case; kept by services.index_product.
    search_text = models.TextField(blank=True, editable=False)

    class Meta(AbstractProduct.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(per_resident_limit__isnull=True) | Q(per_resident_limit__gt=0),
                name="reward_limit_positive",
            ),
            models.CheckConstraint(condition=Q(min_star__lte=9), name="reward_least_star_real"),
            models.CheckConstraint(condition=Q(validity_days__gt=0), name="reward_validity_positive"),
        ]

    def get_title(self) -> str:
        """Title in the reader's language, if there is one."""
        return self.title_en if self.title_en and _speaks_english() else super().get_title()

    get_title.short_description = _("Title")

    @property
    def kind(self) -> str:
        return self.get_product_class().kind

    @property
    def is_service(self) -> bool:
        return self.kind == ProductClass.Kind.SERVICE

    @property
    def price_is_illustrative(self) -> bool:
        return self.price_note.startswith("illustrative")

    @property
    def unit_label(self) -> str:
        """The unit where it can be read: units are Chinese measure words."""
        return "" if _speaks_english() else self.unit

    @property
    def price_source(self) -> str:
        """Place that published the price: what the note has in its last brackets, else the whole note."""
        __, bracket, place = self.price_note.rpartition("(")
        return place.rstrip(")") if bracket else self.price_note

    @property
    def picture_url(self) -> str:
        """URL of the first photograph, else of the drawing, else nothing. Reads prefetched images."""
        for image in self.images.all():
            return image.original.url
        return static(self.picture) if self.picture else ""

    @property
    def description_html(self) -> SafeString:
        """The description, cleaned again: what an older form or an import let in must not reach a page."""
        return mark_safe(clean_html(self.description))  # noqa: S308 (nh3 has just cleaned it)

    def get_absolute_url(self) -> str:
        return reverse("catalogue:detail", kwargs={"product_slug": self.slug, "pk": self.pk})


from oscar.apps.catalogue.models import *
