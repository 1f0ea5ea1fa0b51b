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
    urls_at = {"": "marketplace.funds.urls"}
    menus = "marketplace.funds.navigation.MENUS"
    start_pages = "marketplace.funds.navigation.START_PAGES"
    duties = "marketplace.funds.duties.DUTIES"
    beat = {
        "cover of the funds": ("marketplace.funds.tasks.task_cover", 5 * 60),
        "prices of the day": ("marketplace.funds.tasks.task_reprice", 60 * 60),
        "statements of suppliers": ("marketplace.funds.tasks.task_statements", 24 * 60 * 60),
    }

    def ready(self) -> None:
        pre_migrate.connect(_stand_aside, sender=self, dispatch_uid="funds guards aside")
        post_migrate.connect(_put_up, sender=self, dispatch_uid="funds guards")


def _stand_aside(using: str, **kwargs: Any) -> None:
    from marketplace.funds import guards

    guards.stand_aside(using)


def _put_up(using: str, **kwargs: Any) -> None:
    from marketplace.funds import guards

    guards.install(using)
