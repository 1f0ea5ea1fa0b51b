"""What was kept while the fund was below its floor: redeem it now, or let it go."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds.models import QueuedRedemption
from marketplace.funds.services import queue
from marketplace.rewards.selectors.kept import kept_of
from marketplace.rewards.services.kept import redeem_kept
from timebank.common.errors import DomainError
from timebank.common.input import read_id
from timebank.registry.requests import SignedInRequest
from timebank.registry.selectors import acting_resident, on_behalf_of


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def kept(request: SignedInRequest) -> HttpResponse:
    """List what is kept for whom this session acts; redeem one of them, or withdraw it."""
    resident = acting_resident(request)
    if resident is None:
        raise Http404
    if request.method == "POST":
        pk = read_id(request.POST.get("kept"), default=0)
        redemption = (
            QueuedRedemption.objects.filter(pk=pk, resident=resident).select_related("resident__village").first()
        )
        if redemption is None:
            raise Http404
        try:
            if "withdraw" in request.POST:
                queue.close_kept(kept=redemption, to=QueuedRedemption.State.WITHDRAWN)
                messages.success(request, _("We no longer keep it."))
                return redirect("rewards:kept")
            made = redeem_kept(kept=redemption, actor=request.user, on_behalf_of=on_behalf_of(request))
        except DomainError as refusal:
            return render(request, "rewards/kept.html", {"rows": kept_of(resident), "error": refusal}, status=409)
        return redirect("rewards:redemption", key=made.key)
    return render(request, "rewards/kept.html", {"rows": kept_of(resident)})
