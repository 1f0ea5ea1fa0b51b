"""The public page: anybody can compare a notice board or a receipt with the ledger."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from timebank.ledger.canon import short_digest
from timebank.ledger.forms import DigestForm, ReceiptForm
from timebank.ledger.models import Seal
from timebank.ledger.selectors.proofs import latest_seals, receipt_holds, seal_by_digest


@require_http_methods(["GET", "HEAD", "POST"])
def verify_page(request: HttpRequest) -> HttpResponse:
    """Answer whether a digest (GET) or a receipt (POST) agrees with the ledger; keeps and tells nothing else."""
    digest_form = DigestForm(request.GET if "digest" in request.GET else None)
    receipt_form = ReceiptForm(request.POST, request.FILES) if request.method == "POST" else ReceiptForm()
    answer: dict[str, Any] | None = None
    if request.method == "POST":
        if receipt_form.is_valid():
            answer = _receipt_answer(receipt_form.cleaned_data["receipt"])
    elif digest_form.is_bound and digest_form.is_valid():
        answer = _digest_answer(digest_form.cleaned_data["digest"])
    refused = (request.method == "POST" and answer is None) or (digest_form.is_bound and not digest_form.is_valid())
    seals = [(seal, short_digest(seal.number, seal.hash)) for seal in latest_seals()]
    newest = f"{reverse('ledger:verify')}?digest={seals[0][1]}" if seals else ""
    context = {
        "digest_form": digest_form,
        "receipt_form": receipt_form,
        "answer": answer,
        "seals": seals,
        "newest_url": request.build_absolute_uri(newest),
    }
    return render(request, "ledger/verify.html", context, status=422 if refused else 200)


def _digest_answer(digest: str) -> dict[str, Any]:
    seal = seal_by_digest(digest)
    if seal is None:
        return {
            "tone": "bad",
            "title": _("The ledger does not know this digest"),
            "text": _(
                "Check the letters once more. If they are right, tell the village committee: history was changed."
            ),
            "items": [],
        }
    return {
        "tone": "good",
        "title": _("The ledger agrees with the notice board"),
        "text": _("Everything up to this seal is as it was when the digest was put up."),
        "items": _facts(seal),
    }


def _receipt_answer(receipt: dict[str, Any]) -> dict[str, Any]:
    if not receipt_holds(receipt):
        return {
            "tone": "bad",
            "title": _("This receipt does not agree with the ledger"),
            "text": _("It was changed, or it is not from here."),
            "items": [],
        }
    seal = Seal.objects.get(number=receipt["seal"]["number"])
    return {
        "tone": "good",
        "title": _("This receipt is genuine"),
        "text": _("The entry stands in the ledger exactly as the receipt says."),
        "items": _facts(seal),
    }


def _facts(seal: Seal) -> list[tuple[str, str]]:
    return [
        (_("Seal"), short_digest(seal.number, seal.hash)),
        (_("Sealed at"), date_format(timezone.localtime(seal.sealed_at), "DATETIME_FORMAT")),
        (_("Entries in this seal"), str(seal.count)),
    ]
