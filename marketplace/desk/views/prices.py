"""The shelf of a place: listed by the stock keeper, priced by the admin, in and out as a file."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk.forms import GoodsListForm, ListRewardForm, PriceForm
from marketplace.desk.scope import addressed, chosen, here
from marketplace.desk.views.common import as_file, page_of, person
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards.models import GoodsImport
from marketplace.rewards.rules import LIST_REWARD, PRICE_REWARD
from marketplace.rewards.selectors.pricing import advice_for
from marketplace.rewards.services import goods_imports, goods_lists, shelf
from timebank.common.errors import DomainError
from timebank.common.input import read_text
from timebank.common.numbers import parse_points
from timebank.common.sheets.errors import SheetError
from timebank.common.sheets.filling import table_to_fill_in
from timebank.registry.models import Region
from timebank.registry.rules import VIEW_VILLAGE, can, regions_where

SEEING = (VIEW_VILLAGE, LIST_REWARD, PRICE_REWARD)
MOST_SHOWN = 50
MOST_POINTS = 10_000_000  # 1/100
LABELS = 120  # on one printing, five sheets


def place_of(request: HttpRequest, pk: int) -> Region:
    """Return the place of the address, for who sees its shelf; 404 to anybody else."""
    region = Region.objects.filter(pk=pk, is_active=True).first()
    if region is None or not any(can(request.user, action, region) for action in SEEING):
        raise Http404
    here(request, region)
    return region


def _on_shelf(region: Region) -> QuerySet[StockRecord]:
    return (
        StockRecord.objects.filter(partner__village=region)
        .select_related("partner__village", "product__product_class")
        .order_by("partner__name", "product__title", "pk")
    )


@addressed
@require_GET
def my_shelf(request: HttpRequest) -> HttpResponse:
    """Go to the shelf of the first place where the visitor lists or prices."""
    seen = regions_where(request.user, LIST_REWARD) | regions_where(request.user, PRICE_REWARD)
    region = chosen(request, seen)
    return redirect("desk:shelf", place=region.pk)


@addressed
@require_GET
def on_shelf(request: HttpRequest, place: int) -> HttpResponseBase:
    """Show what the suppliers of a place offer, and at what price; what has none yet can't be redeemed."""
    region = place_of(request, place)
    rows = _on_shelf(region)
    headers = ("商户", "名称", "类型", "单位", "条码", "积分")
    file = as_file(request, f"goods-{region.code}", headers, rows, _exported)
    if file is not None:
        return file
    context = {
        "region": region,
        "page": page_of(request, rows),
        "partners": Partner.objects.filter(village=region, is_active=True).order_by("name"),
        "may_list": can(request.user, LIST_REWARD, region),
        "may_price": can(request.user, PRICE_REWARD, region),
        "unpriced": rows.filter(price__isnull=True).exists(),
    }
    return render(request, "desk/shelf.html", context)


@addressed
@require_GET
def labels(request: HttpRequest, place: int) -> HttpResponse:
    """Print a label for everything on the shelf that has a price: name, points, barcode."""
    region = place_of(request, place)
    rows = _on_shelf(region).filter(price__isnull=False)
    context = {"region": region, "page": page_of(request, rows, LABELS)}
    return render(request, "desk/shelf_labels.html", context)


def _exported(record: StockRecord) -> tuple[Any, ...]:
    """Write a row as the import reads it."""
    product: Any = record.product
    kind = "服务" if product.is_service else "实物"
    price = "" if record.price is None else f"{record.price.normalize():f}"
    return (record.partner.name, product.title, kind, product.unit, shelf.barcode_of(product), price)


def _form_page(request: HttpRequest, region: Region, form: Any, **context: Any) -> HttpResponse:
    shown = {"region": region, "form": form, **context}
    return render(request, "desk/shelf_form.html", shown, status=form.status if form.errors else 200)


@addressed
@require_http_methods(["GET", "POST"])
def list_reward(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a reward on a supplier's shelf."""
    partner = Partner.objects.select_related("village").filter(pk=pk).first()
    if partner is None:
        raise Http404
    region = place_of(request, partner.village_id)
    if not can(request.user, LIST_REWARD, region):
        raise PermissionDenied
    form = ListRewardForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = {name: value for name, value in form.cleaned_data.items() if name != form.KEY}
        try:
            form.once(
                actor=request.user,
                scope=f"list_reward:{partner.pk}",
                create=lambda: shelf.list_on_shelf(partner=partner, actor=person(request), **data),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("It is on the shelf. It can be redeemed once the admin has priced it."))
            return redirect("desk:shelf", place=region.pk)
    title = _("Put a reward on the shelf")
    return _form_page(request, region, form, title=title, lead=partner.display_name, submit=_("Put on the shelf"))


def _tried(request: HttpRequest) -> int | None:
    """Return the price that the visitor wants to look at, in 1/100 point."""
    try:
        points = parse_points(read_text(request.GET.get("try"), 12))
    except ValueError:
        return None
    return points if 0 < points <= MOST_POINTS else None


@addressed
@require_http_methods(["GET", "POST"])
def price(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide the price of a reward; show every price it had and will have."""
    record = StockRecord.objects.select_related("partner__village", "product__product_class").filter(pk=pk).first()
    if record is None:
        raise Http404
    region = place_of(request, record.partner.village_id)
    may_price = can(request.user, PRICE_REWARD, region)
    if request.method == "POST" and not may_price:
        raise PermissionDenied
    form = PriceForm(request.POST if request.method == "POST" else None, initial={"since": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            form.once(
                actor=request.user,
                scope=f"decide_price:{record.pk}",
                create=lambda: shelf.decide_price(
                    stockrecord=record,
                    points=data["points"],
                    since=data["since"],
                    reason=data["reason"],
                    actor=person(request),
                ),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The price is decided."))
            return redirect("desk:shelf", place=region.pk)
    history = record.price_changes.select_related("decided_by").order_by("-since", "-pk")
    context = {
        "region": region,
        "record": record,
        "form": form,
        "may_price": may_price,
        "advice": advice_for(record, tried=_tried(request)),
        "page": page_of(request, history, 30),
    }
    return render(request, "desk/price.html", context, status=form.status if form.errors else 200)


def _place_to_load(request: HttpRequest, pk: int) -> Region:
    """Return the place of the address, for who lists or prices there."""
    region = place_of(request, pk)
    if not (can(request.user, LIST_REWARD, region) or can(request.user, PRICE_REWARD, region)):
        raise PermissionDenied
    return region


@addressed
@require_GET
def goods_to_fill_in(request: HttpRequest, place: int, form: str) -> HttpResponseBase:
    """Give a table of goods to fill in."""
    region = _place_to_load(request, place)
    return table_to_fill_in(form, "goods", goods_lists.COLUMNS, [goods_lists.example_of_goods(region)])


@addressed
@require_http_methods(["GET", "POST"])
def goods_list(request: HttpRequest, place: int) -> HttpResponse:
    """Read a list of goods: first what it would do, then it is done."""
    region = _place_to_load(request, place)
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form, report = GoodsListForm(*sent), None
    dry_run = "do" not in request.POST
    if request.method == "POST" and form.is_valid():
        try:
            lines = goods_lists.read_goods(form.cleaned_data["file"])
            if not dry_run and len(lines) > goods_imports.AT_ONCE:
                begun = _begin(request, region, form, lines)
                return redirect("desk:goods_import", pk=begun.pk)
            report = goods_lists.import_goods(
                region=region,
                lines=lines,
                reason=form.cleaned_data["reason"],
                actor=person(request),
                dry_run=dry_run,
            )
        except SheetError as error:
            form.add_error("file", str(error))
        except DomainError as error:
            form.refuse(error)
        else:
            if not dry_run:
                many = report.changed
                text = ngettext("%(n)s change made.", "%(n)s changes made.", many) % {"n": many}
                messages.success(request, text)
                if not report.refused:  # nothing to mend: a page that can be loaded again
                    return redirect("desk:shelf", place=region.pk)
    context = {
        "region": region,
        "form": form,
        "report": report,
        "refused": report.refused[:MOST_SHOWN] if report else [],
        "more": len(report.refused) - MOST_SHOWN if report else 0,
        "dry_run": dry_run,
        "imports": GoodsImport.objects.filter(region=region).defer("lines", "report").order_by("-started_at")[:5],
    }
    return render(request, "desk/goods_list.html", context, status=form.status if form.errors else 200)


def _begin(request: HttpRequest, region: Region, form: GoodsListForm, lines: list[goods_lists.Line]) -> GoodsImport:
    upload = form.cleaned_data["file"]
    return form.once(
        actor=request.user,
        scope=f"goods_import:{region.pk}",
        create=lambda: goods_imports.begin_goods_import(
            region=region,
            lines=lines,
            file_name=upload.name,
            reason=form.cleaned_data["reason"],
            actor=person(request),
        ),
    ).result


@addressed
@require_GET
def goods_import(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a long list is, and what it did; the bar asks again by itself."""
    row = GoodsImport.objects.select_related("region", "actor").filter(pk=pk).first()
    if row is None:
        raise Http404
    region = _place_to_load(request, row.region_id)
    report = goods_imports.report_of(row)
    context = {
        "region": region,
        "import": row,
        "report": report,
        "refused": report.refused[:MOST_SHOWN],
        "more": len(report.refused) - MOST_SHOWN,
    }
    if request.headers.get("HX-Request") == "true":
        if row.finished_at is not None:  # what it did stands on the whole page
            answer = HttpResponse()
            answer["HX-Refresh"] = "true"
            return answer
        return render(request, "desk/_goods_progress.html", context)
    return render(request, "desk/goods_import.html", context)
