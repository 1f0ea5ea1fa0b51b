"""What people type at the desk. Truth is the services' business."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.catalogue.models import ProductClass
from marketplace.partner.models import Partner
from marketplace.rewards.models import StockMovement
from marketplace.rewards.services.listing import TITLE_LENGTH, UNIT_LENGTH
from timebank.common.choices import OneOfManyField
from timebank.common.fields import (
    BirthDateField,
    BoundedDateField,
    BoundedIntegerField,
    CleanCharField,
    HouseholdNumberField,
    IdNumberField,
    PersonNameField,
    PhoneField,
)
from timebank.common.idempotency import IdempotentForm
from timebank.common.numbers import format_points, parse_money, parse_points
from timebank.policy.engine import Rule
from timebank.policy.models import SchemeVersion
from timebank.registry.appointing import PersonForm
from timebank.registry.forms import pin_field
from timebank.registry.models import Organisation, Proxy
from timebank.ui.forms import BaseForm


def _day(**attrs: str) -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", **attrs})


class VerifyForm(BaseForm):
    minutes = BoundedIntegerField(
        label=_("Minutes"),
        min_value=1,
        max_value=1440,
        help_text=_("You may lower them, with a reason. Never raise them."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    reason = CleanCharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        help_text=_("Needed to lower the minutes, to choose the points or to send it back."),
    )
    points = forms.DecimalField(label=_("Points"), decimal_places=2, max_digits=9, required=False)

    def __init__(self, *args: Any, published_range: Rule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if published_range is None or published_range.points_max is None:
            del self.fields["points"]
            return
        low, high = (format_points(item) for item in (published_range.points, published_range.points_max))
        self.fields["points"].help_text = _("The scheme leaves %(low)s to %(high)s. Empty: %(low)s.") % {
            "low": low,
            "high": high,
        }

    def chosen_points(self) -> int | None:
        """Return the chosen points in 1/100, None when nothing was chosen."""
        points = self.cleaned_data.get("points")
        return None if points is None else int(points * 100)


class AnswerForm(BaseForm):
    upheld = forms.ChoiceField(
        label=_("Is the objection right?"),
        choices=(("yes", _("Yes: the record is sent back")), ("no", _("No: the record stays on notice"))),
        widget=forms.RadioSelect,
    )
    answer = CleanCharField(
        label=_("Answer with reasons"),
        max_length=500,
        help_text=_("Who objected and the volunteer both read it."),
        widget=forms.Textarea(attrs={"rows": 4}),
        lines=True,
    )


class UndoForm(BaseForm):
    reason = CleanCharField(
        label=_("Reason"), max_length=200, help_text=_("It is kept in the history, and whom it concerns can read it.")
    )


class ResidentForm(IdempotentForm, BaseForm):
    name = PersonNameField(label=_("Name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    birth_date = BirthDateField(label=_("Birth date"), required=False)
    id_number = IdNumberField(
        label=_("ID number"),
        required=False,
        max_length=30,
        help_text=_("Kept encrypted. It only prevents registering a person twice."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    household_number = HouseholdNumberField(label=_("House number"), required=False, max_length=20)
    phone = PhoneField(
        label=_("Mobile number"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "off"}),
    )
    password = forms.CharField(  # reads itself: a password is taken as it is typed
        label=_("First password"),
        required=False,
        max_length=128,
        help_text=_("Only with a mobile number. The resident changes it after the first sign-in."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    consent = forms.BooleanField(
        label=_("The consent form is signed on paper and kept in the village office"),
        error_messages={"required": _("Without signed consent nobody is registered.")},
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password)
        return password

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and not data.get("phone"):
            self.add_error(
                "phone", _("Without a mobile number nobody can sign in. Leave the password empty, or add one.")
            )
        return data


class CorrectForm(BaseForm):
    name = PersonNameField(label=_("Name"), max_length=60)
    birth_date = BirthDateField(label=_("Birth date"), required=False)
    household_number = HouseholdNumberField(label=_("House number"), required=False, max_length=20)
    phone = PhoneField(
        label=_("Mobile number"), required=False, max_length=20, widget=forms.TextInput(attrs={"type": "tel"})
    )
    emergency_contact = CleanCharField(label=_("Emergency contact"), required=False, max_length=80)


class CardForm(BaseForm):
    pin = pin_field(_("PIN, typed by the resident"))
    again = pin_field(_("PIN again"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("pin") and data.get("again") and data["pin"] != data["again"]:
            self.add_error("again", _("The two PINs differ."))
        return data


class ReasonForm(BaseForm):
    reason = CleanCharField(label=_("Reason"), max_length=200)


class DeskHelperForm(PersonForm):
    relation = forms.ChoiceField(label=_("Who is it"), choices=Proxy.Relation.choices, widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phone"].help_text = _(
            "The helper must have an account here. The resident is present or has signed."
        )


class ThresholdForm(BaseForm):
    """From how few on of a thing the desk is warned."""

    threshold = BoundedIntegerField(
        label=_("Warn when so many are left"),
        min_value=0,
        max_value=10_000,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


ODD_TIMES, ODD_FROM = 5, 100  # so many times the most that ever came, and more than this, is asked about


class ReceiptForm(IdempotentForm, BaseForm):
    quantity = BoundedIntegerField(
        label=_("How many came"),
        min_value=1,
        max_value=100_000,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    cost = CleanCharField(
        label=_("What they cost together (yuan)"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    batch = CleanCharField(label=_("Batch or delivery note"), required=False, max_length=40)
    use_by = BoundedDateField(label=_("Use by"), required=False, widget=_day())
    reason = CleanCharField(
        label=_("Where the goods come from"),
        required=False,
        max_length=200,
        help_text=_("For example: gift of the cooperative."),
    )
    sure = forms.BooleanField(label=_("This figure is right: I have counted it"), required=False)

    def __init__(self, *args: Any, usual: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.usual = usual
        if not self.is_bound:
            del self.fields["sure"]

    def clean(self) -> dict[str, Any]:
        """Ask once more where so many came as never before: a figure typed twice is seldom meant."""
        data = super().clean() or {}
        many, most = data.get("quantity") or 0, max(ODD_TIMES * self.usual, ODD_FROM)
        if many > most and not data.get("sure"):
            said = _("%(many)s are far more than ever came at once (%(usual)s). Count again; if it is right, tick it.")
            self.add_error("sure", said % {"many": many, "usual": self.usual})
        elif not data.get("sure"):
            del self.fields["sure"]
        return data

    def clean_cost(self) -> int | None:
        text: str = self.cleaned_data["cost"]
        if not text:
            return None
        try:
            fen = parse_money(text)
        except ValueError:
            raise forms.ValidationError(_("Write an amount like 128.50.")) from None
        if fen < 0:
            raise forms.ValidationError(_("Write an amount like 128.50."))
        return fen


class AdjustForm(IdempotentForm, BaseForm):
    kind = forms.ChoiceField(
        label=_("What happened"),
        choices=(
            (StockMovement.Kind.COUNT, _("Counted: so many lie on the shelf")),
            (StockMovement.Kind.WRITE_OFF, _("Broken or spoiled: so many are gone")),
        ),
        help_text=_(
            "If fewer lie there than before, a second person decides: the village administrator, somebody of the "
            "supervision committee, or the town."
        ),
        widget=forms.RadioSelect,
    )
    quantity = BoundedIntegerField(
        label=_("How many"), min_value=0, max_value=100_000, widget=forms.NumberInput(attrs={"inputmode": "numeric"})
    )
    reason = CleanCharField(label=_("Reason"), max_length=200)


class ReturnForm(IdempotentForm, BaseForm):
    """Take back what was handed over, or some pieces of it; asked by one person."""

    quantity = BoundedIntegerField(label=_("How many pieces come back"), min_value=1)
    reason = CleanCharField(label=_("Reason"), max_length=200, help_text=_("The resident reads it."))
    restock = forms.ChoiceField(
        label=_("What comes back"),
        choices=(
            ("yes", _("As good as new: it can be handed out again")),
            ("no", _("Of no more use: written off")),
        ),
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, can_restock: bool, pieces: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not can_restock:
            del self.fields["restock"]
        if pieces == 1:
            del self.fields["quantity"]
        else:
            field: Any = BoundedIntegerField(
                label=_("How many pieces come back"),
                min_value=1,
                max_value=pieces,
                initial=pieces,
                help_text=_("Of %(n)s.") % {"n": pieces},
                widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
            )
            self.fields["quantity"] = field


class DecideReturnForm(BaseForm):
    """The second person's word on a return."""

    reason = CleanCharField(label=_("Reason"), max_length=200, required=False, help_text=_("Needed to decline."))


class RoleForm(PersonForm):
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, roles: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = roles


class SupplierForm(IdempotentForm, BaseForm):
    """Who hands over, where and when."""

    name = CleanCharField(label=pgettext_lazy("thing", "Name"), max_length=120)
    name_en = CleanCharField(label=_("English name"), max_length=120, required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=Partner.Kind.choices)
    # Not "place": by that name every form of the desk says for which village it was filled in.
    location = CleanCharField(label=_("Where it is"), max_length=120)
    opening_hours = CleanCharField(label=_("Opening hours"), max_length=120, help_text=_("For example: 13:00–20:00."))
    phone = CleanCharField(label=_("Telephone"), max_length=20, required=False, dashes=True)
    organisation = OneOfManyField(
        Organisation.objects.none(),
        numbers=("uscc",),
        names=("name",),
        label=_("Organisation"),
        required=False,
        help_text=_("Whose staff scans the tickets and who is paid. It can be named later."),
    )

    def __init__(self, *args: Any, organisations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = organisations  # type: ignore[attr-defined]


class ChangeSupplierForm(SupplierForm):
    is_active = forms.BooleanField(label=_("Open for redemption"), required=False)


class ListRewardForm(IdempotentForm, BaseForm):
    """A reward that a supplier offers; the price is decided apart."""

    title = CleanCharField(label=pgettext_lazy("thing", "Name"), max_length=TITLE_LENGTH)
    title_en = CleanCharField(label=_("English name"), max_length=120, required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=ProductClass.Kind.choices)
    unit = CleanCharField(
        label=_("Unit"), max_length=UNIT_LENGTH, required=False, help_text=_("For example: bar, bag, time.")
    )
    barcode = CleanCharField(
        label=_("Barcode"),
        max_length=20,
        required=False,
        help_text=_("8 or 13 digits, scanned or typed."),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    category = CleanCharField(
        label=_("Category"), max_length=80, required=False, help_text=_("For example: daily goods/washing.")
    )


class PriceForm(IdempotentForm, BaseForm):
    """A price, from when, and why."""

    points = CleanCharField(
        label=_("Price in points"), max_length=12, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    since = BoundedDateField(label=_("From"))
    reason = CleanCharField(label=_("Why"), max_length=200, help_text=_("Kept in the history that everybody can read."))

    def clean_points(self) -> int:
        try:
            return parse_points(self.cleaned_data["points"])
        except ValueError:
            raise forms.ValidationError(_("A price is a number like 10 or 7.5.")) from None


class GoodsListForm(IdempotentForm, BaseForm):
    """A list of goods as a file."""

    file = forms.FileField(
        label=_("List of goods"),
        help_text=_(
            "A workbook (.xlsx) or a table (.csv) with the columns Supplier and Name, and as wanted Kind, Unit,"
            " Barcode and Points (Chinese names do, too)."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.txt,.tsv"}),
    )
    reason = CleanCharField(
        label=_("Why these prices"), max_length=200, required=False, help_text=_("Needed where the list has prices.")
    )


class VersionField(forms.ModelChoiceField):
    """A version of a scheme, by its name."""

    def label_from_instance(self, version: Any) -> str:
        return f"{version.scheme.name} @{version.number} ({version.get_status_display()})"


class WhatIfForm(BaseForm):
    """Which time to reckon again, and under what."""

    first = BoundedDateField(label=_("From"), widget=_day())
    last = BoundedDateField(label=_("Until"), widget=_day())
    version = VersionField(
        SchemeVersion.objects.none(),
        label=_("Scheme"),
        required=False,
        empty_label=_("as it was priced then"),
        help_text=_("Drafts too."),
    )
    file = forms.FileField(
        label=_("Price list"),
        required=False,
        help_text=_("A workbook (.xlsx) or a table (.csv) as the shelf gives it. Empty: the prices of then."),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.txt,.tsv"}),
    )

    def __init__(self, *args: Any, versions: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and not 0 <= (last - first).days <= 366:
            self.add_error("last", _("Choose at most a year, the end not before the beginning."))
        return data
