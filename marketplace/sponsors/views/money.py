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

from marketplace.sponsors import forms, money, rules
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
    one = parties.pledge_of(user, pk)
    if not money.installed() or one.kind != Pledge.Kind.MONEY or not one.is_live or not one.missing_fen:
        raise Http404
    if one.enterprise.state != Enterprise.State.ACTIVE:
        raise Http404
    online = money.online()
    acts = []
    if online:
        acts.append(
            Act(
                "online",
                _("Pay now"),
                _("Go to the payment page"),
                lambda form: _online(request, one, user),
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
            lambda form: _transfer(one, user),
            forms.PlainForm,
            "",
            "quiet" if online else "primary",
            text=_("Write the reference on the transfer; two persons confirm it when it has arrived."),
        )
    )
    return show(
        request,
        title=_("Pay %(amount)s") % {"amount": format_money(one.missing_fen)},
        lead=one.text,
        notes=[] if online else [("info", _("No payment service is set up: pay by bank transfer."))],
        acts=acts,
        back=(_("Pledge"), reverse("sponsors:pledge", args=[one.pk])),
    )


def _facts(one: Pledge, user: Any, way: str) -> dict[str, Any]:
    # One key for what is missing now: ten clicks are one payment, a later part another.
    return {
        "fund": one.fund,
        "key": key_of(f"{one.source}:{way}:{one.received_fen}") if way == "bank" else uuid.uuid4(),
        "title": one.text,
        "actor": user,
        "source": one.source,
        "purpose": one.purpose,
        "payer": one.enterprise.organisation.name,
    }


def _online(request: HttpRequest, one: Pledge, user: Any) -> HttpResponse:
    from marketplace.payments.services.starting import start_payment

    payment = start_payment(
        amount_minor=one.missing_fen,
        origin=settings.SITE_URL or request.build_absolute_uri("/"),
        locale=get_language() or "zh",
        **_facts(one, user, "online"),
    )
    if payment.state == "open" and payment.session_url:
        return redirect(payment.session_url)
    return redirect("payments:status", public_id=payment.public_id)


def _transfer(one: Pledge, user: Any) -> HttpResponse:
    from marketplace.payments.services.by_hand import announce_transfer

    payment = announce_transfer(amount_fen=one.missing_fen, **_facts(one, user, "bank"))
    return redirect("payments:status", public_id=payment.public_id)
