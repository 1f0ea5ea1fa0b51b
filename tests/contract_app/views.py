from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from timebank.registry.rules import can


def hives(request: HttpRequest) -> HttpResponse:
    if not can(request.user, "keep_bees"):
        raise Http404
    return render(request, "bees/hives.html")
