"""The statement: every line says why, and what runs out when."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from marketplace.rewards import selectors
from timebank.common.input import read_id
from timebank.ledger import selectors as ledger_read
from timebank.ledger.selectors.proofs import receipt_for
from timebank.registry.selectors import acting_resident


@require_safe
@login_required
def statement(request: HttpRequest) -> HttpResponse:
    """Show a page of the statement of the person this session acts for."""
    resident = acting_resident(request)
    if resident is None:
        raise Http404
    before = read_id(request.GET.get("before"))
    page = selectors.statement_of(resident, before=before)
    here = reverse("rewards:statement")
    context = {
        "resident": resident,
        "balance": ledger_read.balance_of(resident.wallet_key),
        "lots": ledger_read.lots_of(resident.wallet_key) if before is None else [],
        "statement": page,
        "is_first": before is None,
        "older": f"{here}?before={page.next}" if page.next else "",
        "newer": here if before is not None else "",
    }
    return render(request, "rewards/statement.html", context)


@require_safe
@login_required
def receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand out the receipt of one line, for the public page that checks it."""
    resident = acting_resident(request)
    text = receipt_for(resident.wallet_key, pk) if resident is not None else None
    if text is None:
        raise Http404
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="shanji-receipt.json"'
    response["Cache-Control"] = "private, no-store"
    return response
