"""What the pages of money share: whose fund, one table and one form after the other, forms that count once."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.funds.models import Attachment, Fund
from marketplace.funds.rules import INSIDE
from marketplace.funds.services.common import keep_file
from timebank.common.errors import DomainError
from timebank.common.input import read_page
from timebank.common.numbers import format_money
from timebank.registry.models import User
from timebank.registry.rules import can
from timebank.ui.forms import BaseForm
from timebank.ui.templatetags.ui import day

PAGE = 50


def period(first: dt.date, last: dt.date) -> str:
    """Write a period: a whole month by its name, anything else from day to day."""
    if first.day == 1 and last == (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1):
        return day(first, "month")
    return f"{day(first, 'date')} – {day(last, 'date')}"


@dataclass(slots=True)
class Button:
    """A button of a row: posts its fields to ``href``, or leads there."""

    label: Any
    href: str
    fields: dict[str, Any] = field(default_factory=dict)
    kind: str = "quiet"
    link: bool = False


@dataclass(slots=True)
class Section:
    """A table with a title. Cells are texts or mappings (``text``, ``href``, ``num``, ``badge``, ``tone``)."""

    title: Any
    headers: Sequence[Any]
    rows: list[tuple[list[Any], list[Button]]] = field(default_factory=list)
    empty: Any = ""
    lead: Any = ""
    page: Any = None


@dataclass(slots=True)
class FormSection:
    """A form with a title; the first wrong one is shown open with its errors."""

    title: Any
    form: BaseForm
    submit: Any
    name: str
    icon: str = "edit"


#: Rows of a table: cells and buttons.
Rows = list[tuple[list[Any], list[Button]]]


def num(text: Any) -> dict[str, Any]:
    """Return a heading over numbers."""
    return {"text": text, "num": True}


def pages(request: HttpRequest, rows: Any) -> Any:
    """Return the asked page of a list."""
    return Paginator(rows, PAGE).get_page(read_page(request.GET.get("page")))


def person(request: HttpRequest) -> User:
    """Return who is signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def yuan(fen: int | None, *, sign: bool = False) -> dict[str, Any]:
    """Return a cell of money."""
    return {"text": "" if fen is None else format_money(fen, sign=sign), "num": True}


def badge(row: Any) -> dict[str, Any]:
    """Return a cell with the state of a row."""
    return {"badge": row.get_state_display(), "tone": row.tone}


def fund_page(*actions: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Open a page of a fund to who may do one of ``actions`` there: strangers 404, others of the fund 403."""

    def wrap(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def inner(request: HttpRequest, fund_pk: int, *args: Any, **kwargs: Any) -> HttpResponseBase:
            fund = get_object_or_404(Fund.objects.select_related("region", "bank_account"), pk=fund_pk)
            if not any(can(request.user, action, region=fund.region) for action in INSIDE):
                raise Http404
            if not any(can(request.user, action, region=fund.region) for action in actions):
                raise PermissionDenied
            try:
                return view(request, fund, *args, **kwargs)
            except DomainError as error:
                return answer_refusal(request, error, reverse("funds:fund", args=[fund.pk]))

        return login_required(inner)

    return wrap


def answer_refusal(request: HttpRequest, error: DomainError, back: str) -> HttpResponseBase:
    """Say a refusal that no form of the page shows: 404 and 403 as they are, else on the page behind."""
    if error.status == 404:
        raise Http404 from error
    if error.status == 403:
        raise PermissionDenied(str(error)) from error
    messages.error(request, str(error))
    return redirect(back)


def sent(request: HttpRequest, name: str, make: Callable[..., BaseForm], **more: Any) -> BaseForm:
    """Return the form ``name`` of a page: filled when it was sent, else fresh."""
    if request.method == "POST" and name in request.POST:
        return make(request.POST, request.FILES, prefix=name, **more)
    return make(prefix=name, **more)


def write(request: HttpRequest, form: BaseForm, call: Callable[[dict[str, Any]], Any], done: Any = "") -> bool:
    """Call a service with a valid form; its refusal is shown in the form."""
    if not form.is_bound or not form.is_valid():
        return False
    try:
        call(form.cleaned_data)
    except DomainError as error:
        if error.status in {403, 404}:
            raise
        form.refuse(error)
        return False
    messages.success(request, done or _("Written down."))
    return True


def kept_file(request: HttpRequest, data: dict[str, Any]) -> Attachment | None:
    """Keep the uploaded file of a form, if there is one."""
    file = data.get("file")
    return keep_file(name=file.name, data=file.read(3 * 1024 * 1024), actor=person(request)) if file else None


def show(
    request: HttpRequest,
    *,
    title: Any,
    fund: Fund | None = None,
    lead: Any = "",
    sections: Sequence[Section] = (),
    forms: Sequence[FormSection] = (),
    back: tuple[str, Any] | None = None,
    facts: Sequence[tuple[Any, Any]] = (),
    template: str = "funds/page.html",
    **context: Any,
) -> HttpResponseBase:
    """Render a page made of tables and forms; 422 when a form is wrong."""
    wrong = next((form.form for form in forms if form.form.errors), None)
    return render(
        request,
        template,
        {
            "fund": fund,
            "title": title,
            "lead": lead,
            "sections": sections,
            "forms": forms,
            "wrong": wrong,
            "back": back,
            "facts": facts,
            **context,
        },
        status=422 if wrong is not None else 200,
    )


def fresh_key() -> str:
    """Return the key of a form that must count once."""
    return str(uuid.uuid4())
