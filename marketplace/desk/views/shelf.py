"""Stock and tickets."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk import selectors
from marketplace.desk.forms import AdjustForm, ReceiptForm
from marketplace.desk.scope import desk
from marketplace.desk.views.common import as_file, page_of, person
from marketplace.partner.models import StockRecord
from marketplace.rewards.rules import ADJUST_STOCK, RECEIVE_STOCK
from marketplace.rewards.selectors import movements_of
from marketplace.rewards.services import adjust_stock, receive_stock
from timebank.common.errors import DomainError
from timebank.common.input import read_choice, read_text
from timebank.registry.rules import VIEW_VILLAGE, can


@require_GET
@desk(VIEW_VILLAGE)
def stock(request: HttpRequest) -> HttpResponseBase:
    """Show what lies on the shelves, scarcest first."""
    scope = request.scope  # type: ignore[attr-defined]
    text = read_text(request.GET.get("q"), 40)
    result = selectors.stock(scope, text=text)
    headers = (_("Supplier"), _("Item"), pgettext("stock", "On the shelf"), _("Promised"), _("Free"), _("Points"))
    file = as_file(
        request,
        "stock",
        headers,
        result,
        lambda item: (
            item.partner.display_name,
            item.product.get_title(),
            item.shelf,
            item.promised,
            item.free,
            item.price,
        ),
    )
    if file is not None:
        return file
    return render(
        request,
        "desk/stock.html",
        {"scope": scope, "q": text, "page": page_of(request, result), "low": selectors.LOW_STOCK},
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
    wrong = None
    if request.method == "POST":
        if not (may_adjust if "adjust" in request.POST else may_receive):
            raise PermissionDenied
        if "adjust" in request.POST:
            wrong = adjust = AdjustForm(request.POST, prefix="a")
        else:
            wrong = receipt = ReceiptForm(request.POST, prefix="r")
        if wrong.is_valid() and _write(request, item, wrong):
            return redirect("desk:stock_item", pk=pk)
    headers = (
        _("When"),
        _("What"),
        pgettext("stock", "On the shelf"),
        _("Promised"),
        _("Done by"),
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
            "wrong": wrong if wrong is not None and wrong.errors else None,
            "may_receive": may_receive,
            "may_adjust": may_adjust,
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
    """Show what was handed over today and what waits."""
    scope = request.scope  # type: ignore[attr-defined]
    which = read_choice(request.GET.get("which"), {"today", "waiting", "ending"}, "today")
    tickets = selectors.tickets(scope, which=which)
    headers = (
        _("Code"),
        _("Reward"),
        _("Quantity"),
        _("Resident"),
        _("Supplier"),
        _("Points"),
        _("Use by"),
        _("Handed over"),
        _("Done by"),
    )
    file = as_file(
        request,
        f"tickets-{which}",
        headers,
        tickets,
        lambda item: (
            hidden_code(item.code),
            item.product.get_title(),
            item.quantity,
            item.resident.name,
            item.partner.display_name,
            f"{item.points / 100:.2f}" if item.points % 100 else str(item.points // 100),
            item.valid_until,
            item.handed_over_at,
            item.handed_over_by.name if item.handed_over_by else "",
        ),
    )
    if file is not None:
        return file
    url = reverse("desk:tickets")
    tabs = [
        {"label": label, "href": f"{url}?which={name}", "active": which == name}
        for name, label in (
            ("today", pgettext("tickets", "Handed over today")),
            ("waiting", _("To collect")),
            ("ending", _("Ending within three days")),
        )
    ]
    page = page_of(request, tickets)
    rows = [(ticket, hidden_code(ticket.code)) for ticket in page]
    return render(
        request, "desk/tickets.html", {"scope": scope, "tabs": tabs, "which": which, "page": page, "rows": rows}
    )
