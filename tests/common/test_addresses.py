"""Addresses and requests that can't mean anything end in 404 or are read as text, never in a 500."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from timebank.common.converters import IdConverter, MonthConverter, YearConverter
from timebank.common.middleware import PlainTextMiddleware
from timebank.common.wsgi import read_as_utf8, refuse_large


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


class _Unread:
    """A body that nobody may touch."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} of a refused body was asked for")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"CONTENT_LENGTH": str(400 * 1024 * 1024)}, "413"),
        ({"CONTENT_LENGTH": "9" * 5000}, "413"),
        ({"CONTENT_LENGTH": "²"}, "413"),
        ({"CONTENT_LENGTH": "-1"}, "413"),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, "411"),
    ],
)
def test_a_large_body_is_refused_before_a_byte_of_it_is_read(sent, status):
    answered = []
    environ = {**RequestFactory().get("/").environ, "CONTENT_LENGTH": "", **sent, "wsgi.input": _Unread()}
    application = refuse_large(lambda environ, start: pytest.fail("the application was asked"))
    body = application(environ, lambda line, headers: answered.append((line, dict(headers))))
    assert answered[0][0].startswith(status)
    assert answered[0][1]["Connection"] == "close"
    assert int(answered[0][1]["Content-Length"]) == len(body[0])
    # Control: what a form sends goes through, and what has no body.
    for length in ("", "0", str(20 * 1024 * 1024)):
        assert refuse_large(lambda environ, start: "through")({"CONTENT_LENGTH": length}, None) == "through"


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
