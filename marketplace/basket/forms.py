"""How many; nothing else can be said about a basket line."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from oscar.apps.basket.forms import *  # noqa: F403 (Oscar imports its own names from here)

from timebank.common.fields import BoundedIntegerField

MOST = 20


class AddForm(forms.Form):
    quantity = BoundedIntegerField(label=_("How many"), min_value=1, max_value=MOST, initial=1)


class QuantityForm(forms.Form):
    """The new quantity of a line; none takes it out."""

    quantity = BoundedIntegerField(label=_("How many"), min_value=0, max_value=MOST)
