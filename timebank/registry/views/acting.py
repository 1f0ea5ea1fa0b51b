"""For whom this session acts: oneself, someone one helps, or the holder of a card."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from timebank.common.errors import DomainError
from timebank.common.input import code as read_code
from timebank.common.input import read_id, read_text
from timebank.common.limits import address_of
from timebank.registry import selectors, services
from timebank.registry.forms import ActingCardForm
from timebank.registry.models import Resident
from timebank.registry.reads import note_read, reads_people
from timebank.registry.selectors import ACTING, ACTING_BY_CARD
from timebank.registry.views.me import _user


@login_required
@sensitive_post_parameters("pin")
@reads_people("act_for")
def acting(request: HttpRequest) -> HttpResponse:
    """Choose for whom to act. Both names go into everything that is done."""
    card = read_code(request.GET.get("card"))[:12]
    form = ActingCardForm(initial={"card_number": card} if card else None)
    if request.method == "POST":
        if "self" in request.POST:
            request.session.pop(ACTING, None)
            messages.success(request, _("You act for yourself again."))
            return _onward(request)
        if "resident" in request.POST:
            return _by_proxy(request)
        form = ActingCardForm(request.POST)
        if form.is_valid() and _by_card(request, form):
            return _onward(request)
    own = selectors.resident_of(request.user)
    return render(
        request,
        "registry/acting.html",
        {
            "form": form,
            "own": own,
            "helps": selectors.helps(request.user),
            "asked": selectors.helper_requests_for(request.user, None),
            "current": selectors.on_behalf_of(request),
            "next": read_text(request.GET.get("next"), 500),
            "minutes": int(ACTING_BY_CARD.total_seconds() // 60),
        },
        status=422 if form.errors else 200,
    )


def _by_proxy(request: HttpRequest) -> HttpResponse:
    key = read_id(request.POST["resident"])
    proxy = selectors.helps(request.user).filter(resident=key).first() if key else None
    if proxy is None:
        raise Http404
    _begin(request, proxy.resident, {"resident": proxy.resident_id, "by": "proxy"})
    return _onward(request)


def _by_card(request: HttpRequest, form: ActingCardForm) -> bool:
    try:
        card = services.check_pin(
            card_number=form.cleaned_data["card_number"],
            pin=form.cleaned_data["pin"],
            actor=_user(request),
            device=address_of(request),
        )
    except DomainError as error:
        form.refuse(error)
        return False
    if card.resident.status != Resident.Status.ACTIVE:
        form.add_error("card_number", _("This account is not active."))
        return False
    until = timezone.now() + ACTING_BY_CARD
    _begin(
        request,
        card.resident,
        {
            "resident": card.resident_id,
            "by": "card",
            "card": card.pk,
            "until": until.isoformat(),  # reads itself: the session is read by us
        },
    )
    return True


def _begin(request: HttpRequest, resident: Resident, chosen: dict[str, object]) -> None:
    own = selectors.resident_of(request.user)
    if own is not None and own.pk == resident.pk:
        request.session.pop(ACTING, None)
        return
    request.session[ACTING] = chosen
    note_read(request, [resident])  # whoever acts sees what the person would
    services.record_audit(
        actor=_user(request),
        action="act_for",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        on_behalf_of=resident,
        facts={"by": chosen["by"]},
    )
    messages.success(request, _("You now act for %(name)s.") % {"name": resident.name})


def _onward(request: HttpRequest) -> HttpResponse:
    target = read_text(request.POST.get("next"), 500)
    if target and url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return redirect(target)
    return redirect("/" if "self" not in request.POST else "registry:acting")
