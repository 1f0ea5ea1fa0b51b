"""Addresses and requests that can't mean anything end in 404 or are read as text, never in a 500."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from timebank.common.converters import IdConverter, MonthConverter, YearConverter
from timebank.common.middleware import PlainTextMiddleware
from timebank.common.wsgi import read_as_utf8


@pytest.mark.parametrize("text", ["0", str(2**63), "9" * 19])
def test_numbers_that_no_row_can_have_are_no_address(text):
    with pytest.raises(ValueError, match=text):
        IdConverter().to_python(text)


def test_numbers_of_rows_are():
    assert IdConverter().to_python(str(2**63 - 1)) == 2**63 - 1
    assert IdConverter().to_url(5) == "5"
    assert YearConverter().to_python("2026") == 2026
    assert MonthConverter().to_python("09") == 9


def _answer(request):
    return HttpResponse(f"{request.GET.get('q')}|{request.POST.get('q')}|{request.COOKIES}")


def _through(request):
    return PlainTextMiddleware(_answer)(request)


@pytest.mark.parametrize("charset", ["utf-7", "hex", "utf-16", "nothing", "idna", '"idna"', "utf-8"])
def test_a_request_can_not_choose_how_it_is_read(charset):
    asked = RequestFactory().post("/?q=%E5%96%84", b"q=%E9%9B%86", content_type="application/x-www-form-urlencoded")
    environ = {**asked.META, "wsgi.input": BytesIO(b"q=%E9%9B%86")}
    environ["CONTENT_TYPE"] += f"; Charset={charset}"
    seen = []
    read_as_utf8(lambda environ, start: seen.append(WSGIRequest(environ)))(environ, None)
    assert _through(seen[0]).content.decode() == "善|集|{}"


def test_nor_where_a_server_of_its_own_lets_it():
    request = RequestFactory().post(
        "/", b"q=%E9%9B%86", content_type="application/x-www-form-urlencoded; charset=utf-7"
    )
    assert _through(request).content.decode() == "None|集|{}"


def test_nothing_reaches_the_database_with_a_nul():
    request = RequestFactory().get("/?q=a%00b")
    request.COOKIES = {"sessionid": "abc\0defgh", "text_size": "large"}
    assert _through(request).content.decode() == "ab|None|{'text_size': 'large'}"
    with pytest.raises(Http404):
        _through(RequestFactory().get("/x%00/"))
