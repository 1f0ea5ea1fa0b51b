"""Stock and tickets."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk import selectors
from marketplace.desk.forms import AdjustForm, ReceiptForm, ThresholdForm
from marketplace.desk.scope import desk, to
from marketplace.desk.views.common import as_file, page_of, person
from marketplace.partner.models import StockRecord
from marketplace.rewards.models import WriteOff
from marketplace.rewards.rules import ADJUST_STOCK, LIST_REWARD, RECEIVE_STOCK
from marketplace.rewards.selectors import movements_of
from marketplace.rewards.selectors.write_offs import waiting_of
from marketplace.rewards.services import adjust_stock, receive_stock
from marketplace.rewards.services.stock import set_threshold
from timebank.common.errors import DomainError
from timebank.common.input import digits, read_choice, read_text
from timebank.common.numbers import points_to_decimal
from timebank.registry.models import Region
from timebank.registry.rules import VIEW_VILLAGE, can
from timebank.ui.lists import Column, Listing

SOON_SHOWN = 20
STOCK_COLUMNS = (
    Column(
        key="item", label=gettext_lazy("Item"), value=lambda item: item.product.get_title(), sort=("product__title",)
    ),
    Column(
        key="supplier",
        label=gettext_lazy("Supplier"),
        value=lambda item: item.partner.display_name,
        sort=("partner__name",),
    ),
    Column(
        key="shelf",
        label=pgettext_lazy("stock", "On the shelf"),
        value=lambda item: item.shelf,
        sort=("shelf",),
        is_number=True,
    ),
    Column(
        key="promised",
        label=gettext_lazy("Promised"),
        value=lambda item: item.promised,
        sort=("promised",),
        is_number=True,
    ),
    Column(key="free", label=gettext_lazy("Free"), value=lambda item: item.free, sort=("free",), is_number=True),
    Column(key="points", label=gettext_lazy("Points"), value=lambda item: item.price, is_number=True, shown=False),
)
TICKET_COLUMNS = (
    Column(key="code", label=gettext_lazy("Code"), value=lambda item: hidden_code(item.code), shown=False),
    Column(key="reward", label=gettext_lazy("Reward"), value=lambda item: item.product.get_title()),
    Column(key="quantity", label=gettext_lazy("Quantity"), value=lambda item: item.quantity, shown=False),
    Column(key="resident", label=gettext_lazy("Resident"), value=lambda item: item.resident.name),
    Column(key="supplier", label=gettext_lazy("Supplier"), value=lambda item: item.partner.display_name),
    Column(key="points", label=gettext_lazy("Points"), value=lambda item: points_to_decimal(item.points), shown=False),
    Column(key="valid_until", label=gettext_lazy("Use by"), value=lambda item: item.valid_until, shown=False),
    Column(
        key="handed_over_at", label=gettext_lazy("Handed over"), value=lambda item: item.handed_over_at, shown=False
    ),
    Column(
        key="by",
        label=gettext_lazy("Done by"),
        value=lambda item: item.handed_over_by.name if item.handed_over_by else "",
        shown=False,
    ),
)


@require_GET
@desk(VIEW_VILLAGE)
def stock(request: HttpRequest) -> HttpResponseBase:
    """Show what lies on the shelves, scarcest first."""
    scope = request.scope  # type: ignore[attr-defined]
    text = read_text(request.GET.get("q"), 40)
    result = selectors.stock(scope, text=text)
    # As long as a barcode: "84" may be a name.
    scanned = list(result[:2]) if len(text) >= 8 and digits(text) == text else []
    if len(scanned) == 1:  # a barcode was scanned: what came is written down next
        return to(request, "desk:stock_item", pk=scanned[0].pk)
    listing = Listing(request, result, name="stock", columns=STOCK_COLUMNS)
    return listing.file() or render(
        request,
        "desk/stock.html",
        {
            "scope": scope,
            "q": text,
            "listing": listing,
            "low": selectors.LOW_STOCK,
            "soon": selectors.use_soon(scope)[:SOON_SHOWN],
            "came": selectors.came_to(scope.region, timezone.now())[:SOON_SHOWN] if scope.is_village else [],
            "coming": selectors.coming_to(scope.region) if scope.is_village else 0,
        },
    )


@require_http_methods(["GET", "POST"])
@desk(VIEW_VILLAGE)
def stock_item(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one kind of goods with every movement; the stock keeper receives and counts here."""
    item = selectors.stock_item_for(request.user, pk)
    place = (item.partner.village, item.partner.organisation)
    may_receive = can(request.user, RECEIVE_STOCK, *place)
    may_adjust = can(request.user, ADJUST_STOCK, *place)
    receipt = ReceiptForm(prefix="r")
    adjust = AdjustForm(prefix="a")
    low = item.low_stock_threshold if item.low_stock_threshold is not None else selectors.LOW_STOCK
    threshold = ThresholdForm(prefix="t", initial={"threshold": low})
    wrong: ReceiptForm | AdjustForm | ThresholdForm | None = None
    if request.method == "POST":
        if not (may_adjust if "adjust" in request.POST else may_receive):
            raise PermissionDenied
        if "warn" in request.POST:
            threshold = ThresholdForm(request.POST, prefix="t")
            if threshold.is_valid():
                value = threshold.cleaned_data["threshold"]
                set_threshold(stockrecord=item, threshold=value, actor=person(request))
                messages.success(request, _("Saved."))
                return to(request, "desk:stock_item", pk=pk)
            wrong = threshold
        elif "adjust" in request.POST:
            adjust = AdjustForm(request.POST, prefix="a")
            wrong = adjust
        else:
            receipt = ReceiptForm(request.POST, prefix="r", usual=selectors.usual_receipt(item))
            wrong = receipt
        if not isinstance(wrong, ThresholdForm) and wrong.is_valid() and _write(request, item, wrong):
            return to(request, "desk:stock_item", pk=pk)
    headers = (
        _("When"),
        _("What"),
        pgettext("stock", "On the shelf"),
        _("Promised"),
        _("Done by"),
        _("Approved by"),
        _("Why"),
        _("Batch"),
        _("Use by"),
        _("Cost (fen)"),
    )
    file = as_file(
        request,
        f"stock-{pk}",
        headers,
        movements_of(item),
        lambda item: (
            item.occurred_at,
            item.get_kind_display(),
            item.on_shelf,
            item.promised,
            item.actor.name if item.actor else "",
            item.write_off.approved_by.name if item.write_off else "",
            item.reason,
            item.batch,
            item.use_by,
            item.cost_fen,
        ),
    )
    if file is not None:
        return file
    shelf, promised = item.num_in_stock or 0, item.num_allocated or 0
    return render(
        request,
        "desk/stock_item.html",
        {
            "item": item,
            "facts": [
                (pgettext("stock", "On the shelf"), shelf),
                (_("Promised to tickets"), promised),
                (_("Free"), shelf - promised),
            ],
            "receipt": receipt,
            "adjust": adjust,
            "threshold": threshold,
            "wrong": wrong if wrong is not None and wrong.errors else None,
            "may_receive": may_receive,
            "may_adjust": may_adjust,
            "may_send": may_adjust and shelf > promised and item.partner.village.level == Region.Level.VILLAGE,
            "may_picture": can(request.user, LIST_REWARD, item.partner.village),
            "waiting": waiting_of(item),
            "page": page_of(request, movements_of(item), 30),
        },
        status=wrong.status if wrong is not None and wrong.errors else 200,
    )


def _write(request: HttpRequest, item: StockRecord, form: ReceiptForm | AdjustForm) -> bool:
    """Write a receipt or a count once, however often its form is sent."""
    data = form.cleaned_data
    try:
        if isinstance(form, AdjustForm):
            outcome = form.once(
                actor=request.user,
                scope=f"adjust_stock:{item.pk}",
                create=lambda: adjust_stock(
                    stockrecord=item,
                    quantity=data["quantity"],
                    actor=person(request),
                    reason=data["reason"],
                    kind=data["kind"],
                ),
            )
            if isinstance(outcome.result, WriteOff):
                said = _("Asked for. The shelf stays as it is until a second person has decided.")
            else:
                said = _("Written down.") if outcome.result else _("The count agrees: nothing changed.")
        else:
            outcome = form.once(
                actor=request.user,
                scope=f"receive_stock:{item.pk}",
                create=lambda: receive_stock(
                    stockrecord=item,
                    quantity=data["quantity"],
                    actor=person(request),
                    cost_fen=data["cost"],
                    batch=data["batch"],
                    use_by=data["use_by"],
                    reason=data["reason"],
                ),
            )
            said = _("On the shelf now: %(n)s.") % {"n": item.num_in_stock}
    except DomainError as error:
        form.refuse(error)
        return False
    if outcome.replayed:
        messages.info(request, _("This was written down already."))
    else:
        messages.success(request, said)
    return True


def hidden_code(code: str) -> str:
    """Show enough of a ticket's code to tell two apart, too little to use it."""
    return f"…{code[-4:]}"


@require_GET
@desk(VIEW_VILLAGE)
def tickets(request: HttpRequest) -> HttpResponseBase:
    """Show what was handed over, what waits and what was brought back."""
    scope = request.scope  # type: ignore[attr-defined]
    tabs = (
        ("today", pgettext("tickets", "Handed over today")),
        ("waiting", _("To collect")),
        ("ending", _("Ending within three days")),
        ("done", pgettext("tickets", "All handed over")),
        ("returns", pgettext("tickets", "Returned")),
    )
    which = read_choice(request.GET.get("which"), {key for key, __ in tabs}, "today")
    text = read_text(request.GET.get("q"), 40)
    tickets = selectors.tickets(scope, which=which, text=text)
    listing = Listing(request, tickets, name=f"tickets-{which}", columns=TICKET_COLUMNS, tabs=tabs, tab=which)
    if (file := listing.file()) is not None:
        return file
    rows = [(ticket, hidden_code(ticket.code)) for ticket in listing.page]
    context = {"scope": scope, "which": which, "q": text, "listing": listing, "rows": rows}
    return render(request, "desk/tickets.html", context)
