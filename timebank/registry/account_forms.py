"""Shapes of what staff type about their own sign-in, and of what ends somebody's code."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import CleanCharField, PhoneField
from timebank.ui.forms import BaseForm

_CODE = {"inputmode": "numeric", "autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}


CONFIRM_FIELD = "confirm_it_is_you"  # in no form of ours: the page that asks sends it along with what was asked for


class ConfirmForm(BaseForm):
    """What is typed to say that it is still the same person: a password stays as it was typed."""

    confirm_it_is_you = forms.CharField(max_length=128, strip=False, widget=forms.PasswordInput)


class CodeForm(BaseForm):
    code = CleanCharField(label=_("Sign-in code"), max_length=20, widget=forms.TextInput(attrs=_CODE))

    def __init__(self, *args: Any, help_text: Any = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = help_text


class PhoneForm(BaseForm):
    phone = PhoneField(
        label=_("New mobile number"), max_length=20, help_text=_("A code is sent to it; keep the phone at hand.")
    )


class TextCodeForm(BaseForm):
    code = CleanCharField(
        label=_("Code from the text message"),
        max_length=20,
        help_text=_("Six digits."),
        widget=forms.TextInput(attrs=_CODE),
    )


class ReasonForm(BaseForm):
    reason = CleanCharField(
        label=_("Why"),
        max_length=200,
        help_text=_("For example: the phone broke; came in person with the ID card."),
    )
