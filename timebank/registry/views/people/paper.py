"""Sheets of cards and the passbook."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from timebank.common.input import read_id, read_page
from timebank.ledger import selectors as ledger_read
from timebank.ledger.describing import describe, reference_of
from timebank.ledger.selectors.statements import Line
from timebank.registry import rules, selectors
from timebank.registry.models import (
    Card,
)
from timebank.registry.reads import note_read, reads_people
from timebank.registry.rules import ISSUE_CARD, REGISTER_RESIDENT
from timebank.registry.services.audit import record_audit
from timebank.registry.views.cards import card_address
from timebank.registry.views.me import _user
from timebank.registry.views.people.common import place_for

SHEET = 200  # cards on one print page


@never_cache
@login_required
@require_GET
@reads_people("print_cards")
def card_sheet(request: HttpRequest, place: int) -> HttpResponseBase:
    """Print the valid cards of a village, eight to a page: all, or those of one household."""
    region = place_for(request, place, ISSUE_CARD)
    cards = Card.objects.filter(status=Card.Status.ACTIVE, resident__village=region).select_related("resident__village")
    number = read_id(request.GET.get("household"))
    if number:
        cards = cards.filter(resident__household=number)
    cards = cards.order_by("resident__household__number", "resident__name", "pk")
    page = Paginator(cards, SHEET).get_page(read_page(request.GET.get("page")))
    record_audit(
        actor=_user(request),
        action="print_cards",
        subject=f"region:{region.pk}",
        region=region,
        facts={"rows": len(page.object_list)},
    )
    note_read(request, [printed.resident for printed in page.object_list])
    sheet = [(printed, printed.resident, card_address(printed)) for printed in page.object_list]
    return render(request, "registry/card_sheet.html", {"region": region, "sheet": sheet, "page": page})


@never_cache
@login_required
@require_GET
@reads_people("print_passbook")
def passbook(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Print a resident's passbook: points with every line's reason, for whoever has no phone."""
    resident = selectors.get_resident_for(request.user, pk)
    if not rules.can_act_for(request.user, resident):  # whose points were for what is read by who registers people
        if not rules.can(request.user, REGISTER_RESIDENT, resident.village):
            raise Http404
        note_read(request, [resident])
        record_audit(
            actor=_user(request), action="print_passbook", subject=f"resident:{resident.pk}", region=resident.village
        )
    return render(
        request,
        "registry/passbook.html",
        {
            "resident": resident,
            "balance": ledger_read.balance_of(resident.wallet_key),
            "lines": _in_words(ledger_read.statement(resident.wallet_key, limit=40).lines),
        },
    )


def _in_words(lines: Sequence[Line]) -> list[tuple[Line, str]]:
    """Return each line of a statement with what it was for, as the resident's own page says it."""
    described = describe(lines)
    about = [described.get(reference_of(line)) for line in lines]
    return [
        (line, (what.title if what else "") or line.memo or line.reason)
        for line, what in zip(lines, about, strict=True)
    ]
