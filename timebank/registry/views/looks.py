"""Who looked at whose particulars: for the person, and for who watches over the offices."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from timebank.common.input import read_page
from timebank.registry import reads, rules
from timebank.registry.models import Region
from timebank.registry.rules import SEE_READS
from timebank.registry.views.me import own_resident
from timebank.registry.words import audit_label

ROWS = 50


def _page(request: HttpRequest, rows: reads.QuerySet[reads.PersonalRead]) -> object:
    page = Paginator(rows, ROWS).get_page(read_page(request.GET.get("page")))
    for row in page.object_list:
        row.what_label = audit_label(row.what)  # type: ignore[attr-defined]
    return page


@never_cache
@login_required
@require_GET
def my_looks(request: HttpRequest) -> HttpResponse:
    """Show a resident who of the staff looked at their particulars."""
    page = _page(request, reads.reads_about(own_resident(request)))
    return render(request, "registry/my_looks.html", {"page": page, "years": reads.READS_KEPT.days // 365})


@never_cache
@login_required
@require_GET
def looks(request: HttpRequest, place: int) -> HttpResponseBase:
    """Show who watches over the offices whose particulars were looked at, and by whom."""
    region = Region.objects.filter(pk=place, is_active=True).first()
    if region is None or not rules.can(request.user, SEE_READS, region):
        raise Http404
    return render(request, "registry/looks.html", {"region": region, "page": _page(request, reads.reads_in(region))})


@login_required
@require_GET
def looks_home(request: HttpRequest) -> HttpResponse:
    """Go to the first place where this person watches."""
    region = rules.regions_where(request.user, SEE_READS).filter(is_active=True).order_by("path").first()
    if region is None:
        raise Http404
    return redirect("registry:looks", place=region.pk)
