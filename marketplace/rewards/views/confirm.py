"""The one page between basket and tickets: what, where, when, points before and after, one button."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from marketplace.basket import selectors as baskets
from marketplace.rewards import errors, services
from marketplace.rewards.forms import ConfirmForm
from marketplace.rewards.models import Redemption
from marketplace.rewards.services.kept import keep_basket
from timebank.common.errors import DomainError, KeyConflict
from timebank.registry.models import Resident
from timebank.registry.requests import SignedInRequest
from timebank.registry.selectors import acting_resident, on_behalf_of


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def confirm(request: SignedInRequest) -> HttpResponse:
    """Show the whole of it once more and redeem on the button; a refusal comes back here and loses nothing."""
    resident = acting_resident(request)
    if request.method != "POST" or resident is None:
        return _show(request, resident)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return _show(request, resident, error=KeyConflict())
    key = form.cleaned_data["key"]
    basket = request.basket  # type: ignore[attr-defined]
    if not basket.pk or basket.pk != form.cleaned_data["basket"]:
        earlier = Redemption.objects.filter(resident=resident, basket_id=form.cleaned_data["basket"]).first()
        if earlier is not None:
            return redirect("rewards:redemption", key=earlier.key)
        return _show(request, resident, error=errors.BasketEmpty() if not basket.pk else KeyConflict())
    try:
        if "keep" in request.POST:
            keep_basket(
                resident=resident,
                basket=basket,
                key=key,
                actor=request.user,
                on_behalf_of=on_behalf_of(request),
            )
            return redirect("rewards:kept")
        redemption = services.redeem(
            resident=resident,
            basket=basket,
            key=key,
            expected_total=form.cleaned_data["total"],
            actor=request.user,
            on_behalf_of=on_behalf_of(request),
        )
    except DomainError as refusal:
        return _show(request, resident, error=refusal, key=key)
    return redirect("rewards:redemption", key=redemption.key)


def _show(
    request: HttpRequest,
    resident: Resident | None,
    *,
    error: DomainError | None = None,
    key: uuid.UUID | None = None,
) -> HttpResponse:
    basket = request.basket  # type: ignore[attr-defined]
    basket._lines = None  # a refusal may have changed what is left
    context: dict[str, Any] = {
        "summary": baskets.summary_of(basket),
        "basket": basket,
        "resident": resident,
        "error": error,
        "key": key or uuid.uuid4(),
    }
    # A key that was used for something else is of no more use; any other refusal left nothing behind.
    if error is not None and error.code == KeyConflict.code:
        context["key"] = uuid.uuid4()
    return render(request, "rewards/confirm.html", context, status=error.status if error else 200)
