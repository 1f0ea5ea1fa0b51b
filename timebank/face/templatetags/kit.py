"""Sample words for the kit page."""

from __future__ import annotations

from django import template

from timebank.face.kit_words import say

register = template.Library()
register.filter("sample", say)
