"""Which part of the tree the desk shows: a village, or for a town or city admin everything below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.common.limits import EXPORTS, limited
from timebank.registry.models import Region
from timebank.registry.rules import VIEW_VILLAGE, can, grants_of, regions_where

KEY = "where"  # in the address of every page: the chosen region's id
PLACE = "place"  # in a form: the region whose page it was filled in on
CHOICES = 150  # as many places as a list to choose from may hold; above that, towns only


LEVELS = (Region.Level.CITY, Region.Level.COUNTY, Region.Level.TOWN, Region.Level.VILLAGE)


@dataclass(frozen=True)
class Scope:
    """The region a page shows, and what else this person could choose."""

    region: Region
    choices: list[Region] = field(default_factory=list)

    @property
    def is_village(self) -> bool:
        return self.region.level == Region.Level.VILLAGE

    def below(self, prefix: str = "village") -> Q:
        """Filter by the chosen region and all below it."""
        return Q(**{f"{prefix}__path__startswith": self.region.path})


class _NotHere(Exception):
    """The asked place is one that this person sees, but this page is not for them there."""


def scope_of(request: HttpRequest, *actions: str) -> Scope:
    """Return the chosen region, where the person may do one of ``actions``; 404 if there is none."""
    user = request.user
    allowed = regions_where(user, actions[0])
    for action in actions[1:]:
        allowed = allowed | regions_where(user, action)
    shown = allowed.filter(level__in=LEVELS, is_active=True).order_by("path")
    choices = list(shown[: CHOICES + 1])
    if not choices:
        raise Http404
    if len(choices) > CHOICES:
        choices = list(shown.exclude(level=Region.Level.VILLAGE))
    asked = read_text(request.GET.get(KEY), 20)
    chosen = _among(choices, shown, asked) if asked else _first(user, choices or list(shown[:1]))
    if chosen is None:
        if _among([], regions_where(user, VIEW_VILLAGE), asked) is None:
            raise Http404
        raise _NotHere
    if len(choices) > 1 and chosen not in choices:
        choices = sorted([*choices, chosen], key=lambda item: item.path)
    return Scope(chosen, choices if len(choices) > 1 else [])


def with_place(request: HttpRequest, url: str) -> str:
    """Keep the place that the address names in an address that it leads to."""
    asked = read_text(request.GET.get(KEY), 20)
    if not asked:
        return url
    path, mark, fragment = url.partition("#")
    return f"{path}{'&' if '?' in path else '?'}{urlencode({KEY: asked})}{mark}{fragment}"


def to(request: HttpRequest, name: str, **kwargs: Any) -> HttpResponseRedirect:
    """Redirect to a page of the desk, in the same place."""
    return HttpResponseRedirect(with_place(request, reverse(name, kwargs=kwargs)))


def _among(choices: list[Region], shown: QuerySet[Region], key: str) -> Region | None:
    """Find the region with this id among those that may be seen."""
    pk = read_id(key, 0)
    return next((choice for choice in choices if choice.pk == pk), None) or shown.filter(pk=pk).first()


def _first(user: Any, choices: list[Region]) -> Region:
    """Start with what was granted directly, the widest first."""
    granted = {grant.region_id for grant in grants_of(user)}
    return next((choice for choice in choices if choice.pk in granted), choices[0])


def desk(*actions: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Open a page of the desk to who may do one of ``actions`` somewhere; hand it the scope as ``request.scope``.

    Who has no desk at all gets 404, who has one but not this page 403. A refusal that a page does not show itself
    answers with its own status.
    """

    def wrap(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not any(can(request.user, action) for action in (VIEW_VILLAGE, *actions)):
                raise Http404
            if not any(can(request.user, action) for action in actions):
                raise PermissionDenied
            try:
                request.scope = scope = scope_of(request, *actions)  # type: ignore[attr-defined]
            except _NotHere:
                if request.method != "GET":
                    raise PermissionDenied from None
                query = request.GET.copy()
                del query[KEY]
                return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)
            # Two tabs, a shared link, a role that ended meanwhile: what was meant for one place is done nowhere else.
            if not _means(request, scope.region):
                return render(request, "desk/other_place.html", {"scope": scope}, status=409)
            try:
                return view(request, *args, **kwargs)
            except DomainError as error:
                if error.status == 403:
                    raise PermissionDenied(str(error)) from error
                if error.status == 404:
                    raise Http404 from error
                raise

        return login_required(limited(EXPORTS, lambda request: bool(request.GET.get("format")))(inner))

    return wrap


def _means(request: HttpRequest, region: Region) -> bool:
    """Say whether a form was filled in for this place; one that names none was filled in for nowhere."""
    return request.method != "POST" or request.POST.get(PLACE) == str(region.pk)


def chosen(request: HttpRequest, regions: QuerySet[Region]) -> Region:
    """Return the place that the address names, else the first of those that may be seen; 404 without any."""
    rows = regions.filter(is_active=True).order_by("path")
    region = rows.filter(pk=read_id(request.GET.get(KEY), 0)).first() or rows.first()
    if region is None:
        raise Http404
    return region


class OtherPlace(Exception):
    """A form that was filled in for another place than its address names."""


def here(request: HttpRequest, region: Region) -> None:
    """Take the place from the address; a form that says another one is refused (``addressed``)."""
    request.scope = Scope(region)  # type: ignore[attr-defined]
    if not _means(request, region):
        raise OtherPlace


def addressed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Open a page whose address itself names its place, or a thing of it: the view finds it and calls ``here``."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except OtherPlace:
            scope = request.scope  # type: ignore[attr-defined]
            return render(request, "desk/other_place.html", {"scope": scope}, status=409)

    return login_required(inner)
