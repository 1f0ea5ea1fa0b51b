"""Coming in: sign in, sign out, ask the village for an account."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from timebank.common.errors import DomainError
from timebank.common.input import code as read_code
from timebank.common.input import read_id, read_text
from timebank.common.limits import Limit, TooOften, limited
from timebank.registry import backends, selectors, services
from timebank.registry.forms import JoinAgainForm, JoinForm, SignInForm
from timebank.registry.models import Region, Resident
from timebank.registry.navigation import start_url
from timebank.registry.services import moves
from timebank.registry.services.residents import CONSENT_VERSION

ASKING = Limit("asking for an account", 30, 3600)
SEARCHING = Limit("searching places", 120, 600)


class SignInView(LoginView):
    """Sign in by mobile number, card number or staff e-mail."""

    template_name = "registry/sign_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let somebody try, unless it was tried too often: this account, or from this address."""
        try:
            backends.require_sign_in(request)
        except TooOften as error:
            return render(request, "registry/locked_out.html", status=error.status)
        return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]

    def form_invalid(self, form: Any) -> HttpResponse:
        """Count what was wrong, whoever was meant."""
        backends.count_sign_in(self.request)
        return super().form_invalid(form)  # type: ignore[no-any-return]

    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return start_url(self.request)

    def get_initial(self) -> dict[str, Any]:
        initial = super().get_initial()
        if card := read_code(self.request.GET.get("card")):
            initial["username"] = card[:12]
        return initial


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    messages.success(request, _("You are signed out."))
    return redirect("registry:sign_in")


@never_cache
@sensitive_post_parameters("password")
@limited(ASKING, lambda request: request.method == "POST")
@limited(SEARCHING, lambda request: "q" in request.GET)
def join(request: HttpRequest) -> HttpResponse:
    """Choose a village, read, agree, ask for an account."""
    own = selectors.resident_of(request.user)
    if own is not None and own.status != Resident.Status.CLOSED:
        return redirect("registry:me")
    village = _village(read_text(request.POST.get("village")) or read_text(request.GET.get("village")))
    if village is None:
        return render(request, "registry/join_village.html", _village_choice(request))
    if own is not None:
        return _again(request, own, village)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            resident = form.once(
                actor="",
                scope=f"apply_to_join:{village.pk}",
                create=lambda: services.apply_to_join(
                    village=village,
                    name=data["name"],
                    phone=data["phone"],
                    password=data["password"],
                    birth_date=data["birth_date"],
                    household_number=data["household_number"],
                    consent_version=CONSENT_VERSION,
                ),
            ).result
        except DomainError as error:
            form.refuse(error)
        else:
            if resident.user is not None:
                login(request, resident.user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
            messages.success(request, _("Your request is on its way to the village office."))
            return redirect("registry:me")
    places = selectors.with_places([village])
    return render(
        request,
        "registry/join.html",
        {"form": form, "chosen": village, "place": places[0][1], "consent_version": CONSENT_VERSION},
        status=422 if form.errors else 200,
    )


def _again(request: HttpRequest, own: Resident, village: Region) -> HttpResponse:
    """Let who was refused, or had left, ask a village again with the same account."""
    form = JoinAgainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            moves.apply_again(
                user=own.user,  # type: ignore[arg-type]  # who is signed in has one
                village=village,
                household_number=form.cleaned_data["household_number"],
                consent_version=CONSENT_VERSION,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Your request is on its way to the village office."))
            return redirect("registry:me")
    places = selectors.with_places([village])
    return render(
        request,
        "registry/join.html",
        {"form": form, "chosen": village, "place": places[0][1], "consent_version": CONSENT_VERSION},
        status=422 if form.errors else 200,
    )


def _village(key: str | None) -> Region | None:
    return Region.objects.filter(pk=read_id(key, 0), level=Region.Level.VILLAGE, is_active=True).first()


def _village_choice(request: HttpRequest) -> dict[str, Any]:
    """Find a village by name, or by walking down from province to town."""
    text = read_text(request.GET.get("q"), 40)
    inside = Region.objects.filter(pk=read_id(request.GET.get("in"), 0), is_active=True).first()
    below = list(selectors.places_below(inside))
    while inside is None and len(below) == 1 and below[0].level != Region.Level.VILLAGE:
        inside = below[0]
        below = list(selectors.places_below(inside))
    return {
        "q": text,
        "found": selectors.with_places(selectors.villages_named(text)) if text else [],
        "inside": inside,
        "trail": [*selectors.ancestors(inside), inside] if inside is not None else [],
        "below": below,
    }
