"""The few things that residents and clerks type here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import BoundedIntegerField, CleanCharField
from timebank.common.input import LARGEST_ID


class ReasonForm(forms.Form):
    """A reason: welcome from the holder, required from staff."""

    reason = CleanCharField(
        label=_("Why?"), max_length=200, required=False, help_text=_("The holder of the ticket sees this sentence.")
    )

    def __init__(self, *args: Any, reason_required: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = reason_required
        if not reason_required:
            self.fields["reason"].help_text = ""


class ConfirmForm(forms.Form):
    """What the confirm page sends: which basket, under which key, for how much."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    basket = BoundedIntegerField(widget=forms.HiddenInput, min_value=1, max_value=LARGEST_ID)
    total = BoundedIntegerField(widget=forms.HiddenInput, min_value=0, max_value=LARGEST_ID)
