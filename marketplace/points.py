"""Oscar's ``currency`` filter in points. Settings name it over Oscar's library, so no template has to be copied."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import format_decimal
from django import template
from django.utils.translation import get_language, ngettext, to_locale

register = template.Library()


@register.filter(name="currency")
def points(value: Any, _currency: str | None = None) -> str:
    """Write an Oscar amount (decimal points) as "120 points", "1 point", "7.5 points"; averages keep two places."""
    try:
        amount = Decimal(value)
    except (TypeError, ValueError, InvalidOperation):
        return ""
    figure = format_decimal(
        amount.quantize(Decimal("0.01")),
        format="#,##0.##",
        locale=to_locale(get_language() or "en"),
    )
    return ngettext("%(number)s point", "%(number)s points", 1 if abs(amount) == 1 else 2) % {"number": figure}
