"""Fewer pieces than the books say: what is asked, who decides, and how it was decided."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk.forms import ReasonForm
from marketplace.desk.scope import addressed
from marketplace.desk.shelf_forms import DecideForm
from marketplace.desk.views.common import page_of, person
from marketplace.desk.views.prices import place_of
from marketplace.rewards.models import WriteOff
from marketplace.rewards.rules import ADJUST_STOCK, CONFIRM_COUNT
from marketplace.rewards.selectors.write_offs import write_offs_in
from marketplace.rewards.services import decide_write_off, withdraw_write_off
from marketplace.rewards.services.adjusting import hands_on
from timebank.common.errors import DomainError
from timebank.common.input import read_choice
from timebank.registry.rules import can


@addressed
@require_GET
def write_offs(request: HttpRequest, place: int) -> HttpResponse:
    """List the write-offs of a place, what waits first; who asks finds their own."""
    region = place_of(request, place)
    is_mine = read_choice(request.GET.get("which"), {"mine"}) == "mine"
    rows = write_offs_in(region)
    if is_mine:
        rows = rows.filter(prepared_by=person(request))
    tabs = [
        {"label": _("All"), "href": request.path, "active": not is_mine},
        {"label": _("Asked by me"), "href": f"{request.path}?which=mine", "active": is_mine},
    ]
    context = {
        "region": region,
        "page": page_of(request, rows, 30),
        "tabs": tabs if can(request.user, ADJUST_STOCK, region) else [],
    }
    return render(request, "desk/write_offs.html", context)


@addressed
@require_http_methods(["GET", "POST"])
def write_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a write-off; somebody else than who asked decides it, who asked may withdraw it."""
    rows = WriteOff.objects.select_related("stockrecord__partner__village", "stockrecord__product__product_class")
    row = rows.select_related("prepared_by", "approved_by", "transfer__stockrecord__partner__village").filter(pk=pk)
    asked = row.first()
    if asked is None:
        raise Http404
    region = place_of(request, asked.stockrecord.partner.village_id)
    is_mine = asked.prepared_by_id == person(request).pk
    may_decide = can(request.user, CONFIRM_COUNT, region) and not is_mine
    sent = request.POST if request.method == "POST" else None
    form = ReasonForm(sent) if is_mine else DecideForm(sent)
    if sent is not None:
        if not (is_mine if "withdraw" in sent else may_decide):
            raise PermissionDenied
        if form.is_valid() and _act(request, asked, form):
            return redirect("desk:write_off", pk=pk)
    waits = asked.state == WriteOff.State.PREPARED
    context = {
        "region": region,
        "asked": asked,
        "form": form,
        "waits": waits,
        "is_mine": is_mine and waits,
        "may_decide": may_decide and waits and person(request).pk not in hands_on(asked),
        "is_lost": asked.kind == WriteOff.Kind.LOST,
        "shelf": asked.stockrecord.num_in_stock or 0,
    }
    return render(request, "desk/write_off.html", context, status=form.status if form.errors else 200)


def _act(request: HttpRequest, asked: WriteOff, form: ReasonForm | DecideForm) -> bool:
    """Decide or withdraw; a refusal is shown in the form."""
    reason = form.cleaned_data["reason"]
    try:
        if "withdraw" in request.POST:
            withdraw_write_off(asked=asked, actor=person(request), reason=reason)
            said = _("Withdrawn.")
        else:
            approve = "approve" in request.POST
            decide_write_off(asked=asked, actor=person(request), approve=approve, reason=reason)
            said = _("Approved: it is off the books.") if approve else _("Declined.")
    except DomainError as error:
        form.refuse(error)
        return False
    messages.success(request, said)
    return True
