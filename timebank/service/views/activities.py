"""Finding an activity, taking a place, checking in and out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.days import end_of_day
from timebank.common.errors import DomainError
from timebank.common.input import read_choice, read_page, read_text
from timebank.registry.models import Resident
from timebank.registry.requests import SignedInRequest
from timebank.service import errors, rules, selectors, services, tokens
from timebank.service.calendar import calendar_file
from timebank.service.models import Activity, SignUp
from timebank.service.selectors.activities import later_in_series, waiting_position
from timebank.service.selectors.expected import expected
from timebank.service.views.common import acting_resident, login_required, on_behalf_of, refused, require_resident
from timebank.ui.templatetags.ui import day

PAGE = 30
PLACES = (
    ("town", gettext_lazy("The whole town")),
    ("county", gettext_lazy("The whole county")),
    ("anywhere", gettext_lazy("Anywhere")),
)
PASSES = "attendance_passes"  # session key: activity id → a pass for whoever opened a fresh code here


@login_required
@require_GET
def activity_list(request: HttpRequest) -> HttpResponse:
    """Show what a resident can do: what is signed up for first, then what is open today, this week, later."""
    resident = acting_resident(request)
    if resident is None:
        return render(request, "service/activities.html", {"resident": None})
    now = timezone.now()
    when = read_text(request.GET.get("when", "week"))
    today = end_of_day(timezone.localdate())
    until = {"today": today, "week": today + dt.timedelta(days=6), "all": None}.get(when, today)
    category = read_text(request.GET.get("category", ""))
    kinds = selectors.kinds_open_to(resident)
    where = read_choice(request.GET.get("where"), ("town", "county", "anywhere"), "")
    result = selectors.activities_open_to(
        resident,
        now=now,
        category=category if category in dict(kinds) else "",
        where=where,
        until=until,
    )
    mine = list(selectors.sign_ups_of(resident, now=now))
    result = result.exclude(pk__in=[item.activity_id for item in mine])
    page = Paginator(result, PAGE).get_page(read_page(request.GET.get("page")))
    base = {"when": when, "category": category, "where": where}
    return render(
        request,
        "service/activities.html",
        {
            "resident": resident,
            "page": page,
            "mine": mine,
            "categories": kinds,
            "category": category,
            "where": where,
            "places": PLACES,
            "when": when,
            "tabs": [
                {"label": label, "href": _query({**base, "when": key}), "active": when == key}
                for key, label in (("today", _("Today")), ("week", _("This week")), ("all", _("All")))
            ],
        },
    )


def _query(values: dict[str, str]) -> str:
    from django.utils.http import urlencode

    return "?" + urlencode({key: value for key, value in values.items() if value})


@login_required
@require_GET
def activity_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show one activity: what, where, when, who leads, and the one thing to do now."""
    return render(request, "service/activity.html", _activity_context(request, pk))


def _activity_context(request: SignedInRequest, pk: int) -> dict[str, Any]:
    resident = acting_resident(request)
    activity = selectors.activity_for(request.user, pk, resident)
    mine = selectors.my_sign_up(activity, resident) if resident else None
    seen = activity.attendances.filter(resident=resident).first() if resident else None
    now = timezone.now()
    is_open = activity.status == Activity.Status.OPEN and now < activity.ends_at
    can_join = resident is not None and rules.is_open_to(activity, resident)
    has_place = mine is not None and mine.state in SignUp.LIVE
    return {
        "activity": activity,
        "resident": resident,
        "mine": mine,
        "seen": seen,
        "line": waiting_position(mine) if mine and mine.state == SignUp.State.WAITING else 0,
        "is_open": is_open,
        "can_join": can_join,
        "has_place": has_place,
        "expected": expected(activity, resident) if resident is not None and is_open and can_join else None,
        "weekly": list(later_in_series(activity, now)) if is_open and activity.series_id else [],
        "leads": rules.leads(request.user, activity.team, activity.village),
    }


@login_required
@require_POST
def sign_up(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take a place or a place in the line."""
    resident = require_resident(request)
    activity = selectors.activity_for(request.user, pk, resident)
    try:
        if "series" in request.POST:
            return _sign_up_for_series(request, activity, resident)
        mine = services.sign_up(
            activity=activity, resident=resident, actor=request.user, on_behalf_of=on_behalf_of(request)
        )
    except DomainError as error:
        return refused(request, "service/activity.html", _activity_context(request, pk), error)
    if mine.state == SignUp.State.WAITING:
        messages.info(request, _("All places are taken. You are on the waiting list."))
    else:
        messages.success(request, _("You are signed up."))
    return redirect(activity)


def _sign_up_for_series(request: HttpRequest, activity: Activity, resident: Resident) -> HttpResponse:
    """Take a place in all that is still to come of a series, and say which dates could not be had."""
    report = services.sign_up_for_series(
        activity=activity,
        resident=resident,
        actor=request.user,  # type: ignore[arg-type]
        on_behalf_of=on_behalf_of(request),
    )
    many = len(report.going)
    text = ngettext("You are signed up for %(n)s date.", "You are signed up for %(n)s dates.", many)
    messages.success(request, text % {"n": many})
    if report.waiting:
        dates = ", ".join(day(row.starts_at) for row in report.waiting)
        messages.info(request, _("On the waiting list: %(dates)s.") % {"dates": dates})
    for row, refusal in report.refused:
        messages.warning(request, f"{day(row.starts_at)}: {refusal}")
    return redirect(activity)


@login_required
@require_http_methods(["GET", "POST"])
def withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    """Ask once, then give the place back."""
    resident = require_resident(request)
    activity = selectors.activity_for(request.user, pk, resident)
    if request.method == "GET":
        mine = selectors.my_sign_up(activity, resident)
        if mine is None or mine.state not in SignUp.LIVE:
            return redirect(activity)
        coming = len(selectors.calendar_of(resident, activity))
        return render(request, "service/withdraw.html", {"activity": activity, "in_series": coming > 1})
    do = services.withdraw_from_series if "series" in request.POST else services.withdraw
    try:
        do(activity=activity, resident=resident, actor=request.user, on_behalf_of=on_behalf_of(request))
    except DomainError as error:
        return refused(request, "service/activity.html", _activity_context(request, pk), error)
    messages.success(request, _("You have withdrawn. Your place is free for somebody else."))
    return redirect(activity)


@login_required
@require_GET
def calendar(request: HttpRequest, pk: int) -> HttpResponse:
    """Return where the person goes as a file for the telephone's calendar; of a series all that is to come."""
    resident = require_resident(request)
    activity = selectors.activity_for(request.user, pk, resident)
    rows = [item.activity for item in selectors.calendar_of(resident, activity)]
    if not rows:
        raise Http404
    content = calendar_file(rows, base=request.build_absolute_uri("/"))
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="activity-{activity.pk}.ics"'
    return response


@never_cache
@require_http_methods(["GET", "POST"])
def attend(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the QR: one big button.

    Opening a fresh code leaves a pass in this session, so that signing in or a slow thumb does not cost the check-in,
    while a photograph of the code is worth nothing.
    """
    now = timezone.now()
    try:
        activity, ticket = _arrive(request, token, now)
    except errors.TokenInvalid as error:
        raise Http404 from error
    except errors.TokenExpired as error:
        return render(request, "service/attend_expired.html", {"error": error}, status=410)
    if not request.user.is_authenticated:
        from django.contrib.auth.views import redirect_to_login

        return redirect_to_login(request.path)
    resident = acting_resident(request)
    context = _attend_context(activity, resident, token)
    if request.method == "GET" or resident is None:
        return render(request, "service/attend.html", context)
    do = services.check_out if request.POST.get("what") == "out" else services.check_in
    try:
        do(token=ticket, resident=resident, actor=request.user, on_behalf_of=on_behalf_of(request), now=now)
    except errors.TokenExpired as error:
        return render(request, "service/attend_expired.html", {"error": error}, status=410)
    except DomainError as error:
        return refused(request, "service/attend.html", context, error)
    # Here, not on a page that any code may open: a reload shows the state and sends nothing again.
    return render(request, "service/attend.html", _attend_context(activity, resident, token, done=True))


def _arrive(request: HttpRequest, token: str, now: dt.datetime) -> tuple[Activity, str]:
    """Return the activity and the pass under which this session may check in or out."""
    passes: dict[str, str] = request.session.get(PASSES, {})
    try:
        pk, shown_by = tokens.opened(token, now)
    except errors.TokenExpired as expired:
        ticket = passes.get(str(expired.params["activity"]), "")
        if not ticket:
            raise
        pk = tokens.read(ticket, now)
    else:
        ticket = tokens.make(tokens.PASS, pk, now, shown_by=shown_by)
        request.session[PASSES] = {str(pk): ticket}
    activity = get_object_or_404(Activity.objects.select_related("team", "team__leader", "village"), pk=pk)
    return activity, ticket


def _attend_context(activity: Activity, resident: Resident | None, token: str, *, done: bool = False) -> dict[str, Any]:
    seen = activity.attendances.filter(resident=resident).first() if resident else None
    minutes = None
    if seen is not None and seen.checked_out_at is not None:
        minutes = rules.minutes_between(seen.checked_in_at, seen.checked_out_at, activity.starts_at, activity.ends_at)
    return {
        "activity": activity,
        "resident": resident,
        "seen": seen,
        "token": token,
        "done": done,
        "minutes": minutes,
    }
