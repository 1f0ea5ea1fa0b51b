"""The leader's pages on the day: take attendance, close, enter what is missing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import digits, read_id, read_page, read_text
from timebank.registry import rules as registry_rules
from timebank.registry.models import Resident
from timebank.registry.requests import SignedInRequest
from timebank.registry.selectors import card_holder
from timebank.service import rules, selectors, services
from timebank.service.forms import CapacityForm, CardForm, EnterForm, StateForm
from timebank.service.models import Activity, Method, Record, SignUp
from timebank.service.navigation import leads_somewhere
from timebank.service.rules import LEAD_ACTIVITY
from timebank.service.views.common import login_required, refused

PAGE = 30


@login_required
@require_GET
def lead_list(request: HttpRequest) -> HttpResponse:
    """List the activities this person leads: going on and to come, then past ones."""
    require_leader(request)
    past = request.GET.get("show") == "past"
    activities_led = selectors.activities_led_by(request.user)
    if past:
        activities_led = activities_led.exclude(status=Activity.Status.OPEN)
    else:
        activities_led = activities_led.filter(status=Activity.Status.OPEN).order_by("starts_at", "pk")
    page = Paginator(activities_led, PAGE).get_page(read_page(request.GET.get("page")))
    tabs = [
        {"label": _("Current"), "href": "?", "active": not past},
        {"label": _("Past"), "href": "?show=past", "active": past},
    ]
    return render(
        request,
        "service/lead_list.html",
        {"page": page, "tabs": tabs, "past": past, "enters_hours": registry_rules.can(request.user, LEAD_ACTIVITY)},
    )


@never_cache
@login_required
@require_GET
def lead_activity(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the attendance page while the activity is open, and what came of it afterwards."""
    return render(request, "service/lead_activity.html", _context(request, pk))


@never_cache
@login_required
@require_GET
def code(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the QR of this moment; the page asks for it again before the old one is worthless."""
    activity = selectors.led_activity_for(request.user, pk)
    return render(request, "service/_code.html", {"activity": activity, "code_url": _code_url(request, activity)})


@login_required
@require_POST
def tap(request: SignedInRequest, pk: int) -> HttpResponse:
    """Check somebody of the list in or out, or take a mistaken check-out back."""
    activity = selectors.led_activity_for(request.user, pk)
    person = Resident.objects.filter(pk=read_id(request.POST.get("resident"))).first()
    on_list = {row.resident.pk for row in selectors.attendance_rows(activity)}
    if person is None or person.pk not in on_list:
        raise Http404
    what = read_text(request.POST.get("what", ""))
    try:
        if what == "in":
            services.check_in(activity=activity, resident=person, actor=request.user, method=Method.LIST)
        elif what == "out":
            services.check_out(activity=activity, resident=person, actor=request.user, method=Method.LIST)
        elif what == "undo":
            services.undo_check_out(activity=activity, resident=person, actor=request.user)
        else:
            raise Http404
    except DomainError as error:
        part = "service/_attendance.html" if request.headers.get("HX-Request") else "service/lead_activity.html"
        return refused(request, part, {**_context(request, pk), "is_part": part.endswith("_attendance.html")}, error)
    if request.headers.get("HX-Request"):
        return render(request, "service/_attendance.html", _context(request, pk))
    return redirect(reverse("service:lead_activity", args=[pk]) + f"#person-{person.pk}")


@login_required
@require_POST
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """Check the holder of a card in; the same card again checks them out."""
    activity = selectors.led_activity_for(request.user, pk)
    form = CardForm(request.POST)
    if not form.is_valid():
        return render(request, "service/lead_activity.html", {**_context(request, pk), "form": form}, status=422)
    try:
        person = card_holder(form.cleaned_data["code"])
        seen, done = services.read_card(activity=activity, resident=person, actor=request.user)  # type: ignore[arg-type]
        if done == "in":
            said = _("%(name)s is checked in.")
        elif done == "out":
            said = _("%(name)s is checked out.")
        elif seen.checked_out_at is None:
            said = _("%(name)s is already checked in. Read the card again when they leave.")
        else:
            said = _("%(name)s had already checked out.")
        said %= {"name": person.name}
    except DomainError as error:
        return refused(request, "service/lead_activity.html", _context(request, pk), error)
    messages.success(request, said)
    return redirect("service:lead_activity", pk=pk)


@login_required
@require_POST
def places(request: SignedInRequest, pk: int) -> HttpResponse:
    """Change the number of places; the waiting list moves up."""
    activity = selectors.led_activity_for(request.user, pk)
    form = CapacityForm(request.POST)
    if not form.is_valid():
        return render(request, "service/lead_activity.html", {**_context(request, pk), "form": form}, status=422)
    try:
        services.change_capacity(activity=activity, capacity=form.cleaned_data["capacity"], actor=request.user)
    except DomainError as error:
        return refused(request, "service/lead_activity.html", _context(request, pk), error)
    messages.success(request, _("The number of places is changed."))
    return redirect("service:lead_activity", pk=pk)


@login_required
@require_http_methods(["GET", "POST"])
def close(request: SignedInRequest, pk: int) -> HttpResponse:
    """Say what closing will do, then close."""
    context = _context(request, pk)
    activity: Activity = context["activity"]
    if request.method == "GET":
        if activity.status != Activity.Status.OPEN:
            return redirect("service:lead_activity", pk=pk)
        return render(request, "service/lead_close.html", context)
    try:
        services.close_activity(activity=activity, actor=request.user)
    except DomainError as error:
        return refused(request, "service/lead_close.html", context, error)
    messages.success(request, _("The activity is closed. The records wait for a second person."))
    return redirect("service:lead_activity", pk=pk)


@login_required
@require_http_methods(["GET", "POST"])
def enter(request: SignedInRequest, pk: int) -> HttpResponse:
    """Enter hours by hand for somebody who was there but whose attendance is missing."""
    activity = selectors.led_activity_for(request.user, pk)
    form = EnterForm(request.POST or None, activity=activity, initial={"minutes": activity.planned_minutes})
    context = {"activity": activity, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            person = person_of(form.cleaned_data["code"], activity)
            form.once(
                actor=request.user,
                scope=f"enter_record:{activity.pk}",
                create=lambda: services.enter_record(
                    resident=person,
                    category=activity.category_id,
                    served_on=rules.local_day(activity.starts_at),
                    minutes=form.cleaned_data["minutes"],
                    quantity=form.cleaned_data.get("quantity") or 1,
                    activity=activity,
                    actor=request.user,
                    reason=form.cleaned_data["reason"],
                ),
            )
        except DomainError as error:
            return refused(request, "service/lead_enter.html", context, error)
        messages.success(request, _("Entered for %(name)s. A second person verifies it.") % {"name": person.name})
        return redirect("service:lead_activity", pk=pk)
    return render(request, "service/lead_enter.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def state(request: HttpRequest, pk: int, resident_pk: int) -> HttpResponse:
    """State how long somebody stayed who forgot to check out; a second person verifies it."""
    activity = selectors.led_activity_for(request.user, pk)
    seen = activity.attendances.select_related("resident").filter(resident=resident_pk).first()
    if seen is None:
        raise Http404
    most = rules.minutes_between(seen.checked_in_at, activity.ends_at, activity.starts_at, activity.ends_at)
    form = StateForm(request.POST or None, most=most)
    context = {"activity": activity, "form": form, "person": seen.resident, "seen": seen, "most": most}
    if request.method == "POST" and form.is_valid():
        try:
            services.state_time(
                activity=activity,
                resident=seen.resident,
                minutes=form.cleaned_data["minutes"],
                reason=form.cleaned_data["reason"],
                actor=request.user,  # type: ignore[arg-type]
            )
        except DomainError as error:
            return refused(request, "service/lead_state.html", context, error)
        messages.success(request, _("The time is stated. A second person verifies it."))
        return redirect("service:lead_activity", pk=pk)
    return render(request, "service/lead_state.html", context, status=422 if form.errors else 200)


def person_of(number: str, activity: Activity | None = None) -> Resident:
    """Find a person by volunteer number or by card; with an activity only whom it is open to has a number."""
    known = Resident.objects.select_related("village").filter(volunteer_number=digits(number)).first()
    if known is not None and (activity is None or rules.is_open_to(activity, known)):
        return known
    return card_holder(number)


def require_leader(request: HttpRequest) -> None:
    if not leads_somewhere(request):
        raise Http404


def _code_url(request: HttpRequest, activity: Activity) -> str:
    """Return what the QR says, in capitals: the host the leader's own page came from is one the phones reach."""
    token = services.attendance_token(activity, shown_by=request.user)  # type: ignore[arg-type]
    return request.build_absolute_uri(reverse("service:attend", args=[token])).upper()


def _context(request: HttpRequest, pk: int) -> dict[str, Any]:
    activity = selectors.led_activity_for(request.user, pk)
    rows = selectors.attendance_rows(activity)
    now = timezone.now()
    is_open = activity.status == Activity.Status.OPEN
    context: dict[str, Any] = {
        "activity": activity,
        "rows": rows,
        "here": sum(row.is_here for row in rows),
        "came": sum(row.seen is not None for row in rows),
        "waiting": sum(row.sign_up is not None and row.sign_up.state == SignUp.State.WAITING for row in rows),
        "is_open": is_open,
        "copy_url": reverse("service:lead_new") + f"?like={activity.pk}",
        "takes_attendance": is_open and activity.starts_at - rules.CHECK_IN_BEFORE <= now < activity.ends_at,
        "has_begun": now >= activity.starts_at,
        # One main thing to do: scanning while people come, closing afterwards.
        "close_kind": "quiet" if is_open and now < activity.ends_at else "primary",
    }
    if activity.status == Activity.Status.CANCELLED:
        context["expected"] = [row for row in rows if row.sign_up is not None]
    if context["takes_attendance"]:
        context["code_url"] = _code_url(request, activity)
    if activity.status == Activity.Status.CLOSED:
        records = list(
            activity.records.exclude(state=Record.State.REVERSED).select_related("resident").order_by("resident__name")
        )
        context["records"] = records
        context["minutes"] = sum(record.minutes for record in records)
        # Whose hours were entered by hand since, has a record and was there.
        without = [row for row in rows if row.resident.pk not in {record.resident_id for record in records}]
        context["problems"] = [row for row in without if row.seen is not None and row.seen.problem]
        context["absent"] = [row for row in without if row.sign_up and row.sign_up.state == SignUp.State.NO_SHOW]
    return context
