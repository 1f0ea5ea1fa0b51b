"""The leader's pages beforehand: open, copy, repeat, change, cancel."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from timebank.common.errors import DomainError
from timebank.common.input import read_id
from timebank.policy.models import Category
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region
from timebank.registry.rules import regions_where
from timebank.service import selectors, services
from timebank.service.forms import ActivityForm, CancelForm, ChangeActivityForm
from timebank.service.models import Activity
from timebank.service.rules import LEAD_ACTIVITY, VERIFY_RECORD
from timebank.service.selectors.activities import later_in_series
from timebank.service.views.common import login_required, refused
from timebank.service.views.lead import require_leader

FIRST_HOUR = 8  # when what a village does in a morning begins


def _kinds(request: HttpRequest, village: Region | None) -> list[Category]:
    """List the kinds of service that this leader may open activities of."""
    staff = registry_rules.can(request.user, VERIFY_RECORD, region=village)
    return selectors.categories_for_entry(village, staff=staff)


def _villages(request: HttpRequest) -> Any:
    """Select the places in which this person may open activities."""
    return Region.objects.filter(
        Q(pk__in=regions_where(request.user, LEAD_ACTIVITY).values("pk"))
        | Q(pk__in=selectors.teams_led_by(request.user).values("region")),
        is_active=True,
    ).order_by("path")


def _copied(request: HttpRequest) -> dict[str, Any]:
    """Return what a new activity says that is to be like an earlier one, a week after it or a week from today."""
    pk = read_id(request.GET.get("like"))
    if pk is None:
        return {}
    like = selectors.led_activity_for(request.user, pk)
    starts, ends = timezone.localtime(like.starts_at), timezone.localtime(like.ends_at)
    day = starts.date() + dt.timedelta(days=7)
    while day < timezone.localdate():
        day += dt.timedelta(days=7)
    names = ("title", "place", "min_age", "audience", "details", "capacity")
    return {
        **{name: getattr(like, name) for name in names},
        "team": like.team_id,
        "village": like.village_id,
        "category": like.category_id,
        "day": day,
        "starts": starts.time(),
        "ends": ends.time(),
    }


@login_required
@require_http_methods(["GET", "POST"])
def lead_new(request: HttpRequest) -> HttpResponse:
    """Open a new activity, once or for some weeks; ``?like=`` fills the form with what an earlier one said."""
    require_leader(request)
    teams = selectors.teams_led_by(request.user)
    first = teams.first()
    villages = _villages(request)
    now = timezone.localtime()
    day = now.date() if now.hour < FIRST_HOUR else now.date() + dt.timedelta(days=1)  # not what is over already
    start = {"day": day, "starts": f"{FIRST_HOUR:02}:00", "ends": "10:00", "capacity": 20, "team": first}
    form = ActivityForm(
        request.POST or None,
        teams=teams,
        villages=villages,
        kinds=selectors.grouped(_kinds(request, first.region if first is not None else None)),
        initial={**start, **_copied(request)},
    )
    context = {"form": form, "villages": tuple(villages.values_list("pk", flat=True))}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        names = ("title", "category", "place", "starts_at", "ends_at", "capacity", "min_age", "audience", "details")
        try:
            opened = form.once(
                actor=request.user,
                scope="open_activity",
                create=lambda: services.open_series(
                    team=data["team"],
                    weeks=data["weeks"],
                    village=data.get("village"),
                    actor=request.user,  # type: ignore[arg-type]
                    **{name: data[name] for name in names},
                ),
            ).result
        except DomainError as error:
            return refused(request, "service/lead_new.html", context, error)
        text = _("The activity is open. People can sign up now.")
        if len(opened) > 1:
            text = _("%(n)s activities are open, one a week. People can sign up for one or for all.")
            text %= {"n": len(opened)}
        messages.success(request, text)
        return redirect("service:lead_activity", pk=opened[0].pk)
    return render(request, "service/lead_new.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what an open activity says; who is signed up reads what is new."""
    activity = selectors.led_activity_for(request.user, pk)
    form = ChangeActivityForm(
        request.POST or None,
        activity=activity,
        in_series=_goes_on(activity),
        kinds=selectors.grouped(_kinds(request, activity.village)),
    )
    context = {"activity": activity, "form": form}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        names = ("title", "category", "place", "starts_at", "ends_at", "min_age", "audience", "details")
        try:
            services.change_activity(
                activity=activity,
                actor=request.user,  # type: ignore[arg-type]
                following=data.get("following", False),
                **{name: data[name] for name in names},
            )
        except DomainError as error:
            return refused(request, "service/lead_change.html", context, error)
        messages.success(request, _("Saved. Whoever is signed up is told what is new."))
        return redirect("service:lead_activity", pk=pk)
    return render(request, "service/lead_change.html", context, status=422 if form.errors else 200)


def _goes_on(activity: Activity) -> bool:
    """Say whether open activities of its series come after this one."""
    return later_in_series(activity).exclude(pk=activity.pk).exists()


@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Call an activity off, with a reason that everybody signed up can read."""
    activity = selectors.led_activity_for(request.user, pk)
    form = CancelForm(request.POST or None, in_series=_goes_on(activity))
    context = {"activity": activity, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            services.cancel_activity(
                activity=activity,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
                following=form.cleaned_data.get("following", False),
            )
        except DomainError as error:
            return refused(request, "service/lead_cancel.html", context, error)
        messages.success(request, _("The activity is cancelled."))
        return redirect("service:lead_activity", pk=pk)
    return render(request, "service/lead_cancel.html", context, status=422 if form.errors else 200)
