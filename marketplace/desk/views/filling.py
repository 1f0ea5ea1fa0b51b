"""A shelf filled from a template by the stock keeper; what has no price yet priced at once by the admin."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from marketplace.desk.scope import addressed
from marketplace.desk.shelf_forms import FillForm, PricesForm
from marketplace.desk.views.common import person
from marketplace.desk.views.prices import place_of
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards.rules import LIST_REWARD, PRICE_REWARD
from marketplace.rewards.selectors import templates
from marketplace.rewards.services.filling import fill_shelf
from marketplace.rewards.services.listing import Priced, price_many
from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.registry.models import Region
from timebank.registry.rules import can

AT_ONCE = 50  # prices on one page


@addressed
@require_http_methods(["GET", "POST"])
def fill(request: HttpRequest, place: int) -> HttpResponse:
    """Choose a supplier and a template, tick its rows, put them on the shelf."""
    region = place_of(request, place)
    if not can(request.user, LIST_REWARD, region):
        raise PermissionDenied
    partners = Partner.objects.filter(village=region, is_active=True).select_related("village").order_by("name", "pk")
    partner = partners.filter(pk=read_id(request.GET.get("at"), 0)).first() or partners.first()
    villages = list(templates.villages_near(region)[: templates.MOST])
    known = {templates.PUBLISHED} | {str(village.pk) for village in villages}
    source = read_text(request.GET.get("from"), 20)
    source = source if source in known else templates.PUBLISHED
    rows = templates.template(partner, source) if partner is not None else []
    form = FillForm(request.POST if request.method == "POST" else None, keys=[row.key for row in rows])
    if request.method == "POST" and form.is_valid() and _fill(request, partner, source, form):
        return redirect("desk:shelf", place=region.pk)
    context = {
        "region": region,
        "partners": partners,
        "partner": partner,
        "villages": villages,
        "source": source,
        "rows": rows,
        "chosen": set(form.data.getlist("rows")) if form.is_bound else set(),
        "form": form,
        "is_published": source == templates.PUBLISHED,
    }
    return render(request, "desk/shelf_fill.html", context, status=form.status if form.errors else 200)


def _fill(request: HttpRequest, partner: Partner | None, source: str, form: FillForm) -> bool:
    if partner is None:
        return False
    keys = form.cleaned_data["rows"]

    def create() -> list[int]:
        return list(fill_shelf(partner=partner, source=source, keys=keys, actor=person(request)))

    try:
        listed, standing = form.once(
            actor=request.user, scope=f"fill_shelf:{partner.pk}", create=create, extra=source
        ).result
    except DomainError as error:
        form.refuse(error)
        return False
    text = ngettext("%(n)s reward is on the shelf.", "%(n)s rewards are on the shelf.", listed) % {"n": listed}
    messages.success(request, f"{text} {_('They can be redeemed once the admin has priced them.')}")
    if standing:
        more = ngettext("%(n)s stood there already.", "%(n)s stood there already.", standing) % {"n": standing}
        messages.info(request, more)
    return True


@addressed
@require_http_methods(["GET", "POST"])
def unpriced(request: HttpRequest, place: int) -> HttpResponse:
    """Decide the prices of what has none yet, with what others ask filled in as a suggestion."""
    region = place_of(request, place)
    if not can(request.user, PRICE_REWARD, region):
        raise PermissionDenied
    rows = StockRecord.objects.filter(partner__village=region).order_by("product__title", "pk")
    rows = rows.select_related("partner__village", "product__product_class")
    open_rows = rows.filter(price__isnull=True)
    sent = request.POST if request.method == "POST" else None
    if sent is None:
        records = list(open_rows[:AT_ONCE])
    else:  # those that the form was shown with
        ids = [read_id(name.removeprefix("row"), 0) for name in sent if name.startswith("row")]
        records = list(rows.filter(pk__in=ids[:AT_ONCE]))
    count = open_rows.count()
    form = PricesForm(sent, records=records, suggested=templates.suggested_prices(records))
    if request.method == "POST" and form.is_valid() and _price(request, region, form):
        return redirect("desk:shelf", place=region.pk)
    context = {"region": region, "form": form, "count": count, "more": max(count - len(records), 0)}
    return render(request, "desk/shelf_prices.html", context, status=form.status if form.errors else 200)


def _price(request: HttpRequest, region: Region, form: PricesForm) -> bool:
    prices = [Priced(record, points) for record, points in form.given()]

    def create() -> int:
        reason = form.cleaned_data["reason"]
        return len(price_many(prices=prices, reason=reason, actor=person(request), only_new=True))

    try:
        outcome = form.once(actor=request.user, scope=f"price_many:{region.pk}", create=create)
    except DomainError as error:
        form.refuse(error)
        return False
    many = outcome.result
    messages.success(request, ngettext("%(n)s price is decided.", "%(n)s prices are decided.", many) % {"n": many})
    return True
