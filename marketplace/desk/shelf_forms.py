"""Forms of the shelf with a field for each of many rewards: filled, priced, counted, sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.catalogue.services import known_rewards
from marketplace.partner.models import Partner, StockRecord
from timebank.common.choices import OneOfManyField
from timebank.common.fields import BoundedDateField, BoundedIntegerField, CleanCharField
from timebank.common.idempotency import IdempotentForm
from timebank.common.numbers import format_points, parse_points
from timebank.ui.forms import BaseForm

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 50_000_000  # more than any telephone takes; 20 KB can hold four times as many
MOST_UNITS = 100_000
_NUMBER = {"inputmode": "numeric"}


def _day(**attrs: str) -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", **attrs})


class SupplierChoice(OneOfManyField):
    """A supplier with its village."""

    def label_from_instance(self, partner: Any) -> str:
        return f"{partner.village.short_name} · {partner.display_name}"


class FillForm(IdempotentForm, BaseForm):
    """The chosen rows of a template, for one supplier's shelf."""

    rows = forms.MultipleChoiceField(
        label=_("Rewards"), error_messages={"required": _("Choose at least one reward: tick its box.")}
    )

    def __init__(self, *args: Any, keys: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rows"].choices = [(key, key) for key in keys]  # type: ignore[attr-defined]


class _PerRecord(IdempotentForm, BaseForm):
    """A form with a field for each stock record, named by its reward."""

    def add(self, records: Sequence[StockRecord], make: Any) -> None:
        """Add the fields, ``make(record)`` each; several suppliers are named beside the rewards."""
        several = len({record.partner_id for record in records}) > 1
        self.records = {f"row{record.pk}": record for record in records}
        for name, record in self.records.items():
            self.fields[name] = make(record)
            title = record.product.get_title()
            self.fields[name].label = f"{title} · {record.partner.display_name}" if several else title

    @property
    def rows(self) -> list[Any]:
        return [self[name] for name in self.records]

    @property
    def heads(self) -> list[Any]:
        """Return the fields that stand once, before or after those of the rewards."""
        return [self[name] for name in self.fields if name not in self.records and name != self.KEY]

    def given(self) -> list[tuple[StockRecord, int]]:
        """Return what was filled in."""
        data = self.cleaned_data
        return [(record, data[name]) for name, record in self.records.items() if data.get(name) is not None]


class PointsTextField(CleanCharField):
    """Points as text, cleaned to 1/100; nothing stays None."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_points(text)
        except ValueError:
            raise forms.ValidationError(_("A price is a number like 10 or 7.5.")) from None


class PricesForm(_PerRecord):
    """Prices for what has none yet; an empty field leaves a reward for later."""

    reason = CleanCharField(label=_("Why"), max_length=200, help_text=_("Kept in the history that everybody can read."))

    def __init__(self, *args: Any, records: Sequence[StockRecord], suggested: Mapping[int, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add(records, lambda record: self._price(suggested.get(record.pk)))

    @staticmethod
    def _price(points: int | None) -> forms.Field:
        return PointsTextField(
            required=False,
            max_length=12,
            initial="" if points is None else format_points(points),
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not self.given():
            raise forms.ValidationError(_("No price is filled in."))
        return data


class OpeningCountForm(_PerRecord):
    """How many of each thing lay there when the village began; an empty field is not counted."""

    counted_on = BoundedDateField(label=_("Counted on"), widget=_day(), initial=timezone.localdate)
    paper = CleanCharField(
        label=_("What it is written on"),
        max_length=120,
        required=False,
        help_text=_("For example: count sheet of 1 March, signed by two."),
    )

    def __init__(self, *args: Any, records: Sequence[StockRecord], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add(records, self._units)

    @staticmethod
    def _units(_record: StockRecord) -> forms.Field:
        return BoundedIntegerField(
            required=False, min_value=0, max_value=MOST_UNITS, widget=forms.NumberInput(attrs=_NUMBER)
        )


class DecideForm(BaseForm):
    """The second person's word."""

    reason = CleanCharField(label=_("Reason"), max_length=200, required=False, help_text=_("Needed to decline."))


class SendForm(IdempotentForm, BaseForm):
    """Send goods to a supplier of another village of the town."""

    target = SupplierChoice(
        Partner.objects.none(), names=("name", "name_en", "village__name"), label=pgettext_lazy("a place", "To")
    )
    quantity = BoundedIntegerField(
        label=_("How many"), min_value=1, max_value=MOST_UNITS, widget=forms.NumberInput(attrs=_NUMBER)
    )
    note = CleanCharField(
        label=_("Note"), max_length=200, required=False, help_text=_("Who drives, when it will be there.")
    )

    def __init__(self, *args: Any, targets: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].queryset = targets  # type: ignore[attr-defined]


class ArrivedForm(IdempotentForm, BaseForm):
    """How many of a sending arrived; another number wants its reason."""

    counted = BoundedIntegerField(
        label=_("How many arrived"), min_value=0, max_value=MOST_UNITS, widget=forms.NumberInput(attrs=_NUMBER)
    )
    difference = CleanCharField(
        label=_("Why another number arrived"),
        max_length=200,
        required=False,
        help_text=_("Only if it is another number than was sent. If it is fewer, a second person decides."),
    )


class PictureForm(BaseForm):
    """How a reward looks on this shelf: a photograph, a drawing, or as everywhere."""

    photograph = forms.ImageField(
        label=_("Photograph"), required=False, help_text=_("JPEG, PNG or WebP up to 5 MB. It is made smaller.")
    )
    drawing = forms.ChoiceField(label=_("Or a drawing"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drawings = [(known.drawing, known.label) for known in known_rewards().values() if known.drawing]
        self.fields["drawing"].choices = [("", _("as the reward looks everywhere")), *drawings]  # type: ignore[attr-defined]

    def clean_photograph(self) -> Any:
        photograph = self.cleaned_data["photograph"]
        if photograph and photograph.size > MOST_BYTES:
            raise forms.ValidationError(_("The photograph is larger than 5 MB."))
        if photograph and photograph.image.width * photograph.image.height > MOST_PIXELS:  # said before it is drawn
            raise forms.ValidationError(_("The photograph has too many pixels. Make it smaller first."))
        return photograph
