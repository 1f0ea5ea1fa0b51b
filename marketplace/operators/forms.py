"""A supplier, as an operator writes it down."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.partner.models import Partner
from timebank.common.choices import OneOfManyField
from timebank.common.fields import CleanCharField, as_form_error
from timebank.common.input import InvalidInput, digits, telephone
from timebank.registry.models import Organisation, Region
from timebank.ui.forms import EmptyChoiceMixin


class SearchForm(forms.Form):
    q = CleanCharField(label=_("Search"), required=False, max_length=60)


class PartnerForm(EmptyChoiceMixin, forms.ModelForm):
    region_code = CleanCharField(
        label=_("Code of the village"),
        max_length=12,
        help_text=_("Twelve digits. A town's supplier serves all its villages."),
    )
    organisation = OneOfManyField(
        numbers=("uscc",),
        names=("name",),
        label=_("Organisation"),
        queryset=Organisation.objects.filter(kind=Organisation.Kind.SUPPLIER).order_by("name"),
        required=False,
    )

    class Meta:
        model = Partner
        fields = ("name", "name_en", "kind", "organisation", "place", "phone", "opening_hours", "is_active")
        labels = {"name": _("Name of the supplier")}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
        if self.instance.pk:
            # A supplier does not move: tickets and the ledger name it.
            del self.fields["region_code"]

    def clean_phone(self) -> str:
        try:
            return telephone(self.cleaned_data["phone"])
        except InvalidInput as error:
            raise as_form_error(error) from None

    def clean_region_code(self) -> str:
        code = digits(self.cleaned_data["region_code"])
        self.village = Region.objects.filter(code=code).first()
        if self.village is None:
            raise forms.ValidationError(_("There is no place with this code."))
        return code
