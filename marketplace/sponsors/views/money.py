"""Pay a pledge: by the payment service, or by bank transfer with a reference."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from marketplace.payments import providers
from marketplace.payments.services.by_hand import announce_transfer
from marketplace.payments.services.starting import start_payment
from marketplace.sponsors import forms, rules
from marketplace.sponsors.models import Enterprise, Pledge
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services.needs import key_of
from marketplace.sponsors.views.common import Act, opened_to, person, show
from timebank.common.numbers import format_money


@never_cache
@opened_to(rules.PLEDGE)
def pay(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose how to pay what is missing."""
    user = person(request)
    pledge = parties.pledge_of(user, pk)
    if pledge.kind != Pledge.Kind.MONEY or not pledge.is_live or not pledge.missing_fen:
        raise Http404
    if pledge.enterprise.state != Enterprise.State.ACTIVE:
        raise Http404
    online = providers.online()
    acts = []
    if online:
        acts.append(
            Act(
                "online",
                _("Pay now"),
                _("Go to the payment page"),
                lambda form: _online(request, pledge, user),
                forms.PlainForm,
                "",
                "primary",
                text=_("Practice payment: no money moves.") if online == "practice" else "",
            )
        )
    acts.append(
        Act(
            "transfer",
            _("Bank transfer"),
            _("Get a reference for the transfer"),
            lambda form: _transfer(pledge, user),
            forms.PlainForm,
            "",
            "quiet" if online else "primary",
            text=_("Write the reference on the transfer; two persons confirm it when it has arrived."),
        )
    )
    return show(
        request,
        title=_("Pay %(amount)s") % {"amount": format_money(pledge.missing_fen)},
        lead=pledge.text,
        notes=[] if online else [("info", _("No payment service is set up: pay by bank transfer."))],
        acts=acts,
        back=(_("Pledge"), reverse("sponsors:pledge", args=[pledge.pk])),
    )


def _facts(pledge: Pledge, user: Any, way: str) -> dict[str, Any]:
    # One key for what is missing now: ten clicks are one payment, a later part another.
    return {
        "fund": pledge.fund,
        "key": key_of(f"{pledge.source}:{way}:{pledge.received_fen}") if way == "bank" else uuid.uuid4(),
        "title": pledge.text,
        "actor": user,
        "source": pledge.source,
        "purpose": pledge.purpose,
        "payer": pledge.enterprise.organisation.name,
    }


def _online(request: HttpRequest, pledge: Pledge, user: Any) -> HttpResponse:
    payment = start_payment(
        amount_minor=pledge.missing_fen,
        origin=settings.SITE_URL or request.build_absolute_uri("/"),
        locale=get_language() or "zh",
        **_facts(pledge, user, "online"),
    )
    if payment.state == "open" and payment.session_url:
        return redirect(payment.session_url)
    return redirect("payments:status", public_id=payment.public_id)


def _transfer(pledge: Pledge, user: Any) -> HttpResponse:
    payment = announce_transfer(amount_fen=pledge.missing_fen, **_facts(pledge, user, "bank"))
    return redirect("payments:status", public_id=payment.public_id)
