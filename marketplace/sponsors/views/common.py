"""One page for every list and detail: facts, tables, forms. Who may not see a form can't send it either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from timebank.common.errors import DomainError
from timebank.common.idempotency import IdempotentForm
from timebank.common.input import read_page
from timebank.registry.models import User
from timebank.registry.rules import can
from timebank.ui.forms import BaseForm

PAGE = 30


@dataclass
class Act:
    """Something that a person may do on a page: its form, what is done with it, and where that leads."""

    name: str
    title: Any
    submit: Any
    run: Callable[[Any], Any]
    form: Callable[..., BaseForm] | type[BaseForm]
    done: Any = ""
    kind: str = "quiet"
    text: Any = ""
    initial: dict[str, Any] = field(default_factory=dict)
    leads_to: Callable[[Any], str] | None = None
    has_file: bool = False
    bound: BaseForm | None = None


@dataclass
class Table:
    """A list on a page."""

    title: Any
    headers: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    empty: Any = ""
    page: Any = None


def person(request: HttpRequest) -> User:
    """Return who is signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def opened_to(*actions: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Open a page to who may do one of ``actions`` somewhere; strangers get 404 as if it did not exist."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if actions and not any(can(request.user, action) for action in actions):
                raise Http404
            try:
                return view(request, *args, **kwargs)
            except DomainError as error:
                if error.status == 404:
                    raise Http404 from error
                if error.status == 403:
                    raise PermissionDenied(str(error)) from error
                raise

        return login_required(inner)

    return wrap


def page_of(request: HttpRequest, rows: Any, size: int = PAGE) -> Any:
    """Return the asked page of a list; a number out of range gives the nearest."""
    return Paginator(rows, size).get_page(read_page(request.GET.get("page")))


def _send(request: HttpRequest, act: Act) -> HttpResponse | None:
    """Do an act that was sent; nothing when its form has to be shown again."""
    form: Any = act.bound
    if not form.is_valid():
        return None
    try:
        if isinstance(form, IdempotentForm):
            # Where a double tap may create twice, the key of the form decides.
            result = form.once(
                actor=request.user, scope=f"sponsors:{request.path}:{act.name}"[:80], create=lambda: act.run(form)
            ).result
        else:
            result = act.run(form)
    except DomainError as error:
        if error.status == 404:
            raise
        form.refuse(error)
        return None
    if isinstance(result, HttpResponse):
        return result
    if act.done:
        messages.success(request, str(act.done))
    return redirect(act.leads_to(result) if act.leads_to else request.path)


def show(
    request: HttpRequest,
    *,
    title: Any,
    acts: Sequence[Act] = (),
    tables: Sequence[Table] = (),
    facts: Sequence[tuple[Any, Any]] = (),
    lead: Any = "",
    text: str = "",
    badges: Sequence[tuple[Any, str]] = (),
    links: Sequence[tuple[Any, str]] = (),
    back: tuple[Any, str] | None = None,
    notes: Sequence[tuple[str, Any]] = (),
    filters: Sequence[dict[str, Any]] = (),
    template: str = "sponsors/desk_page.html",
    **more: Any,
) -> HttpResponse:
    """Answer a request: do the act that was sent, else show the page with all acts open to this person."""
    wrong, status = None, 200
    sent = next((act for act in acts if act.name == request.POST.get("act", "")), None)
    if request.method == "POST" and sent is None:
        if not acts or "act" in request.POST:
            raise PermissionDenied
        status = 422  # an empty form is a wrong form, not a first look
    if request.method == "POST" and sent is not None:
        files = request.FILES if sent.has_file else None
        sent.bound = sent.form(request.POST, files, prefix=sent.name)
        answer = _send(request, sent)
        if answer is not None:
            return answer
        wrong, status = sent, 422
    for act in acts:
        if act.bound is None:
            act.bound = act.form(initial=act.initial, prefix=act.name)
    context = {
        "title": title,
        "lead": lead,
        "text": text,
        "facts": facts,
        "badges": badges,
        "tables": tables,
        "acts": acts,
        "links": links,
        "back": back,
        "notes": notes,
        "filters": filters,
        "wrong": wrong.bound if wrong is not None else None,
        **more,
    }
    return render(request, template, context, status=status)


def cell(text: Any, href: str = "") -> Any:
    """Return a cell of a table that leads somewhere."""
    return {"text": text, "href": href} if href else text


def num(text: Any) -> dict[str, Any]:
    """Return a cell, or a header, of figures."""
    return {"text": text, "num": True}
