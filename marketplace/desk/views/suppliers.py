"""Suppliers of a place. The place is in the address: a form written for one village can't land in another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk.forms import ChangeSupplierForm, SupplierForm
from marketplace.desk.scope import addressed, chosen, here
from marketplace.desk.views.common import page_of, person
from marketplace.partner.models import Partner
from marketplace.rewards.rules import KEEP_SUPPLIERS
from marketplace.rewards.services import suppliers as services
from timebank.common.errors import DomainError
from timebank.registry.models import Organisation, Region
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import VIEW_VILLAGE, can, regions_where


def _place(request: HttpRequest, pk: int) -> Region:
    region = Region.objects.filter(pk=pk, is_active=True).first()
    if region is None or not (can(request.user, VIEW_VILLAGE, region) or can(request.user, KEEP_SUPPLIERS, region)):
        raise Http404
    here(request, region)
    return region


def _organisations(region: Region) -> QuerySet[Organisation]:
    """Select the organisations of a place, of what lies below it and of what lies above it."""
    paths = paths_up(region.path)
    rows = Organisation.objects.filter(region__path__in=paths) | Organisation.objects.filter(
        region__path__startswith=region.path
    )
    return rows.filter(status=Organisation.Status.ACTIVE).order_by("name")


def _facts(form: SupplierForm) -> dict[str, Any]:
    """Return what was typed, by the names of the service."""
    data = {name: value for name, value in form.cleaned_data.items() if name not in {form.KEY, "location"}}
    return {**data, "place": form.cleaned_data["location"]}


@addressed
@require_GET
def my_suppliers(request: HttpRequest) -> HttpResponse:
    """Go to the suppliers of the first place where the visitor opens some."""
    region = chosen(request, regions_where(request.user, KEEP_SUPPLIERS))
    return redirect("desk:suppliers", place=region.pk)


@addressed
@require_GET
def suppliers(request: HttpRequest, place: int) -> HttpResponse:
    """List who serves a place: its own suppliers, those below it, and those above it that serve every village."""
    region = _place(request, place)
    paths = paths_up(region.path)[1:]
    rows = Partner.objects.filter(village__path__startswith=region.path) | Partner.objects.filter(
        village__path__in=paths
    )
    rows = rows.select_related("village", "organisation").annotate(many=Count("stockrecords", distinct=True))
    page = page_of(request, rows.order_by("-is_active", "village__path", "name", "pk"))
    shown = [(partner, can(request.user, KEEP_SUPPLIERS, partner.village)) for partner in page]
    may_open = can(request.user, KEEP_SUPPLIERS, region)
    return render(request, "desk/suppliers.html", {"region": region, "page": page, "rows": shown, "may_open": may_open})


def _form_page(request: HttpRequest, region: Region, form: Any, title: str, submit: str) -> HttpResponse:
    context = {"region": region, "form": form, "title": title, "submit": submit}
    return render(request, "desk/supplier_form.html", context, status=form.status if form.errors else 200)


@addressed
@require_http_methods(["GET", "POST"])
def new_supplier(request: HttpRequest, place: int) -> HttpResponse:
    """Open a supplier here."""
    region = _place(request, place)
    if not can(request.user, KEEP_SUPPLIERS, region):
        raise PermissionDenied
    form = SupplierForm(request.POST if request.method == "POST" else None, organisations=_organisations(region))
    if request.method == "POST" and form.is_valid():
        data = _facts(form)
        try:
            form.once(
                actor=request.user,
                scope=f"open_supplier:{region.pk}",
                create=lambda: services.open_supplier(region=region, actor=person(request), **data),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The supplier is open."))
            return redirect("desk:suppliers", place=place)
    return _form_page(request, region, form, _("Open a supplier"), _("Open the supplier"))


@addressed
@require_http_methods(["GET", "POST"])
def supplier(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what is known of a supplier."""
    partner = Partner.objects.select_related("village", "organisation").filter(pk=pk).first()
    if partner is None:
        raise Http404
    region = _place(request, partner.village_id)
    if not can(request.user, KEEP_SUPPLIERS, region):
        raise PermissionDenied
    names = ("name", "name_en", "kind", "opening_hours", "phone", "organisation", "is_active")
    form = ChangeSupplierForm(
        request.POST if request.method == "POST" else None,
        organisations=_organisations(region),
        initial={"location": partner.place, **{name: getattr(partner, name) for name in names}},
    )
    if request.method == "POST" and form.is_valid():
        data = _facts(form)
        try:
            services.change_supplier(partner=partner, actor=person(request), **data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("desk:suppliers", place=region.pk)
    return _form_page(request, region, form, partner.display_name, _("Save"))
