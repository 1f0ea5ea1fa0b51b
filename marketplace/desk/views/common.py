"""What the pages of the desk share: lists by pages and as files, forms that count once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from timebank.common.input import read_choice, read_page
from timebank.common.sheets.writing import CSV, XLSX, table_response
from timebank.registry.models import User

PAGE = 50


def person(request: HttpRequest) -> User:
    """Return who is signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def posted(request: HttpRequest) -> Any:
    """Return what was sent, even if it is nothing at all: an empty form is a wrong form, not a first look."""
    return request.POST if request.method == "POST" else None


def page_of(request: HttpRequest, rows: Any, size: int = PAGE, count: int | None = None) -> Any:
    """Return the asked page of a list, of ``count`` rows if that is known; a number out of range gives the nearest."""
    pages = Paginator(rows, size)
    if count is not None:
        pages.count = count  # a cached property: what is set is not worked out
    return pages.get_page(read_page(request.GET.get("page")))


def as_file(
    request: HttpRequest, name: str, headers: Iterable[Any], rows: Iterable[Any], line: Callable[[Any], Iterable[Any]]
) -> HttpResponseBase | None:
    """Answer with the whole list when ``?format=csv`` or ``?format=xlsx`` asks for it, else with nothing."""
    form = read_choice(request.GET.get("format"), {CSV, XLSX})
    if not form:
        return None
    if hasattr(rows, "iterator"):  # what a prefetch brings comes with each part
        rows = rows.iterator(chunk_size=500)
    return table_response(form, f"{name}-{timezone.localdate():%Y%m%d}", headers, (line(row) for row in rows))
