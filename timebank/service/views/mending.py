"""Records beside the straight way: mended and sent again, taken back, entered without an activity."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from timebank.common.errors import DomainError
from timebank.registry import rules as registry_rules
from timebank.service import rules, selectors, services
from timebank.service.forms import HoursForm, MendForm, ReverseForm
from timebank.service.rules import LEAD_ACTIVITY, VERIFY_RECORD
from timebank.service.selectors.records import changes_of
from timebank.service.views.common import login_required, on_behalf_of, refused
from timebank.service.views.lead import person_of


@login_required
@require_http_methods(["GET", "POST"])
def mend(request: HttpRequest, pk: int) -> HttpResponse:
    """Put right what was returned and send it again, with a word to who asked."""
    acting = on_behalf_of(request)
    record = selectors.record_for(request.user, pk, acting)
    if not rules.may_mend(request.user, record, acting):
        raise Http404
    form = MendForm(request.POST or None, initial={"minutes": record.minutes or None})
    if not record.minutes:
        del form.fields["minutes"]
    if request.method == "POST" and form.is_valid():
        try:
            services.submit_record(
                record=record,
                actor=request.user,  # type: ignore[arg-type]
                minutes=form.cleaned_data.get("minutes"),
                reason=form.cleaned_data["reason"],
                on_behalf_of=acting,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Sent again. A second person verifies it."))
            return redirect("service:record", pk=pk)
    asked = changes_of(record).filter(to_state=record.state).last()
    context = {"record": record, "form": form, "asked": asked}
    return render(request, "service/record_mend.html", context, status=form.status if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def reverse_hours(request: HttpRequest, pk: int) -> HttpResponse:
    """Take credited hours back: what it does stands there before it is done, and it takes another than who verified."""
    record = selectors.record_for(request.user, pk)
    if not rules.may_reverse(request.user, record):
        raise Http404
    form = ReverseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.reverse_record(
                record=record,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The hours are taken back, and the person is told why."))
            return redirect("service:record", pk=pk)
    context = {"record": record, "form": form}
    return render(request, "service/record_reverse.html", context, status=form.status if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def enter_hours(request: HttpRequest) -> HttpResponse:
    """Enter hours that belong to no activity; they are verified as any others."""
    if not any(registry_rules.can(request.user, action) for action in (LEAD_ACTIVITY, VERIFY_RECORD)):
        raise Http404
    staff = registry_rules.can(request.user, VERIFY_RECORD)
    place = next((grant.region for grant in registry_rules.grants_of(request.user) if grant.region_id), None)
    kinds = [kind for kind in selectors.categories_for_entry(place, staff=staff) if kind.unit == "minutes"]
    form = HoursForm(request.POST or None, kinds=selectors.grouped(kinds), initial={"served_on": timezone.localdate()})
    context = {"form": form}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            person = person_of(data["code"])
            form.once(
                actor=request.user,
                scope=f"enter_hours:{person.pk}",
                create=lambda: services.enter_record(
                    resident=person,
                    category=data["category"],
                    served_on=data["served_on"],
                    minutes=data["minutes"],
                    title=data["title"],
                    actor=request.user,  # type: ignore[arg-type]
                    reason=data["reason"],
                    given_twice=data["given_twice"],
                ),
            )
        except DomainError as error:
            return refused(request, "service/lead_hours.html", context, error)
        messages.success(request, _("Entered for %(name)s. A second person verifies it.") % {"name": person.name})
        return redirect("service:lead_hours")
    return render(request, "service/lead_hours.html", context, status=422 if form.errors else 200)
