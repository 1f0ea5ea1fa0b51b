"""What a clerk types at the till."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import BoundedIntegerField, PersonNameField, PinField
from timebank.common.input import LARGEST_ID


class PayForm(forms.Form):
    """The holder's PIN, and who came instead."""

    brought_by = PersonNameField(
        label=_("Who came instead of the holder"),
        max_length=60,
        required=False,
        help_text=_("Leave empty if the holder is here."),
    )
    pin = PinField(
        label=_("PIN"),
        min_length=4,
        max_length=6,
        help_text=_("The holder types it. Please look away."),
        widget=forms.PasswordInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "pattern": "[0-9]*", "maxlength": "6"}
        ),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    total = BoundedIntegerField(widget=forms.HiddenInput, min_value=0, max_value=LARGEST_ID)
