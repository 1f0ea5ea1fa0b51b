"""Addresses of the desk that keep the place they were asked for."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from marketplace.desk.scope import PLACE, with_place

register = template.Library()


@register.simple_tag(takes_context=True)
def desk_url(context: template.Context, name: str, *args: Any, **kwargs: Any) -> str:
    """Return a page's address, in the place that this page shows."""
    return with_place(context["request"], reverse(name, args=args, kwargs=kwargs))


@register.simple_tag(takes_context=True)
def place_field(context: template.Context) -> SafeString:
    """Return the hidden field by which every form of the desk says for which place it was filled in."""
    return format_html('<input type="hidden" name="{}" value="{}">', PLACE, context["request"].scope.region.pk)
