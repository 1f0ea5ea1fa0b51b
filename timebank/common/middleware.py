"""What no view should ever have to think of: requests that can't be text, and files that come too often."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from timebank.common.limits import UPLOADS, refusal


class PlainTextMiddleware:
    """Read every request as UTF-8, and drop NUL, which no database can keep, from query and cookies.

    A request may name its own charset; utf-7 or a codec that is none for text would end in a 500 where a form is read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.encoding is not None and _name(request.encoding) != "utf-8":
            request.encoding = "utf-8"
        # Quoted cookies may hold any character; the session's key goes to the database as it is.
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if value.isprintable()}
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query:
            request.META["QUERY_STRING"] = query.replace("%00", "")
        if "\0" in request.path_info:
            raise Http404
        return self.get_response(request)


class UploadLimitMiddleware:
    """Take files from one person only so often, whichever page takes them; Django has checked the form's token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponseBase | None:
        """Count a form that brings files; what takes no form (a webhook) reads its body by itself."""
        if request.method != "POST" or getattr(view, "csrf_exempt", False) or not request.FILES:
            return None
        return refusal(request, UPLOADS)


def _name(charset: str) -> str:
    try:
        return codecs.lookup(charset).name
    except LookupError:
        return ""
