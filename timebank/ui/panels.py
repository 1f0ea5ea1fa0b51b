"""Parts that other apps add to a page: ``{% panel "me" resident.pk %}`` (``panels`` of the contract).

A page names a place and the ids of what it shows; each app that declares the place is asked once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from timebank.common import contract


def fragments(request: HttpRequest, place: str, ids: Iterable[Any]) -> dict[Any, SafeString]:
    """Return what the apps show at a place, by id; asked once a request for the same ids."""
    wanted = tuple(ids)
    kept = request.__dict__.setdefault("_panels", {})
    if (place, wanted) not in kept:
        kept[place, wanted] = _ask(request, place, wanted)
    answer: dict[Any, SafeString] = kept[place, wanted]
    return answer


def _ask(request: HttpRequest, place: str, ids: tuple[Any, ...]) -> dict[Any, SafeString]:
    shown: dict[Any, list[str]] = {}
    for declaration in contract.declared("panels"):
        if declaration.name != place:
            continue
        for key, context in declaration.value(request, ids).items():
            shown.setdefault(key, []).append(render_to_string(context["template"], context, request=request))
    return {key: mark_safe("".join(parts)) for key, parts in shown.items()}  # noqa: S308 (rendered templates)
