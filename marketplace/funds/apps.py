"""Funds: the money behind the points, and what suppliers are owed for what they hand over."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class FundsConfig(AppContract):
    name = "marketplace.funds"
    label = "funds"
    default = True  # the contract that it extends is a config too
    verbose_name = _("Funds")
    duties = "marketplace.funds.duties.DUTIES"

    def ready(self) -> None:
        pre_migrate.connect(_stand_aside, sender=self, dispatch_uid="funds guards aside")
        post_migrate.connect(_put_up, sender=self, dispatch_uid="funds guards")
        from timebank.ui import menus

        menus.register(
            "desk",
            "fund",
            _("Fund"),
            "funds:home",
            icon="shield",
            order=48,
            visible=_keeps,
            match=("funds",),
            group=_("Village"),
        )
        menus.register(
            "desk",
            "settlement",
            _("Settlement"),
            "funds:suppliers",
            icon="list",
            order=75,
            visible=_supplies,
            match=("funds:supplier", "funds:statement"),
        )


def _keeps(request: Any) -> bool:
    """Say whether this visitor sees the inside of a fund."""
    from marketplace.funds.rules import INSIDE
    from timebank.registry.rules import grants_of

    user = getattr(request, "user", None)
    return any(grant.region_id is not None for grant in grants_of(user)) and any(_can(user, one) for one in INSIDE)


def _supplies(request: Any) -> bool:
    """Say whether this visitor works for a supplier."""
    from timebank.registry.rules import Action, grants_of

    user = getattr(request, "user", None)
    return any(grant.organisation_id is not None for grant in grants_of(user)) and _can(user, Action.SEE_SETTLEMENT)


def _can(user: Any, action: Any) -> bool:
    from timebank.registry.rules import can

    return can(user, action)


def _stand_aside(using: str, **kwargs: Any) -> None:
    from marketplace.funds import guards

    guards.stand_aside(using)


def _put_up(using: str, **kwargs: Any) -> None:
    from marketplace.funds import guards

    guards.install(using)
