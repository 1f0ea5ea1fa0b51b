"""The card: what its QR opens, its own page, its printed sheet."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from timebank.common.errors import DomainError
from timebank.common.input import code as read_code
from timebank.common.input import read_text
from timebank.registry import codes, rules, selectors, services
from timebank.registry.forms import BlockCardForm, PinForm
from timebank.registry.models import Card
from timebank.registry.reads import note_read, reads_people
from timebank.registry.rules import ISSUE_CARD
from timebank.registry.views.me import _user, own_resident
from timebank.ui import menus


def card_address(card: Card) -> str:
    """Return the address in a card's QR, in capitals so that the QR is small."""
    return f"{settings.SITE_URL}/C/{card.number}/".upper()


@require_GET
def card(request: HttpRequest, number: str) -> HttpResponse:
    """Open a scanned card: a clerk sells by it, everyone else types the PIN or signs in. It tells no name."""
    number = read_code(number)
    if not codes.is_card_number(number):
        raise Http404
    for entry in menus.items("card", request):
        return redirect(f"{entry.url}?{urlencode({'card': number})}")
    name = "registry:acting" if request.user.is_authenticated else "registry:sign_in"
    return redirect(f"{reverse(name)}?{urlencode({'card': number})}")


@login_required
@require_GET
def my_card(request: HttpRequest) -> HttpResponse:
    """Show one's own card with its QR."""
    resident = own_resident(request)
    own = selectors.active_card(resident)
    return render(
        request,
        "registry/my_card.html",
        {"resident": resident, "card": own, "address": card_address(own) if own else ""},
    )


@login_required
@sensitive_post_parameters()
def my_pin(request: HttpRequest) -> HttpResponse:
    """Set a new PIN for one's own card."""
    own = selectors.active_card(own_resident(request))
    if own is None:
        raise Http404
    form = PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_pin(card=own, pin=form.cleaned_data["pin"], actor=_user(request))
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The new PIN holds from now on."))
            return redirect("registry:my_card")
    return render(request, "registry/my_pin.html", {"form": form}, status=422 if form.errors else 200)


@login_required
def block_my_card(request: HttpRequest) -> HttpResponse:
    """Block a lost card at once."""
    own = selectors.active_card(own_resident(request))
    if own is None:
        return redirect("registry:my_card")
    form = BlockCardForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.block_card(card=own, actor=_user(request), reason=form.cleaned_data["reason"])
        messages.success(request, _("The card is blocked. The village office gives you a new one."))
        return redirect("registry:my_card")
    return render(request, "registry/block_card.html", {"form": form, "card": own})


@login_required
@require_GET
@reads_people("print_cards")
def card_print(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Print a card, for its holder and for the village desk."""
    printed = get_object_or_404(Card.objects.select_related("resident__village"), pk=pk, status=Card.Status.ACTIVE)
    mine = printed.resident.user_id is not None and printed.resident.user_id == request.user.pk
    if not mine and not rules.can(request.user, ISSUE_CARD, printed.resident.village):
        raise Http404
    note_read(request, [printed.resident])
    back = reverse("registry:my_card") if mine else ""
    asked = read_text(request.GET.get("back"))
    return render(
        request,
        "registry/card_print.html",
        {
            "card": printed,
            "resident": printed.resident,
            "address": card_address(printed),
            "back": asked if asked.startswith("/village/") else back,
        },
    )
