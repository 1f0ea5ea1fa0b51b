"""The help page: one chapter a role, the reader's own first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from timebank.registry.rules import grants_of
from timebank.registry.selectors import acting_resident
from timebank.villages.help import CHAPTERS, RESIDENT, SAME


@require_GET
def help_page(request: HttpRequest) -> HttpResponse:
    """Show what each role does, step by step."""
    roles = {SAME.get(grant.role, grant.role) for grant in grants_of(request.user)}
    if not roles or acting_resident(request) is not None:
        roles.add(RESIDENT)
    chapters = sorted(CHAPTERS, key=lambda chapter: chapter.role not in roles)
    return render(request, "villages/help.html", {"chapters": [(item, item.role in roles) for item in chapters]})
