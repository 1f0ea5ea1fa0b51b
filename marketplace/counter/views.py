"""Counter pages: choose a counter, scan, undo, sell by card. Every form answers by a redirect, so a reload is safe."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.counter import selectors
from marketplace.counter.forms import PayForm
from marketplace.counter.till import Till
from marketplace.partner.models import Partner
from marketplace.rewards import selectors as rewards
from marketplace.rewards import services
from marketplace.rewards.models import Scan, Ticket
from marketplace.rewards.rules import CARD_SALE
from marketplace.rewards.services.handing_over import can_undo
from timebank.common.errors import DomainError
from timebank.common.input import clean_text, read_id, read_int, read_page, read_text
from timebank.common.input import code as read_code
from timebank.common.limits import address_of
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Resident
from timebank.registry.requests import SignedInRequest
from timebank.registry.selectors import card_holder
from timebank.ui.templatetags.ui import day, timestamp

_CARD_URL = re.compile(r"/c/([0-9a-z]{8,12})/?$", re.IGNORECASE)


def read_card(text: str) -> str:
    """Read a card number from what was typed or scanned: the number, or the address in the card's QR."""
    match = _CARD_URL.search(clean_text(text))
    return read_code(match.group(1) if match else text)[:12]


@require_safe
@login_required
def desk(request: HttpRequest) -> HttpResponse:
    """Choose a counter; who has only one goes straight there. A scanned card goes along."""
    counters = list(rewards.counters_of(request.user))  # type: ignore[arg-type]
    card = read_card(request.GET.get("card", ""))
    if len(counters) == 1:
        return redirect(_counter_url(counters[0], card))
    rows = [{"partner": counter, "href": _counter_url(counter, card)} for counter in counters]
    return render(request, "counter/desk.html", {"counters": rows, "card": card})


def _counter_url(partner: Partner, card: str) -> str:
    if card:
        return f"{reverse('counter:sale', args=[partner.pk])}?{urlencode({'card': card})}"
    return reverse("counter:scan", args=[partner.pk])


# -- Scan --------------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def scan(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take a code and say, large, what to do with it."""
    partner = selectors.counter_for(request.user, pk)  # type: ignore[arg-type]
    if request.method == "POST":
        code = read_text(request.POST.get("code"))
        if not code:
            return redirect("counter:scan", pk=pk)
        if _CARD_URL.search(code):
            return redirect(_counter_url(partner, read_card(code)))
        nonce = read_text(request.POST.get("nonce"), 64) or str(uuid.uuid4())
        device = read_text(request.headers.get("User-Agent"), 60)
        try:
            made = services.hand_over(code=code, actor=request.user, nonce=nonce, partner=partner, device=device)
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect("counter:scan", pk=pk)
        if made.result == Scan.Result.UNKNOWN and selectors.is_card(number := read_card(code)):
            return redirect(_counter_url(partner, number))  # a card typed where tickets are: the sale is meant
        return redirect(f"{reverse('counter:scan', args=[pk])}?{urlencode({'n': nonce})}")
    nonce = read_text(request.GET.get("n"), 64)
    scan = selectors.scan_for(request.user, partner, nonce) if nonce else None  # type: ignore[arg-type]
    context = {
        "partner": partner,
        "nonce": uuid.uuid4(),
        "result": answer(scan, request) if scan else None,
        "scans": selectors.scans_today(request.user, partner),  # type: ignore[arg-type]
        "waiting": selectors.waiting_at(partner),
        "action": reverse("counter:scan", args=[pk]),
        "has_more": rewards.counters_of(request.user).count() > 1,  # type: ignore[arg-type]
    }
    return render(request, "counter/scan.html", context)


def answer(scan: Scan, request: HttpRequest) -> dict[str, Any]:
    """Put the outcome of a scan into words for the clerk."""
    ticket = scan.ticket
    text, other = "", ""
    if scan.result == Scan.Result.ALREADY:
        actor = scan.earlier_by.name if scan.earlier_by else ""
        text = _("Handed over %(when)s by %(who)s. Do not hand over again.") % {
            "when": timestamp(scan.earlier_at),
            "who": actor,
        }
    elif scan.result == Scan.Result.WRONG_PARTNER and ticket:
        text = _("This ticket is for %(place)s.") % {"place": ticket.partner.display_name}
        if rewards.counters_of(request.user).filter(pk=ticket.partner_id).exists():  # type: ignore[arg-type]
            other = reverse("counter:scan", args=[ticket.partner_id])
    elif scan.result == Scan.Result.OTHER_PERSON:
        text = _(
            "The ticket is yours, your household's or that of somebody you help. Ask another person at the counter."
        )
    elif scan.result == Scan.Result.CANCELLED:
        text = _("The holder or the village cancelled it, and the points went back. Do not hand over.")
    elif scan.result == Scan.Result.EXPIRED and ticket:
        text = _("It was good until %(day)s. Do not hand over; the points go back by themselves.") % {
            "day": day(ticket.valid_until, "date")
        }
    elif scan.result == Scan.Result.UNKNOWN:
        text = _("No ticket has the code %(code)s. Please scan again, or type it from the ticket.") % {
            "code": scan.code
        }
    elif scan.result == Scan.Result.RETURNED:
        text = _("It was handed over and brought back, and the points went back. Do not hand over.")
    elif scan.result == Scan.Result.VOID:
        text = _("This ticket was declared void. Do not hand over.")
    items = []
    if ticket and scan.result != Scan.Result.UNKNOWN:
        items = [(_("What"), ticket.title), (_("For"), ticket.resident.name), (_("Code"), ticket.grouped_code)]
    title = scan.get_result_display()
    if scan.ok and ticket:
        title = _("Hand over: %(title)s") % {"title": ticket.title}
        items = items[1:]
    undo = bool(ticket and scan.ok and scan.occurred_at == ticket.handed_over_at and can_undo(ticket, request.user))  # type: ignore[arg-type]
    return {
        "scan": scan,
        "tone": scan.tone,
        "title": title,
        "text": text,
        "items": items,
        "other": other,
        "undo": undo,
    }


@require_POST
@login_required
def undo(request: SignedInRequest, pk: int, code: str) -> HttpResponse:
    """Take a hand-over back."""
    partner = selectors.counter_for(request.user, pk)  # type: ignore[arg-type]
    ticket = Ticket.objects.filter(code=code, partner=partner).first()
    if ticket is None:
        messages.error(request, _("There is no such ticket at this counter."))
        return redirect("counter:scan", pk=pk)
    try:
        services.undo_hand_over(ticket=ticket, actor=request.user, reason=read_text(request.POST.get("reason")))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Undone. The ticket %(code)s is open again.") % {"code": ticket.grouped_code})
    return redirect("counter:scan", pk=pk)


@require_safe
@login_required
def today(request: HttpRequest, pk: int) -> HttpResponse:
    """List all that was handed over today."""
    partner = selectors.counter_for(request.user, pk)  # type: ignore[arg-type]
    tickets = selectors.today_of(partner)
    total = tickets.aggregate(sum=Sum("points", default=0))["sum"]
    context = {"partner": partner, "tickets": tickets[:500], "count": tickets.count(), "total": total}
    return render(request, "counter/today.html", context)


@require_safe
@login_required
def waiting(request: SignedInRequest, pk: int) -> HttpResponse:
    """List what waits to be collected, to be found by name, telephone or thing.

    Codes are not on it: what is handed over is what the holder shows.
    """
    partner = selectors.counter_for(request.user, pk)
    query = read_text(request.GET.get("q"), 40)
    tickets = selectors.waiting_tickets(partner, query)
    page = Paginator(tickets, 50).get_page(read_page(request.GET.get("page")))
    return render(request, "counter/waiting.html", {"partner": partner, "page": page, "q": query})


# -- Sale by card ------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@sensitive_post_parameters("pin")
def sale(request: SignedInRequest, pk: int) -> HttpResponse:
    """Scan a card, pick goods, let the holder type the PIN, done."""
    partner = selectors.counter_for(request.user, pk, CARD_SALE)
    till = Till(request, partner)
    if request.method == "POST":
        step = {"card": _take_card, "add": _add, "set": _set, "pay": _pay, "clear": _clear}.get(
            read_text(request.POST.get("do", ""))
        )
        return step(request, partner, till) if step else redirect("counter:sale", pk=pk)
    if request.GET.get("card"):
        return _take_card(request, partner, till)
    return _show_sale(request, partner, till)


def _holder(till: Till) -> Resident | None:
    if not till.card:
        return None
    try:
        return card_holder(till.card)
    except DomainError:
        till.clear()  # blocked in the meantime
        till.card = ""
        return None


def _show_sale(
    request: HttpRequest,
    partner: Partner,
    till: Till,
    *,
    error: DomainError | None = None,
    form: PayForm | None = None,
    status: int = 200,
) -> HttpResponse:
    holder = _holder(till)
    query = read_text(request.GET.get("q"), 40)
    context: dict[str, Any] = {"partner": partner, "holder": holder, "error": error, "query": query}
    if holder is not None:
        goods = selectors.goods_of(partner, holder, till.wants)
        chosen = [good for good in goods if good.quantity]
        total = sum(good.total for good in chosen)
        has = ledger_read.balance_of(holder.wallet_key).spendable
        shown = selectors.goods_of(partner, holder, till.wants, query) if query else goods
        context |= {
            "goods": [good for good in shown if not good.quantity],
            "chosen": chosen,
            "total": total,
            "has": has,
            "after": has - total,
            "missing": max(total - has, 0),
            "has_problem": any(good.problem for good in chosen),
            "form": form or PayForm(initial={"key": till.key, "total": total}),
        }
    return render(request, "counter/sale.html", context, status=status)


def _take_card(request: HttpRequest, partner: Partner, till: Till) -> HttpResponse:
    number = read_card((request.POST or request.GET).get("card", ""))
    try:
        card_holder(number)
    except DomainError as refusal:
        return _show_sale(request, partner, till, error=refusal, status=422)
    till.take_card(number)
    return redirect("counter:sale", pk=partner.pk)


def _add(request: HttpRequest, partner: Partner, till: Till) -> HttpResponse:
    """Put what was scanned on the slip; what is no barcode is looked for by name."""
    code = read_text(request.POST.get("code"), 40)
    record = selectors.record_by_code(partner, code)
    here = reverse("counter:sale", args=[partner.pk])
    if record is None:
        return redirect(f"{here}?{urlencode({'q': code})}" if code else here)
    till.set(record.pk, till.wants.get(record.pk, 0) + 1)
    return redirect(here)


def _set(request: HttpRequest, partner: Partner, till: Till) -> HttpResponse:
    record = read_id(request.POST.get("record"))
    quantity = read_int(request.POST.get("quantity"), -9999, 9999, default=None)
    if record is not None and quantity is not None:
        till.set(record, quantity)
    return redirect("counter:sale", pk=partner.pk)


def _clear(request: HttpRequest, partner: Partner, till: Till) -> HttpResponse:
    till.clear()
    return redirect("counter:sale", pk=partner.pk)


def _pay(request: SignedInRequest, partner: Partner, till: Till) -> HttpResponse:
    form = PayForm(request.POST)
    if not form.is_valid():
        return _show_sale(request, partner, till, form=form, status=422)
    key = form.cleaned_data["key"]
    if str(key) != till.key:
        # Sent again after it was done: the slip is there; anything else begins anew.
        if rewards.redemption_exists(key):
            return redirect("counter:receipt", pk=partner.pk, key=key)
        return redirect("counter:sale", pk=partner.pk)
    try:
        made = services.card_sale(
            card_number=till.card,
            pin=form.cleaned_data["pin"],
            lines=till.lines,
            key=key,
            actor=request.user,
            partner=partner,
            expected_total=form.cleaned_data["total"],
            brought_by=form.cleaned_data["brought_by"],
            device=address_of(request),
        )
    except DomainError as refusal:
        return _refused(request, partner, till, form, refusal)
    till.clear()
    return redirect("counter:receipt", pk=partner.pk, key=made.key)


def _refused(request: HttpRequest, partner: Partner, till: Till, form: PayForm, refusal: DomainError) -> HttpResponse:
    """Show the refusal where it belongs; the slip stays, the PIN is asked anew, the total is the present one."""
    fresh = PayForm(initial={"key": till.key, "brought_by": form.cleaned_data["brought_by"]})
    holder = _holder(till)
    if holder is not None:
        goods = selectors.goods_of(partner, holder, till.wants)
        fresh.initial["total"] = sum(good.total for good in goods if good.quantity)
    return _show_sale(request, partner, till, error=refusal, form=fresh, status=refusal.status)


@require_safe
@login_required
def receipt(request: HttpRequest, pk: int, key: uuid.UUID) -> HttpResponse:
    """Show the slip of a sale, to print or to undo."""
    partner = selectors.counter_for(request.user, pk)  # type: ignore[arg-type]
    sale = selectors.sale_for(partner, key)
    tickets = list(sale.tickets.select_related("product", "partner__village", "partner__organisation").order_by("pk"))
    context = {
        "partner": partner,
        "redemption": sale,
        "tickets": tickets,
        "balance": ledger_read.balance_of(sale.resident.wallet_key).spendable,
        "can_undo": bool(tickets) and all(can_undo(ticket, request.user) for ticket in tickets),  # type: ignore[arg-type]
    }
    return render(request, "counter/receipt.html", context)


@require_POST
@login_required
def undo_sale(request: SignedInRequest, pk: int, key: uuid.UUID) -> HttpResponse:
    """Take a whole sale back."""
    partner = selectors.counter_for(request.user, pk, CARD_SALE)
    sale = selectors.sale_for(partner, key)
    try:
        services.undo_sale(redemption=sale, actor=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The sale is undone: the points are back on the card."))
    return redirect("counter:receipt", pk=pk, key=key)
