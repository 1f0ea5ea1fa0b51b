"""What the village office types about its people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import BoundedDateField, CleanCharField, HouseholdNumberField, PhoneField
from timebank.common.input import digits
from timebank.registry import selectors
from timebank.registry.models import Region, Resident
from timebank.ui.forms import BaseForm

POOL = "pool"


class MoveForm(BaseForm):
    village = CleanCharField(
        label=_("Code of the new village"),
        max_length=20,
        help_text=_("Twelve digits, as on the village's page."),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    household_number = HouseholdNumberField(label=_("House number there"), required=False)
    reason = CleanCharField(label=_("Reason"), required=False, max_length=200)

    def clean_village(self) -> Region:
        region = selectors.region_by_code(digits(self.cleaned_data["village"]))
        if region is None or region.level != Region.Level.VILLAGE:
            raise forms.ValidationError(_("No village has this code."))
        return region


class SignInForPersonForm(BaseForm):
    phone = PhoneField(label=_("Mobile number"), max_length=20)
    password = forms.CharField(
        label=_("First password"),
        max_length=128,
        help_text=_("At least 8 characters, letters and digits mixed. The person changes it."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class MergeForm(BaseForm):
    number = CleanCharField(
        label=_("Volunteer number or card number that stays"),
        max_length=20,
        help_text=_("The other registration of the same person."),
    )
    reason = CleanCharField(label=_("How do you know that it is one person"), max_length=200)


class DeathForm(BaseForm):
    died_on = BoundedDateField(label=_("Day of death"), most=timezone.localdate)
    heir = forms.ChoiceField(label=_("Who takes the points over"), widget=forms.RadioSelect)
    reason = CleanCharField(label=_("Who reported it"), max_length=200)

    def __init__(self, *args: Any, kin: Sequence[Resident], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["heir"].choices = heirs(kin)  # type: ignore[attr-defined]


def heirs(kin: Sequence[Resident]) -> list[tuple[str, Any]]:
    """List who may take points over: the family first, then the pool."""
    return [*((str(relative.pk), relative.name) for relative in kin), (POOL, _("The village's pool"))]


class CorrectionForm(BaseForm):
    text = CleanCharField(
        label=_("What is wrong, and what is right"),
        max_length=300,
        lines=True,
        help_text=_("For example: my birth date is 6 May 1968, not 1986."),
    )


class AnswerForm(BaseForm):
    done = forms.ChoiceField(
        label=_("Is it mended?"),
        choices=(("yes", _("Yes, it is corrected")), ("no", _("No, for this reason"))),
        widget=forms.RadioSelect,
    )
    answer = CleanCharField(label=_("Answer"), required=False, max_length=300)


class HouseholdForm(BaseForm):
    number = HouseholdNumberField(
        label=_("House number"), required=False, help_text=_("Empty: this person belongs to no household.")
    )
    head = forms.BooleanField(label=_("Head of the family"), required=False)
