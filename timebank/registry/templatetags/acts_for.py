"""The token of every form, and beside it for whom its page was made (``middleware.ActsForMiddleware`` compares it)."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from timebank.registry.middleware import ACTS_FOR, acts_for

register = template.Library()


@register.simple_tag(takes_context=True, name="csrf_token")
def csrf_token(context: template.Context) -> SafeString | str:
    """Write what Django's own tag writes, and for whom a signed-in session acts while the page is made."""
    token = context.get("csrf_token")
    if not token or str(token) == "NOTPROVIDED":
        return ""
    fields = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)
    request: Any = context.get("request") or getattr(context, "request", None)
    person = acts_for(request) if request is not None else None
    return (
        fields
        if person is None
        else fields + format_html('<input type="hidden" name="{}" value="{}">', ACTS_FOR, person)
    )
