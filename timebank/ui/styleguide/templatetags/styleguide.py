"""Sample words for the style guide."""

from __future__ import annotations

from django import template

from timebank.ui.styleguide.samples import say

register = template.Library()
register.filter("sample", say)
