"""The village notice board."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from timebank.common.errors import DomainError
from timebank.common.input import read_text
from timebank.registry.models import Region
from timebank.registry.requests import SignedInRequest
from timebank.registry.rules import VIEW_VILLAGE, can
from timebank.registry.selectors import villages_named, with_places
from timebank.service import selectors, services
from timebank.service.forms import ObjectionForm
from timebank.service.rules import LEAD_ACTIVITY
from timebank.service.selectors.notices import for_strangers
from timebank.service.views.common import acting_resident, login_required, on_behalf_of, refused, require_resident
from timebank.ui.templatetags.ui import day


@require_GET
def notice_home(request: HttpRequest) -> HttpResponse:
    """Lead residents to their village's notice, and everybody else to any village's, by its name."""
    resident = acting_resident(request)
    q = read_text(request.GET.get("q"), 40)
    if resident is not None and not q:
        return redirect("service:notice", pk=resident.village_id)
    counts = selectors.notices_in(villages_named(q) if q else None)
    rows = [(village, place, counts[village]) for village, place in with_places(list(counts))]
    return render(request, "service/notices.html", {"q": q, "rows": rows})


@require_GET
def notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is on notice in a village: names, deeds, hours; no phone, no number."""
    village = get_object_or_404(Region, pk=pk)
    resident = acting_resident(request)
    response = render(
        request,
        "service/notice.html",
        {
            "village": village,
            "rows": _rows(request, village),
            "lists": selectors.notice_lists(village)[:12],
            "can_object": resident is not None and resident.village_id == village.pk,
            "today": timezone.localdate(),
        },
    )
    response["X-Robots-Tag"] = "noindex"
    return response


def _rows(request: HttpRequest, village: Region) -> list[selectors.NoticeRow]:
    """List what is on notice: full names to who belongs or works there, masked ones to the open net."""
    rows = selectors.notice_list(village)
    user = request.user
    resident = acting_resident(request) if user.is_authenticated else None
    at_home = resident is not None and resident.village_id == village.pk
    if at_home or any(can(user, action, village) for action in (VIEW_VILLAGE, LEAD_ACTIVITY)):
        return rows
    return for_strangers(rows)


@require_GET
def notice_print(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the same on a sheet for the wall."""
    village = get_object_or_404(Region, pk=pk)
    rows = _rows(request, village)
    response = render(
        request,
        "service/notice_print.html",
        {
            "village": village,
            "rows": rows,
            "minutes": sum(row.minutes for row in rows),
            "people": len({(row.name, row.tail) for row in rows}),
            "until": max((row.last_day for row in rows), default=None),
            "today": timezone.localdate(),
        },
    )
    response["X-Robots-Tag"] = "noindex"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def objection(request: SignedInRequest, pk: int, record_pk: int) -> HttpResponse:
    """Take a resident's objection to one record of their own village."""
    resident = require_resident(request)
    village = get_object_or_404(Region, pk=pk)
    record = selectors.published_record_for(resident, record_pk)
    form = ObjectionForm(request.POST or None)
    context = {"village": village, "record": record, "row": selectors.notice_row(record), "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            made = form.once(
                actor=request.user,
                scope=f"raise_objection:{record.pk}:{resident.pk}",
                create=lambda: services.raise_objection(
                    record=record,
                    resident=resident,
                    text=form.cleaned_data["text"],
                    actor=request.user,
                    on_behalf_of=on_behalf_of(request),
                ),
            ).result
        except DomainError as error:
            return refused(request, "service/objection.html", context, error)
        messages.success(
            request, _("Your objection is noted. The village answers by %(day)s.") % {"day": day(made.due_on, "date")}
        )
        return redirect("service:notice", pk=village.pk)
    return render(request, "service/objection.html", context, status=422 if form.errors else 200)
