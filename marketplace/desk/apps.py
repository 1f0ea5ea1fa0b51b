"""The village admin's desk."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class DeskConfig(AppContract):
    name = "marketplace.desk"
    label = "desk"
    verbose_name = _("Village desk")
    urls_at = {"village/": "marketplace.desk.urls"}
    menus = "marketplace.desk.navigation.MENUS"
    desk_tiles = "marketplace.desk.tiles.TILES"
    sweeps = "marketplace.desk.sweeps.SWEEPS"
    start_pages = "marketplace.desk.navigation.START_PAGES"
