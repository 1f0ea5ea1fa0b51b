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


def _stand_aside(using: str, **kwargs: Any) -> None:
    from marketplace.funds import guards

    guards.stand_aside(using)


def _put_up(using: str, **kwargs: Any) -> None:
    from marketplace.funds import guards

    guards.install(using)
