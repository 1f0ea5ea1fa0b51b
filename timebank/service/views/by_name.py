"""Attendance by name: who is expected or here, ticked in one go; who came without having joined, one at a time."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.registry.models import Resident
from timebank.registry.requests import SignedInRequest
from timebank.service import rules, selectors, services
from timebank.service.forms import SeveralForm, WalkInForm
from timebank.service.models import Activity, Method
from timebank.service.selectors.activities import AttendanceRow, walk_ins
from timebank.service.views.common import login_required, refused

IN, OUT = "in", "out"
AT_ONCE = 200  # people on one page; who is noted makes room for the next


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def by_name(request: SignedInRequest, pk: int) -> HttpResponse:
    """Check people in or out by name: the ticked ones together, or somebody else by their whole name."""
    activity = selectors.led_activity_for(request.user, pk)
    if activity.status != Activity.Status.OPEN:
        raise Http404
    if request.method == "POST" and "what" in request.POST:
        return _note(request, activity)
    form = WalkInForm(request.POST or (request.GET if "name" in request.GET else None))
    people = walk_ins(activity, form.cleaned_data["name"]) if form.is_bound and form.is_valid() else []
    context = {
        **_lists(request, activity, selectors.attendance_rows(activity)),
        "form": form,
        "people": people,
        "asked": form.is_bound and not form.errors,
    }
    if request.method == "POST":
        person = next((item for item in people if item.pk == read_id(request.POST.get("resident"))), None)
        if person is None:
            raise Http404
        try:
            services.check_in(activity=activity, resident=person, actor=request.user, method=Method.LIST)
        except DomainError as error:
            return refused(request, "service/lead_by_name.html", context, error)
        messages.success(request, _("%(name)s is checked in.") % {"name": person.name})
        return redirect("service:lead_activity", pk=pk)
    return render(request, "service/lead_by_name.html", context, status=422 if form.errors else 200)


def _note(request: SignedInRequest, activity: Activity) -> HttpResponse:
    """Check the ticked people in or out; name whom that was refused."""
    what = read_text(request.POST.get("what", ""))
    if what not in (IN, OUT):
        raise Http404
    # Of the whole list: who was noted by somebody else since the page was shown is no mistake.
    rows = selectors.attendance_rows(activity)
    listed = {row.resident.pk: row.resident for row in rows}
    form = SeveralForm(request.POST, residents=listed.values(), auto_id=f"id_{what}_%s")
    context = {**_lists(request, activity, rows), "form": WalkInForm(), "sent": form}
    context[{IN: "coming", OUT: "leaving"}[what]]["form"] = form
    if not form.is_valid():
        return render(request, "service/lead_by_name.html", context, status=form.status)
    chosen = [listed[int(key)] for key in form.cleaned_data["people"]]
    service = services.check_in_many if what == IN else services.check_out_many

    def create() -> dict[str, Any]:
        report = service(activity=activity, residents=chosen, actor=request.user)
        return {"noted": report.noted, "refused": [[person.pk, str(error)] for person, error in report.refused]}

    try:
        outcome = form.once(actor=request.user, scope=f"note_{what}:{activity.pk}", create=create).result
    except DomainError as error:
        return refused(request, "service/lead_by_name.html", context, error)
    _tell(
        request, what, outcome["noted"], [(listed[key].name, text) for key, text in outcome["refused"] if key in listed]
    )
    return redirect("service:lead_activity", pk=activity.pk)


def _tell(request: HttpRequest, what: str, noted: int, refusals: list[tuple[str, str]]) -> None:
    if noted and what == IN:
        text = ngettext("%(n)s person is checked in.", "%(n)s people are checked in.", noted) % {"n": noted}
        messages.success(request, text)
    elif noted:
        text = ngettext("%(n)s person is checked out.", "%(n)s people are checked out.", noted) % {"n": noted}
        messages.success(request, text)
    names: dict[str, list[str]] = {}
    for name, reason in refusals:
        names.setdefault(reason, []).append(name)
    for reason, held in names.items():
        text = _("Not noted: %(names)s. %(reason)s") % {
            "names": pgettext("between names", ", ").join(held),
            "reason": reason,
        }
        messages.error(request, text)


def _lists(request: HttpRequest, activity: Activity, rows: list[AttendanceRow]) -> dict[str, Any]:
    """Return whom the page offers to check in and out, and the forms for it."""
    now = timezone.now()
    takes = activity.starts_at - rules.CHECK_IN_BEFORE <= now < activity.ends_at
    all_of = read_text(request.GET.get("all"), 3)
    return {
        "activity": activity,
        "takes_attendance": takes,
        "coming": _list(IN, [row for row in rows if row.seen is None] if takes else [], all_of),
        "leaving": _list(OUT, [row for row in rows if row.is_here], all_of),
    }


def _list(what: str, rows: list[AttendanceRow], all_of: str) -> dict[str, Any]:
    residents: list[Resident] = [row.resident for row in rows]
    return {
        "what": what,
        "rows": rows[:AT_ONCE],
        "more": max(len(rows) - AT_ONCE, 0),
        "all": all_of == what,
        "form": SeveralForm(residents=residents, auto_id=f"id_{what}_%s"),
    }
