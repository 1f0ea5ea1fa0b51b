"""Opening balances: a signed list is entered in the village and approved by the town."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from timebank.common.errors import DomainError
from timebank.common.input import read_page
from timebank.common.sheets.errors import SheetError
from timebank.registry import rules
from timebank.registry.models import Region, User
from timebank.registry.rules import AUDIT
from timebank.villages.forms import DecideOpeningForm, OpeningForm
from timebank.villages.models import Opening
from timebank.villages.rules import APPROVE_OPENING, ENTER_OPENING
from timebank.villages.services import opening as services

PAGE = 50
MOST_SHOWN = 50
SEEING = (ENTER_OPENING, APPROVE_OPENING, AUDIT)


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _sees(request: HttpRequest, region: Region) -> bool:
    return any(rules.can(request.user, action, region) for action in SEEING)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def openings(request: HttpRequest, place: int) -> HttpResponse:
    """List the opening lists of a place and all below it; in a village enter one: first look, then enter."""
    region = Region.objects.filter(pk=place, is_active=True).first()
    if region is None or not _sees(request, region):
        raise Http404
    is_village = region.level == Region.Level.VILLAGE
    may_enter = is_village and rules.can(request.user, ENTER_OPENING, region)
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form, report = OpeningForm(*sent), None
    if request.method == "POST":
        if not may_enter:
            raise PermissionDenied
        if form.is_valid():
            try:
                report = _enter(request, region, form)
            except SheetError as error:
                form.add_error("file", str(error))
            except DomainError as error:
                form.refuse(error)
            if report is not None and report.opening is not None:
                return redirect("villages:opening", pk=report.opening.pk)
    rows = (
        Opening.objects.filter(village__path__startswith=region.path)
        .select_related("village", "entered_by", "decided_by")
        .annotate(people=Count("lines"), points=Sum("lines__points", default=0))
        .order_by("-entered_at", "-pk")
    )
    context = {
        "region": region,
        "is_village": is_village,
        "page": Paginator(rows, PAGE).get_page(read_page(request.GET.get("page"))),
        "form": form if may_enter else None,
        "report": report,
        "refused": report.refused[:MOST_SHOWN] if report else [],
        "more": len(report.refused) - MOST_SHOWN if report else 0,
    }
    return render(request, "villages/openings.html", context, status=form.status if form.errors else 200)


def _enter(request: HttpRequest, region: Region, form: OpeningForm) -> services.OpeningReport:
    data = form.cleaned_data
    lines = services.read_opening(data["file"])
    dry_run = "do" not in request.POST

    def enter() -> services.OpeningReport:
        return services.enter_opening(
            village=region,
            lines=lines,
            title=data["title"],
            signed_on=data["signed_on"],
            paper=data["paper"],
            file_name=data["file"].name,
            actor=_person(request),
            dry_run=dry_run,
        )

    if dry_run:
        return enter()
    reports: list[services.OpeningReport] = []

    def once() -> Opening | None:
        reports.append(enter())
        return reports[0].opening

    made = form.once(actor=request.user, scope=f"enter_opening:{region.pk}", create=once).result
    report = reports[0] if reports else services.OpeningReport(opening=made)
    if report.opening is not None:
        messages.success(request, _("Entered. Nothing is booked until the town has approved the list."))
        for number, reason in report.refused[:MOST_SHOWN]:
            messages.warning(request, _("Row %(number)s: %(reason)s") % {"number": number, "reason": reason})
    return report


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def opening(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one list with every line; the town approves it or sends it back."""
    row = Opening.objects.select_related("village", "entered_by", "decided_by").filter(pk=pk).first()
    if row is None or not _sees(request, row.village):
        raise Http404
    may_decide = row.state == Opening.State.ENTERED and rules.can(request.user, APPROVE_OPENING, row.village)
    form = DecideOpeningForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not rules.can(request.user, APPROVE_OPENING, row.village):
            raise PermissionDenied
        if form.is_valid():
            try:
                if "refuse" in request.POST:
                    reason = form.cleaned_data["reason"]
                    services.refuse_opening(opening=row, actor=_person(request), reason=reason)
                    messages.success(request, _("Sent back. The village reads your reason."))
                else:
                    services.approve_opening(opening=row, actor=_person(request))
                    messages.success(request, _("Approved and booked. Everybody on the list is told."))
                return redirect("villages:opening", pk=pk)
            except DomainError as error:
                form.refuse(error)
    lines = row.lines.select_related("resident").order_by("row")
    sums = row.lines.aggregate(people=Count("pk"), points=Sum("points", default=0), minutes=Sum("minutes", default=0))
    context = {
        "opening": row,
        "region": row.village,
        "page": Paginator(lines, PAGE).get_page(read_page(request.GET.get("page"))),
        "sums": sums,
        "may_decide": may_decide,
        "is_mine": row.entered_by_id == request.user.pk,
        "form": form,
    }
    return render(request, "villages/opening.html", context, status=form.status if form.errors else 200)
