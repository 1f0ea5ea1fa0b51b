"""To be told when a reward lies on the shelf again."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.catalogue.models import Product
from marketplace.rewards.selectors.stock import gone
from marketplace.rewards.services.wishes import end_wish, wish_restock
from timebank.registry.selectors import acting_resident, on_behalf_of


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def wish(request: HttpRequest, pk: int) -> HttpResponse:
    """Go to the reward (where a message leads); a POST asks to be told, or no longer."""
    product = Product.objects.filter(pk=pk).first()
    if product is None:
        raise Http404
    resident = acting_resident(request)
    if request.method == "POST":
        record = gone(request.strategy, pk)  # type: ignore[attr-defined]
        if resident is None or record is None:
            raise Http404
        given = {"stockrecord": record, "resident": resident, "actor": request.user}
        if "end" in request.POST:
            end_wish(**given, on_behalf_of=on_behalf_of(request))  # type: ignore[arg-type]
        else:
            wish_restock(**given, on_behalf_of=on_behalf_of(request))  # type: ignore[arg-type]
            messages.success(request, _("You will find a message here when there is some again."))
    return redirect(product.get_absolute_url())
