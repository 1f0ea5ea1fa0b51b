"""What is typed at the first run and when a village is founded."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import BoundedDateField, CleanCharField, PersonNameField, PhoneField
from timebank.common.idempotency import IdempotentForm
from timebank.policy.models import Scheme
from timebank.registry.appointing import PersonForm
from timebank.registry.fields import RegionField
from timebank.ui.forms import BaseForm
from timebank.villages.errors import PersonHasOffice
from timebank.villages.services import Person

NEW = {"autocomplete": "new-password"}


class TokenForm(BaseForm):
    token = CleanCharField(
        label=_("Token"),
        max_length=80,
        help_text=_("Printed where this installation was started. It opens the setup once."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        dashes=False,
    )


class PlacesForm(BaseForm):
    file = forms.FileField(
        label=_("Table of places"),
        help_text=_(
            "A workbook (.xlsx) or a table (.csv) with the columns code, name, level and parent_code (Chinese names"
            " do, too), from the province down to the villages."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.txt,.tsv"}),
    )


class ChooseForm(BaseForm):
    """One place out of a list."""

    place = RegionField(label=_("Place"))

    def __init__(self, *args: Any, places: Any, label: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].queryset = places  # type: ignore[attr-defined]
        self.fields["place"].label = label


class FinishForm(BaseForm):
    """The three people, the scheme and the first village."""

    county_name = PersonNameField(label=_("Name of the county's admin"))
    county_phone = PhoneField(label=_("Mobile number of the county's admin"), max_length=20)
    county_password = forms.CharField(
        label=_("First password of the county's admin"), max_length=128, widget=forms.PasswordInput(attrs=NEW)
    )
    town_name = PersonNameField(label=_("Name of the town's admin"))
    town_phone = PhoneField(label=_("Mobile number of the town's admin"), max_length=20)
    town_password = forms.CharField(
        label=_("First password of the town's admin"), max_length=128, widget=forms.PasswordInput(attrs=NEW)
    )
    scheme = forms.ModelChoiceField(
        Scheme.objects.none(),
        label=_("First scheme"),
        to_field_name="slug",
        help_text=_(
            "Holds for the whole county; any village or town may adopt another one later. What each says stands below."
        ),
    )
    since = BoundedDateField(label=_("In force from"), least=timezone.localdate)
    village = RegionField(label=_("First village"))
    village_name = PersonNameField(label=_("Name of the village's admin"))
    village_phone = PhoneField(label=_("Mobile number of the village's admin"), max_length=20)
    village_password = forms.CharField(
        label=_("First password of the village's admin"), max_length=128, widget=forms.PasswordInput(attrs=NEW)
    )

    def __init__(self, *args: Any, villages: Any, schemes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["village"].queryset = villages  # type: ignore[attr-defined]
        self.fields["scheme"].queryset = schemes  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        seen: set[str] = set()
        for name in ("county_phone", "town_phone", "village_phone"):
            if data.get(name) in seen:
                self.add_error(name, str(PersonHasOffice()))
            elif data.get(name):
                seen.add(data[name])
        for name in ("county_password", "town_password", "village_password"):
            if data.get(name):
                try:
                    validate_password(data[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return data

    def person(self, key: str) -> Person:
        """Return one of the three people as typed."""
        data = self.cleaned_data
        return Person(data[f"{key}_name"], data[f"{key}_phone"], data[f"{key}_password"])


class AppointForm(PersonForm):
    """Who gets a role: named by number and asked about once, or somebody new with name and first password."""

    password = forms.CharField(
        label=_("First password"),
        required=False,
        max_length=128,
        help_text=_("Only for somebody who does not sign in here yet: at least 8 characters. The person changes it."),
        widget=forms.PasswordInput(attrs=NEW),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phone"].help_text = _("Whoever signs in with it gets the role.")
        self.fields["full_name"].help_text = _("For somebody who lives elsewhere, or does not sign in here yet.")


class OfficeForm(BaseForm):
    opening_hours = CleanCharField(
        label=_("Opening hours"), max_length=120, help_text=_("For example: weekdays 8:30–11:30 and 14:00–17:00.")
    )
    help_phone = CleanCharField(
        label=_("Help telephone"),
        max_length=20,
        dashes=True,
        help_text=_("A number that is answered, for example 0631-8450000."),
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel"}),
    )


class OpeningForm(IdempotentForm, BaseForm):
    """A signed list of what residents had before."""

    file = forms.FileField(
        label=_("List as XLSX or CSV"),
        help_text=_(
            "Columns: name (姓名), points (积分), hours (时长); for namesakes also the volunteer number (志愿者号)."
        ),
    )
    title = CleanCharField(
        label=_("What it is"), max_length=80, help_text=_("Everybody reads it in their statement, e.g. Points of 2025.")
    )
    signed_on = BoundedDateField(
        label=_("Signed on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    paper = CleanCharField(
        label=_("Where the signed list is kept"), max_length=120, help_text=_("For example: village office, folder 3.")
    )


class DecideOpeningForm(BaseForm):
    reason = CleanCharField(
        label=_("Why it is sent back"), max_length=200, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
