"""Shapes of what people type. Truth is the services' business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import (
    BirthDateField,
    CleanCharField,
    CodeField,
    HouseholdNumberField,
    PersonNameField,
    PhoneField,
    PinField,
)
from timebank.common.idempotency import IdempotentForm
from timebank.registry.account_forms import PasswordPair
from timebank.registry.appointing import PersonForm
from timebank.registry.models import Proxy, User
from timebank.ui.forms import BaseForm


class ListForm(BaseForm):
    file = forms.FileField(
        label=_("List of residents"),
        help_text=_("A workbook (.xlsx) or a table (.csv), at most 20 MB. Needed: a column with the names."),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.txt,.tsv"}),
    )


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": _("This number and this password don't belong together. Check both and try again."),
        "inactive": _("This account has been closed."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, password = self.fields["username"], self.fields["password"]
        name.label = _("Mobile number or card number")
        name.help_text = _("Village staff may also use their e-mail address.")
        name.widget = forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "maxlength": 254}
        )
        name.max_length = 254  # type: ignore[attr-defined]  # a CharField, Django says
        password.label = _("Password")
        password.widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})


class JoinForm(IdempotentForm, BaseForm):
    name = PersonNameField(label=_("Your name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    phone = PhoneField(
        label=_("Mobile number"),
        max_length=20,
        help_text=_("You sign in with it."),
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
    )
    birth_date = BirthDateField(label=_("Birth date"), required=False)
    household_number = HouseholdNumberField(
        label=_("House number"), required=False, max_length=20, help_text=_("The number at the door, if you know it.")
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        help_text=_("At least 8 characters, letters and digits mixed."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    consent = forms.BooleanField(
        label=_("I have read this and I agree"),
        error_messages={
            "required": _("Without your consent the village may not keep your hours. Read the text above.")
        },
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class JoinAgainForm(BaseForm):
    household_number = HouseholdNumberField(
        label=_("House number"), required=False, help_text=_("The number at the door, if you know it.")
    )
    consent = forms.BooleanField(
        label=_("I have read this and I agree"),
        error_messages={
            "required": _("Without your consent the village may not keep your hours. Read the text above.")
        },
    )


class ProfileForm(BaseForm):
    emergency_contact = CleanCharField(
        label=_("Whom to call in an emergency"),
        required=False,
        max_length=80,
        help_text=_("Name and number, for example of a daughter or a neighbour."),
    )
    on_honour_roll = forms.BooleanField(label=_("My name may appear on the honour roll of the village"), required=False)


class PasswordForm(PasswordPair):
    old = forms.CharField(
        label=_("Present password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    field_order = ("old", "new", "again")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user: User = user

    def clean_old(self) -> str:
        old: str = self.cleaned_data["old"]
        if not self.user.check_password(old):
            raise forms.ValidationError(_("This is not your present password."))
        return old


def pin_field(label: Any) -> PinField:
    """A PIN that phones type with the number keys and that nobody reads over a shoulder."""
    return PinField(
        label=label,
        min_length=4,
        max_length=6,
        help_text=_("4 to 6 digits."),
        widget=forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "off", "pattern": "[0-9]{4,6}"}),
    )


class PinForm(BaseForm):
    pin = pin_field(_("New PIN"))
    again = pin_field(_("New PIN again"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("pin") and data.get("again") and data["pin"] != data["again"]:
            self.add_error("again", _("The two PINs differ."))
        return data


class BlockCardForm(BaseForm):
    reason = CleanCharField(
        label=_("What happened"), required=False, max_length=120, help_text=_("For example: lost on the bus.")
    )


class ActingCardForm(BaseForm):
    card_number = CodeField(
        label=_("Card number"),
        max_length=20,
        help_text=_("The ten characters under the QR of the card."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    pin = pin_field(_("PIN of the card"))


class HelperForm(PersonForm):
    relation = forms.ChoiceField(label=_("Who is it"), choices=Proxy.Relation.choices, widget=forms.RadioSelect)


class LeaveForm(BaseForm):
    points_to = forms.ChoiceField(label=_("Who takes your points over"), widget=forms.RadioSelect)
    reason = CleanCharField(label=_("Why do you leave"), required=False, max_length=200)
    sure = forms.BooleanField(label=_("Yes, close my account"))

    def __init__(self, *args: Any, heirs: Sequence[tuple[str, Any]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if heirs:
            self.fields["points_to"].choices = heirs  # type: ignore[attr-defined]
        else:
            del self.fields["points_to"]  # nothing is left
