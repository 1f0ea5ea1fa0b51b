"""Sample words for the kit page."""

from __future__ import annotations

from django import template

from timebank.ui.styleguide_samples import say

register = template.Library()
register.filter("sample", say)
