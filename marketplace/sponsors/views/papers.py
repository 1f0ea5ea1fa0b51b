"""Papers to keep: receipts, yearly statements, agreements and their signed sides."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from marketplace.sponsors import papers, pdf, rules
from marketplace.sponsors.models import Agreement, Pledge, Receipt
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.selectors.impact import impact_of
from marketplace.sponsors.views.common import opened_to, person

PLEDGE = (
    "pledge__fund__region",
    "pledge__enterprise__organisation",
    "pledge__enterprise__merged_into__organisation",
)


def _require_sees(request: HttpRequest, pledge: Pledge) -> None:
    user = person(request)
    if not (rules.is_staff(user, pledge.enterprise) or rules.sees_pledge(user, pledge)):
        raise Http404


@require_GET
@opened_to()
def receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a receipt as PDF to its sponsor and the fund's desk."""
    result = Receipt.objects.select_related("fund__region", "counter_to", *PLEDGE).filter(pk=pk).first()
    if result is None:
        raise Http404
    _require_sees(request, result.pledge)
    return pdf.response(papers.receipt_pdf(result), result.number)


@require_GET
@opened_to(rules.PLEDGE)
def year(request: HttpRequest, year: int) -> HttpResponse:
    """Give a sponsor its statement of a year as PDF."""
    user = person(request)
    mine = parties.sponsors_of(user)
    if not mine or not 2000 <= year <= 2100:
        raise Http404
    receipts = list(parties.receipts_of(mine, year).order_by("issued_at", "pk"))
    made = papers.year_pdf(parties.sponsor_of(user), year, receipts, impact_of(mine))
    return pdf.response(made, f"statement-{year}")


def _agreement(request: HttpRequest, pk: int) -> Agreement:
    result = Agreement.objects.select_related(*PLEDGE).filter(pk=pk).first()
    if result is None:
        raise Http404
    _require_sees(request, result.pledge)
    return result


@require_GET
@opened_to()
def agreement(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the donation agreement as PDF, to be signed."""
    return pdf.response(papers.agreement_pdf(_agreement(request, pk)), f"agreement-{pk}")


@require_GET
@opened_to()
def signed(request: HttpRequest, pk: int, which: str) -> HttpResponse:
    """Give the scan of a signed side, as a file to keep, never shown in the page."""
    result = _agreement(request, pk)
    file = {"sponsor": result.signed_by_sponsor, "village": result.signed_by_village}.get(which)
    if file is None:
        raise Http404
    response = HttpResponse(bytes(file.data), content_type=file.content_type)
    response["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
