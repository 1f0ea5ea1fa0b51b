"""Rewards, prices and categories, as an operator writes them down. No currency, no stock figures, no raw HTML."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.catalogue.models import Category, Product, ProductClass
from marketplace.catalogue.text import clean_html
from marketplace.partner.errors import BadPrice
from marketplace.partner.models import Partner
from timebank.common.choices import OneOfManyField
from timebank.common.fields import CleanCharField
from timebank.common.numbers import format_points, parse_points
from timebank.ui.forms import EmptyChoiceMixin

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 50_000_000  # more than any telephone takes; 20 KB can hold four times as many


def _indented(category: Category) -> str:
    """Write a category so that a list shows the tree, without asking for its ancestors."""
    return "\u3000" * (category.depth - 1) + category.label


class PointsField(forms.CharField):
    """Points as text, a whole number of price steps; cleaned to 1/100 points."""

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=12, **kwargs)
        self.widget.attrs["inputmode"] = "decimal"

    def prepare_value(self, value: Any) -> Any:
        return format_points(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        try:
            points = parse_points(text)
        except ValueError as error:
            raise forms.ValidationError(_("Please write a number, like 10 or 7.5.")) from error
        if points < 0 or points % settings.POINT_PRICE_STEP:
            raise forms.ValidationError(BadPrice.message)
        return points


class ProductForm(EmptyChoiceMixin, forms.ModelForm):
    product_class = forms.ModelChoiceField(label=_("Kind"), queryset=ProductClass.objects.order_by("name"))
    categories = forms.ModelMultipleChoiceField(
        label=_("Categories"), queryset=Category.objects.order_by("path"), required=True
    )
    photograph = forms.ImageField(
        label=_("Photograph"),
        required=False,
        help_text=_("JPEG, PNG or WebP up to 5 MB. It is made smaller for the shelf."),
    )

    class Meta:
        model = Product
        fields = (
            "title",
            "title_en",
            "product_class",
            "upc",
            "unit",
            "description",
            "per_resident_limit",
            "limit_period",
            "min_star",
            "validity_days",
            "price_note",
            "is_public",
        )
        labels = {
            "title": _("Title"),
            "upc": _("Number of the reward"),
            "description": _("Description"),
            "is_public": _("Shown in the shop"),
        }
        help_texts = {"upc": "", "is_public": ""}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["title"].required = True
        self.fields["categories"].label_from_instance = _indented
        if self.instance.pk:
            self.fields["categories"].initial = self.instance.categories.all()
            self.fields["product_class"].initial = self.instance.product_class
            # Goods and services count stock differently: what has been listed stays what it is.
            self.fields["product_class"].disabled = self.instance.stockrecords.exists()

    def clean_description(self) -> str:
        return clean_html(self.cleaned_data["description"])

    def clean_photograph(self) -> Any:
        photograph = self.cleaned_data["photograph"]
        if photograph and photograph.size > MOST_BYTES:
            raise forms.ValidationError(_("This picture is larger than 5 MB."))
        if photograph and photograph.image.width * photograph.image.height > MOST_PIXELS:  # said before it is drawn
            raise forms.ValidationError(_("The photograph has too many pixels. Make it smaller first."))
        return photograph


class ListingForm(EmptyChoiceMixin, forms.Form):
    """At which supplier, for how many points."""

    partner = OneOfManyField(
        Partner.objects.none(), numbers=("code",), names=("name", "name_en", "village__name"), label=_("Supplier")
    )
    points = PointsField(label=_("Price in points"))

    def __init__(self, *args: Any, product: Product, **kwargs: Any):
        super().__init__(*args, **kwargs)
        listed = product.stockrecords.values("partner")
        free = Partner.objects.exclude(pk__in=listed).select_related("village").order_by("village__path", "name")
        self.fields["partner"].queryset = free
        self.fields["partner"].label_from_instance = lambda item: f"{item.village.short_name} {item.display_name}"


class PriceForm(forms.Form):
    points = PointsField(label=_("Price in points"))
    reason = CleanCharField(label=_("Why"), max_length=200)


class CategoryForm(EmptyChoiceMixin, forms.Form):
    parent = forms.ModelChoiceField(
        label=pgettext_lazy("category", "Part of"), queryset=Category.objects.order_by("path"), required=False
    )
    name = CleanCharField(label=_("Name of the category"), max_length=60)
    name_en = CleanCharField(label=_("English name"), max_length=60, required=False)
    is_public = forms.BooleanField(label=_("Shown"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["parent"].label_from_instance = _indented

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if "/" in name:
            raise forms.ValidationError(_("Please leave out the slash."))
        return name
