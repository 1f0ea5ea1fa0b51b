"""Addresses of the desk that keep the place they were asked for."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from marketplace.desk.scope import with_place

register = template.Library()


@register.simple_tag(takes_context=True)
def desk_url(context: template.Context, name: str, *args: Any, **kwargs: Any) -> str:
    """Return a page's address, in the place that this page shows."""
    return with_place(context["request"], reverse(name, args=args, kwargs=kwargs))
