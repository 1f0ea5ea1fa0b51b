"""What the public page of the ledger takes."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import CleanCharField
from timebank.ledger.canon import parse_digest

MOST = 256 * 1024


class DigestForm(forms.Form):
    """A short digest as it hangs on the notice board."""

    digest = CleanCharField(
        label=_("Digest from the notice board"), max_length=60, help_text=_("For example 128-7Q3K-0M5D-TT2X-9ABC")
    )

    def clean_digest(self) -> str:
        """Refuse what is no digest."""
        text = str(self.cleaned_data["digest"])
        try:
            parse_digest(text)
        except ValueError:
            raise forms.ValidationError(_("This is not a digest. Copy the number and all sixteen letters.")) from None
        return text


class ReceiptForm(forms.Form):
    """A receipt file."""

    receipt = forms.FileField(label=_("Receipt file"))

    def clean_receipt(self) -> dict[str, Any]:
        """Refuse what is no receipt."""
        file = self.cleaned_data["receipt"]
        if file.size > MOST:
            raise forms.ValidationError(_("This file is too large to be a receipt."))
        try:
            content = json.loads(file.read().decode())
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise forms.ValidationError(_("This file is not a receipt."))
        return content
