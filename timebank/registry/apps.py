"""People and places: regions, residents, households, cards, roles, organisations, consent."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class RegistryConfig(AppContract):
    name = "timebank.registry"
    label = "registry"
    verbose_name = _("People and places")
    append_only = "timebank.registry.guards.APPEND_ONLY"

    def ready(self) -> None:
        from timebank.ui import hooks, menus

        hooks.provide("village", _village)
        hooks.provide("acting_for", _acting_for)
        menus.register(
            "resident",
            "me",
            _("Me"),
            "registry:me",
            icon="person",
            order=40,
            match=(
                "registry:profile",
                "rewards:statement",
                "registry:password",
                "registry:my_card",
                "registry:my_pin",
                "registry:block_my_card",
                "registry:helpers",
                "registry:leave",
                "registry:acting",
            ),
        )
        menus.register("public", "sign_in", _("Sign in"), "registry:sign_in", icon="person", order=40)


def _village(request: HttpRequest) -> Any:
    """Name the place of whoever is signed in, for the top of the page."""
    from timebank.registry import rules, selectors

    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    resident = selectors.acting_resident(request) or selectors.resident_of(user)
    if resident is not None:
        return resident.village
    for grant in rules.grants_of(user):
        return grant.region or grant.organisation
    return None


def _acting_for(request: HttpRequest) -> Any:
    from timebank.registry import selectors

    user = getattr(request, "user", None)
    return selectors.on_behalf_of(request) if user is not None and user.is_authenticated else None
