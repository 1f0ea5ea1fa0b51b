"""Stock to and from other villages: sent here, counted there, seen by both."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk import selectors
from marketplace.desk.scope import addressed
from marketplace.desk.shelf_forms import ArrivedForm, SendForm
from marketplace.desk.views.common import page_of, person
from marketplace.desk.views.prices import place_of
from marketplace.funds.models import BatchUse
from marketplace.rewards.models import StockTransfer, WriteOff
from marketplace.rewards.rules import ADJUST_STOCK, RECEIVE_STOCK
from marketplace.rewards.selectors.stock import targets_of
from marketplace.rewards.services import transfers as services
from timebank.common.errors import DomainError
from timebank.common.input import read_choice
from timebank.registry.models import Region
from timebank.registry.rules import VIEW_VILLAGE, can


@addressed
@require_GET
def transfers(request: HttpRequest, place: int) -> HttpResponse:
    """List what goes to and from a place, what is on its way first; or what nobody has counted for long."""
    region = place_of(request, place)
    is_late = read_choice(request.GET.get("which"), {"late"}) == "late"
    listed = selectors.long_on_the_way(region, timezone.now()) if is_late else selectors.transfers_of(region)
    page = page_of(request, listed, 30)
    rows = [(row, row.target.village_id == region.pk) for row in page]
    days = selectors.LONG_ON_THE_WAY.days
    late = ngettext("More than %(n)s day on the way", "More than %(n)s days on the way", days) % {"n": days}
    tabs = [
        {"label": _("All"), "href": request.path, "active": not is_late},
        {"label": late, "href": f"{request.path}?which=late", "active": is_late},
    ]
    context = {"region": region, "page": page, "rows": rows, "tabs": tabs, "is_late": is_late}
    return render(request, "desk/transfers.html", context)


@addressed
@require_http_methods(["GET", "POST"])
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Send goods to a supplier of another village of the town."""
    record = selectors.stock_item_for(request.user, pk)
    region = place_of(request, record.partner.village_id)
    if not can(request.user, ADJUST_STOCK, record.partner.village, record.partner.organisation):
        raise PermissionDenied
    form = SendForm(request.POST if request.method == "POST" else None, targets=targets_of(record.partner))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data

        def create() -> StockTransfer:
            return services.send_stock(
                stockrecord=record,
                target=data["target"],
                quantity=data["quantity"],
                note=data["note"],
                actor=person(request),
            )

        try:
            made = form.once(actor=request.user, scope=f"send_stock:{record.pk}", create=create).result
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("It is off the shelf and on its way. The other village counts what arrives."))
            return redirect("desk:transfer", pk=made.pk)
    free = (record.num_in_stock or 0) - (record.num_allocated or 0)
    context = {"region": region, "record": record, "free": free, "form": form}
    return render(request, "desk/send_stock.html", context, status=form.status if form.errors else 200)


def _end_of(request: HttpRequest, row: StockTransfer) -> Region:
    """Return the end of a sending at which somebody works: where it is counted first; 404 to strangers."""
    source, target = row.stockrecord.partner.village, row.target.village
    for region, action in ((target, RECEIVE_STOCK), (source, ADJUST_STOCK), (target, VIEW_VILLAGE)):
        if can(request.user, action, region):
            return place_of(request, region.pk)
    return place_of(request, source.pk)


@addressed
@require_http_methods(["GET", "POST"])
def transfer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a sending to both villages: counted where it arrives, taken back where it came from."""
    rows = StockTransfer.objects.select_related("stockrecord__partner__village", "stockrecord__product__product_class")
    rows = rows.select_related("target__village", "sent_by", "closed_by")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    region = _end_of(request, row)
    is_open = row.state == StockTransfer.State.SENT
    may_count = can(request.user, RECEIVE_STOCK, row.target.village)
    may_cancel = can(request.user, ADJUST_STOCK, row.stockrecord.partner.village)
    form = ArrivedForm(request.POST if "arrived" in request.POST else None)
    if request.method == "POST":
        if not (may_count if "arrived" in request.POST else may_cancel):
            raise PermissionDenied
        if _act(request, row, form):
            return redirect("desk:transfer", pk=pk)
    uses = BatchUse.objects.filter(movement_id=row.movement_id).select_related("batch").order_by("pk")
    context = {
        "region": region,
        "transfer": row,
        "uses": [use for use in uses if use.batch.donor or use.batch.use_by],
        "form": form,
        "lost": WriteOff.objects.filter(transfer=row).first(),
        "may_count": may_count and is_open and row.sent_by_id != request.user.pk,
        "may_cancel": may_cancel and is_open,
        "waits": is_open,
    }
    return render(request, "desk/transfer.html", context, status=form.status if form.errors else 200)


def _act(request: HttpRequest, row: StockTransfer, form: ArrivedForm) -> bool:
    """Count what arrived, or take the sending back; a refusal is shown on the page."""
    try:
        if "arrived" not in request.POST:
            services.cancel_transfer(transfer=row, actor=person(request))
            messages.success(request, _("Taken back: it is on your shelf again."))
            return True
        if not form.is_valid():
            return False
        data = form.cleaned_data

        def create() -> Any:
            return services.receive_transfer(
                transfer=row, counted=data["counted"], difference=data["difference"], actor=person(request)
            )

        form.once(actor=request.user, scope=f"receive_transfer:{row.pk}", create=create)
    except DomainError as error:
        if not form.is_bound:
            messages.error(request, str(error))
            return True
        form.refuse(error)
        return False
    if data["counted"] < row.quantity:
        messages.success(request, _("What arrived is on your shelf. Of what is missing a second person decides."))
    else:
        messages.success(request, _("It is on your shelf."))
    return True
