"""Amounts of any currency as pages show them."""

from __future__ import annotations

from django import template

from marketplace.payments.models.payments import exponent_of
from marketplace.payments.words import failure_text
from timebank.common.numbers import MINUS, format_money

register = template.Library()


@register.filter
def amount(value: tuple[int, str] | None) -> str:
    """Write (smallest unit, currency) as "¥12.34", "JPY 100,000", "USD 12.34"; nothing for nothing."""
    if not value:
        return ""
    minor, currency = value
    if currency == "CNY":
        return format_money(minor)
    sign = MINUS if minor < 0 else ""
    if exponent_of(currency) == 0:
        return f"{sign}{currency} {abs(minor):,}"
    return f"{sign}{currency} {abs(minor) // 100:,}.{abs(minor) % 100:02d}"


register.filter(failure_text)
