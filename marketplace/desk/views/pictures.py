"""How a reward looks on a village's own shelf."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.catalogue.services import known_rewards
from marketplace.desk.scope import addressed
from marketplace.desk.shelf_forms import PictureForm
from marketplace.desk.views.common import person
from marketplace.desk.views.prices import place_of
from marketplace.partner.models import StockRecord
from marketplace.rewards.rules import LIST_REWARD
from marketplace.rewards.services.pictures import set_picture
from timebank.common.errors import DomainError
from timebank.registry.rules import can


@addressed
@require_http_methods(["GET", "POST"])
def picture(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose a photograph or a drawing for a reward on this shelf."""
    rows = StockRecord.objects.select_related("partner__village", "product__product_class")
    record = rows.filter(pk=pk).first()
    if record is None:
        raise Http404
    region = place_of(request, record.partner.village_id)
    if not can(request.user, LIST_REWARD, region):
        raise PermissionDenied
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = PictureForm(*sent, initial={"drawing": record.drawing})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            set_picture(
                stockrecord=record, photograph=data["photograph"], drawing=data["drawing"], actor=person(request)
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("This is how it looks in the shop now."))
            return redirect("desk:picture", pk=pk)
    drawings = [(known.label, static(known.drawing)) for known in known_rewards().values() if known.drawing]
    context = {"region": region, "record": record, "form": form, "drawings": drawings}
    return render(request, "desk/picture.html", context, status=form.status if form.errors else 200)
