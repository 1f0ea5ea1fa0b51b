"""Shapes of what people type here. Truth is the services' business."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.sponsors.models import Delivery, Pledge
from timebank.common.choices import OneOfManyField
from timebank.common.fields import BoundedDateField, BoundedIntegerField, CleanCharField, PersonNameField
from timebank.common.idempotency import IdempotentForm
from timebank.common.numbers import parse_money
from timebank.registry.fields import RegionField
from timebank.registry.models import Organisation
from timebank.ui.forms import BaseForm


class YuanField(forms.CharField):
    """An amount in yuan, read as fen."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 20)
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        if not text:
            return 0
        try:
            fen = parse_money(text)
        except ValueError:
            raise forms.ValidationError(_("Write an amount like 1000 or 1000.50.")) from None
        if fen < 0:
            raise forms.ValidationError(_("Write an amount like 1000 or 1000.50."))
        return fen


def day_field(label: Any, **kwargs: Any) -> forms.DateField:
    """Return a field for a day."""
    return BoundedDateField(label=label, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


def phone_field(label: Any = "", **kwargs: Any) -> forms.CharField:
    """Return a field for a mobile number."""
    attrs = {"type": "tel", "inputmode": "tel", "autocomplete": "off"}
    return CleanCharField(
        label=label or _("Mobile number"), max_length=20, widget=forms.TextInput(attrs=attrs), **kwargs
    )


def password_field() -> forms.CharField:
    """Return a field for a new password."""
    return CleanCharField(
        label=_("Password"),
        max_length=128,
        help_text=_("At least 8 characters, letters and digits mixed."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def uscc_field(**kwargs: Any) -> forms.CharField:
    """Return a field for a unified social credit code."""
    return CleanCharField(
        label=_("Unified social credit code"),
        max_length=30,
        help_text=_("18 characters, as on the licence."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
        **kwargs,
    )


class KeyedForm(IdempotentForm, BaseForm):
    """A form that creates something once."""


class PlainForm(BaseForm):
    """A button."""


class ReasonForm(BaseForm):
    reason = CleanCharField(label=_("Reason"), max_length=200)


class OptionalReasonForm(BaseForm):
    reason = CleanCharField(label=_("Reason"), max_length=200, required=False)


class _PlacedForm(KeyedForm):
    def __init__(self, *args: Any, places: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = places  # type: ignore[attr-defined]

    def chosen_place(self) -> Any:
        """Return the chosen region."""
        return self.cleaned_data["region"]


class OrganisationForm(_PlacedForm):
    name = CleanCharField(label=pgettext_lazy("thing", "Name"), max_length=120)
    kind = forms.ChoiceField(label=_("Kind"), choices=Organisation.Kind.choices)
    region = RegionField(label=_("Region"))
    uscc = uscc_field(required=False)
    id_number = CleanCharField(
        label=_("ID number"),
        max_length=24,
        required=False,
        help_text=_("Only for a person. It is kept encrypted and shown masked."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    contact_name = PersonNameField(label=_("Contact"), required=False)
    contact_phone = phone_field(_("Contact phone"), required=False)


class ApplyForm(_PlacedForm):
    name = CleanCharField(label=_("Name of the enterprise"), max_length=120)
    uscc = uscc_field()
    region = RegionField(label=_("Town to which you apply"))
    shown_name = CleanCharField(
        label=_("Name to be shown"), max_length=60, required=False, help_text=_("Empty: the enterprise's name.")
    )
    on_thanks_wall = forms.BooleanField(label=_("We may be named on the thank-you wall"), required=False)
    contact_name = PersonNameField(label=_("Your name"))
    contact_phone = phone_field(help_text=_("You sign in with it."))
    password = password_field()

    def __init__(self, *args: Any, signed_in: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if signed_in:
            del self.fields["password"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class InviteForm(KeyedForm):
    phone = phone_field()


class JoinForm(BaseForm):
    name = PersonNameField(label=_("Your name"))
    password = password_field()

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class RenameForm(BaseForm):
    name = CleanCharField(label=_("New name"), max_length=120)
    shown_name = CleanCharField(label=_("Name to be shown"), max_length=60)
    reason = CleanCharField(label=_("Reason"), max_length=200)


class MergeForm(BaseForm):
    into = uscc_field()
    reason = CleanCharField(label=_("Reason"), max_length=200)


class NeedForm(_PlacedForm):
    title = CleanCharField(label=_("Title"), max_length=80)
    title_en = CleanCharField(label=_("English title"), max_length=120, required=False)
    region = RegionField(label=_("Village"))
    text = CleanCharField(label=_("What it is for"), max_length=1000, widget=forms.Textarea(attrs={"rows": 4}))
    target = CleanCharField(label=_("Whom it reaches"), max_length=200)
    place = CleanCharField(label=_("Place"), max_length=120, required=False)
    budget = YuanField(label=_("Budget (yuan)"))
    deadline = day_field(_("Until"))
    pays_tickets = forms.BooleanField(
        label=_("The money pays for rewards that residents redeem"),
        required=False,
        help_text=_("Otherwise it pays for the project's bills, which two persons approve."),
    )


class ReportForm(BaseForm):
    report = CleanCharField(label=_("What became of it"), max_length=2000, widget=forms.Textarea(attrs={"rows": 5}))


class ClaimForm(KeyedForm):
    wished_name = CleanCharField(
        label=_("Name under which it should stand"), max_length=60, help_text=_("The village looks at it first.")
    )


class GrantForm(BaseForm):
    shown_name = CleanCharField(label=_("Name as it will be shown"), max_length=60)


class PledgeForm(KeyedForm):
    kind = forms.ChoiceField(label=_("What you give"), choices=Pledge.Kind.choices)
    nature = forms.ChoiceField(
        label=_("Nature"),
        choices=Pledge.Nature.choices,
        help_text=_("Sponsorship: your name is shown in return. Donation: nothing in return."),
    )
    fund = OneOfManyField(None, names=("name", "region__name"), label=_("To which fund"))
    text = CleanCharField(label=_("What for"), max_length=200)
    amount = YuanField(label=_("Amount (yuan)"), required=False, help_text=_("For money."))
    units = BoundedIntegerField(
        label=_("Units"), min_value=1, max_value=1_000_000, required=False, help_text=_("For goods and services.")
    )
    restricted = forms.BooleanField(label=_("Only for what is written above"), required=False)
    min_age = BoundedIntegerField(label=_("Only for people from age"), min_value=1, max_value=120, required=False)
    due_on = day_field(_("Expected by"))

    def __init__(self, *args: Any, funds: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fund"].queryset = funds  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Pledge.Kind.MONEY:
            if not data.get("amount") and "amount" not in self.errors:
                self.add_error("amount", _("Write an amount like 1000 or 1000.50."))
        elif data.get("kind") and not data.get("units") and "units" not in self.errors:
            self.add_error("units", _("Write how many."))
        return data


class NeedPledgeForm(KeyedForm):
    nature = forms.ChoiceField(label=_("Nature"), choices=Pledge.Nature.choices)
    amount = YuanField(label=_("Amount (yuan)"))
    due_on = day_field(_("Expected by"))


class DeliveryForm(KeyedForm):
    units = BoundedIntegerField(label=_("Units"), min_value=1, max_value=1_000_000)
    expected_on = day_field(_("Expected on"))


class ShelfChoice(OneOfManyField):
    """Where on a shelf something belongs, by the names of reward and supplier or the barcode."""

    def __init__(self, **kwargs: Any) -> None:
        names = ("product__title", "product__title_en", "partner__name")
        super().__init__(None, numbers=("product__upc", "partner_sku"), names=names, **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.product.get_title()} · {obj.partner.display_name}"


class CountForm(BaseForm):
    stockrecord = ShelfChoice(label=_("Reward"))
    units = BoundedIntegerField(label=_("Units that came"), min_value=1, max_value=1_000_000)
    use_by = day_field(_("Use by"), required=False)

    def __init__(self, *args: Any, shelves: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stockrecord"].queryset = shelves  # type: ignore[attr-defined]

    def clean_use_by(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["use_by"]
        if day is not None and not 2000 <= day.year <= 2100:
            raise forms.ValidationError(_("Check the year."))
        return day


class ValueForm(BaseForm):
    evidence = forms.ChoiceField(label=pgettext_lazy("gift", "Evidence"), choices=Delivery.Evidence.choices)
    value = YuanField(label=_("Value of all (yuan)"), required=False)
    evidence_text = CleanCharField(label=_("Number of the invoice, or both quotes"), max_length=200, required=False)
    file = forms.FileField(label=_("Photograph or PDF"), required=False)


class FileForm(BaseForm):
    file = forms.FileField(label=_("Signed paper (PDF or photograph, at most 2 MB)"))


class OfficialForm(BaseForm):
    number = CleanCharField(label=_("Number of the official donation receipt"), max_length=40)
