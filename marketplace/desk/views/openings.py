"""The first count of a shelf: the stock keeper counts, somebody else confirms."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.desk.scope import addressed
from marketplace.desk.shelf_forms import DecideForm, OpeningCountForm
from marketplace.desk.views.common import page_of, person
from marketplace.desk.views.prices import place_of
from marketplace.funds.models.base import Decision
from marketplace.partner.models import Partner
from marketplace.rewards.models import OpeningCount
from marketplace.rewards.rules import ADJUST_STOCK, CONFIRM_COUNT
from marketplace.rewards.selectors.stock import uncounted
from marketplace.rewards.services import opening
from timebank.common.errors import DomainError
from timebank.common.input import read_id
from timebank.registry.models import Region
from timebank.registry.rules import can

AT_ONCE = 60  # things counted on one page


@addressed
@require_http_methods(["GET", "POST"])
def opening_counts(request: HttpRequest, place: int) -> HttpResponse:
    """List the first counts of a place; the stock keeper writes down how many of each thing are there."""
    region = place_of(request, place)
    partners = Partner.objects.filter(village=region, is_active=True).select_related("village").order_by("name", "pk")
    partner = partners.filter(pk=read_id(request.GET.get("at"), 0)).first() or partners.first()
    may_count = partner is not None and can(request.user, ADJUST_STOCK, region)
    if request.method == "POST" and not may_count:
        raise PermissionDenied
    form, left = None, 0
    if may_count and partner is not None:
        form, left = _form(request, region, partner)
        if request.method == "POST" and form.is_valid() and _count(request, partner, form):
            return redirect("desk:opening_counts", place=region.pk)
    rows = OpeningCount.objects.filter(partner__village=region).select_related("partner", "prepared_by", "approved_by")
    rows = rows.annotate(things=Count("lines"), units=Sum("lines__units", default=0)).order_by("-pk")
    context = {
        "region": region,
        "partners": partners,
        "partner": partner,
        "form": form,
        "left": left,
        "page": page_of(request, rows, 30),
    }
    return render(request, "desk/opening_counts.html", context, status=form.status if form and form.errors else 200)


def _form(request: HttpRequest, region: Region, partner: Partner) -> tuple[OpeningCountForm, int]:
    """Return the form for what is uncounted at a supplier, and how much of it waits for a next page."""
    rows = uncounted(region).filter(partner=partner)
    if request.method != "POST":
        shown = list(rows[: AT_ONCE + 1])
        return OpeningCountForm(records=shown[:AT_ONCE]), max(rows.count() - AT_ONCE, 0) if shown[AT_ONCE:] else 0
    # those that the form was shown with, counted meanwhile or not: the service says which
    ids = [read_id(name.removeprefix("row"), 0) for name in request.POST if name.startswith("row")][:AT_ONCE]
    sent = partner.stockrecords.filter(pk__in=ids).select_related("partner__village", "product__product_class")
    return OpeningCountForm(request.POST, records=list(sent.order_by("product__title", "pk"))), 0


def _count(request: HttpRequest, partner: Partner, form: OpeningCountForm) -> bool:
    data = form.cleaned_data

    def create() -> Any:
        return opening.count_opening(
            partner=partner,
            counted=form.given(),
            counted_on=data["counted_on"],
            paper=data["paper"],
            actor=person(request),
        )

    try:
        form.once(actor=request.user, scope=f"count_opening:{partner.pk}", create=create)
    except DomainError as error:
        form.refuse(error)
        return False
    messages.success(request, _("Written down. It is in stock once a second person has confirmed it."))
    return True


@addressed
@require_http_methods(["GET", "POST"])
def opening_count(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a first count with every line; somebody else than who counted confirms or declines it."""
    count = OpeningCount.objects.select_related("partner__village", "prepared_by", "approved_by").filter(pk=pk).first()
    if count is None:
        raise Http404
    region = place_of(request, count.partner.village_id)
    may_decide = can(request.user, CONFIRM_COUNT, region)
    form = DecideForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not may_decide:
            raise PermissionDenied
        if form.is_valid():
            approve = "approve" in request.POST
            try:
                opening.decide_opening(
                    count=count, actor=person(request), approve=approve, reason=form.cleaned_data["reason"]
                )
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, _("Confirmed: it is in stock.") if approve else _("Declined."))
                return redirect("desk:opening_count", pk=pk)
    waits = count.state == Decision.PREPARED
    lines = count.lines.select_related("stockrecord__product__product_class").order_by("stockrecord__product__title")
    context = {
        "region": region,
        "count": count,
        "lines": lines,
        "form": form,
        "may_decide": may_decide and waits and count.prepared_by_id != request.user.pk,
        "waits": waits,
    }
    return render(request, "desk/opening_count.html", context, status=form.status if form.errors else 200)
