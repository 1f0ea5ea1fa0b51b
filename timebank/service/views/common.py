"""What the views of this app share."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from timebank.common.errors import DomainError
from timebank.registry.models import Resident
from timebank.registry.selectors import acting_resident, on_behalf_of
from timebank.service import errors

__all__ = ["acting_resident", "login_required", "on_behalf_of", "refused", "require_resident"]


def require_resident(request: HttpRequest) -> Resident:
    """Return the resident this session acts for; pages of residents do not exist for others."""
    resident = acting_resident(request)
    if resident is None:
        raise Http404
    return resident


def refused(request: HttpRequest, template: str, context: dict[str, Any], error: DomainError) -> HttpResponse:
    """Show the page again with the refusal on top, under the refusal's own status."""
    if isinstance(error, errors.NotForYou | errors.TokenInvalid):
        raise Http404
    # A card nobody knows is a slip of the hand on this page, not a missing page.
    status = 422 if error.status == 404 else error.status
    return render(request, template, {**context, "error": error}, status=status)
