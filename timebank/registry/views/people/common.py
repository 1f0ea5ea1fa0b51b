"""What the pages about a resident share: who may see whom, and a form about one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from timebank.common.errors import DomainError
from timebank.common.input import read_page
from timebank.registry import rules
from timebank.registry.models import (
    Region,
    Resident,
)
from timebank.ui.forms import BaseForm

ROWS = 50


def person_for(request: HttpRequest, pk: int, *actions: str) -> Resident:
    """Return a resident for whose village this person may do one of ``actions``; 404 otherwise."""
    resident = Resident.objects.select_related("village", "household", "user").filter(pk=pk).first()
    if resident is None or not any(rules.can(request.user, action, resident.village) for action in actions):
        raise Http404
    return resident


def place_for(request: HttpRequest, pk: int, *actions: str) -> Region:
    region = Region.objects.filter(pk=pk, is_active=True).first()
    if region is None or not any(rules.can(request.user, action, region) for action in actions):
        raise Http404
    return region


def page_of(request: HttpRequest, rows: Any) -> Any:
    return Paginator(rows, ROWS).get_page(read_page(request.GET.get("page")))


def back_to(resident: Resident) -> str:
    """Return the page of a resident at the desk; the desk is another app and may be left out."""
    from django.urls import NoReverseMatch

    try:
        return reverse("desk:resident", args=[resident.pk])
    except NoReverseMatch:
        return reverse("registry:cases", args=[resident.village_id])


def form_page(
    request: HttpRequest,
    *,
    resident: Resident,
    form: BaseForm,
    title: str,
    lead: str,
    submit: str,
    do: Callable[[dict[str, Any]], str],
    kind: str = "primary",
    facts: Sequence[tuple[str, Any]] = (),
    back: str = "",
) -> HttpResponseBase:
    """Show a form about one resident; after ``do`` say what it answered and go back to the resident."""
    back = back or back_to(resident)
    if request.method == "POST" and form.is_valid():
        try:
            said = do(form.cleaned_data)
        except DomainError as error:
            if error.status == 403:
                raise PermissionDenied(str(error)) from error
            form.refuse(error)
        else:
            messages.success(request, said)
            return redirect(back)
    return render(
        request,
        "registry/person_form.html",
        {
            "resident": resident,
            "form": form,
            "title": title,
            "lead": lead,
            "submit": submit,
            "kind": kind,
            "facts": facts,
            "back": back,
        },
        status=422 if form.errors else 200,
    )


def sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None
