"""Shapes of what staff type about their own sign-in, and of what ends somebody's code."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import CleanCharField, PhoneField
from timebank.common.idempotency import IdempotentForm
from timebank.registry.appointing import PersonForm
from timebank.registry.models import User
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


class ForgottenForm(IdempotentForm, BaseForm):
    phone = PhoneField(
        label=_("Mobile number"), max_length=20, help_text=_("The one you sign in with; keep the phone at hand.")
    )


class PasswordPair(BaseForm):
    """A new password, typed twice; ``user`` where it is known whose."""

    user: User | None = None

    new = forms.CharField(
        label=_("New password"),
        max_length=128,
        help_text=_("At least 8 characters, letters and digits mixed."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password again"),
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        validate_password(new, self.user)
        return new

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("new") and data.get("again") and data["new"] != data["again"]:
            self.add_error("again", _("The two new passwords differ."))
        return data


class NewPasswordForm(PasswordPair, TextCodeForm):
    field_order = ("code", "new", "again")


class SuccessorForm(PersonForm):
    """Who is to take an office over, and why."""

    reason = CleanCharField(label=_("Reason"), max_length=200, required=False)


class ReasonForm(BaseForm):
    reason = CleanCharField(
        label=_("Why"),
        max_length=200,
        help_text=_("For example: the phone broke; came in person with the ID card."),
    )
