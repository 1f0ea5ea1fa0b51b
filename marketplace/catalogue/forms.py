"""What one may ask of the shelves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from timebank.common.fields import CleanCharField


class ShelfForm(forms.Form):
    """A search word and a tick for what one can afford. Whatever it holds, it gives an answer."""

    q = CleanCharField(label=_("Search"), required=False, max_length=60, strip=True)
    affordable = forms.BooleanField(label=_("What my points are enough for"), required=False)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs.update(
            {"type": "search", "enterkeyhint": "search", "placeholder": _("Soap, bath, 洗浴, xy …")}
        )
        self.fields["affordable"].widget.attrs["data-autosubmit"] = ""
