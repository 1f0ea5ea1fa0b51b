"""The operators' pages in the side menu."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from timebank.ui.menus import Entry


def is_operator(request: Any) -> bool:
    """Say whether the reader runs the platform."""
    return bool(request.user.is_authenticated and request.user.is_staff)


def _entry(order: int, key: str, label: Any, name: str, icon: str, *match: str) -> Entry:
    return Entry(
        area="desk",
        key=key,
        label=label,
        url_name=f"dashboard:{name}",
        icon=icon,
        order=order,
        visible=is_operator,
        group=_("Operators"),
        match=tuple(f"dashboard:{item}" for item in match),
    )


MENUS = [
    _entry(90, "operators", _("Overview"), "index", "chart"),
    _entry(
        91,
        "op-rewards",
        _("Rewards"),
        "catalogue-product-list",
        "gift",
        "catalogue-product",
        "catalogue-product-create",
        "catalogue-product-list-at",
        "catalogue-stock",
    ),
    _entry(
        92,
        "op-categories",
        _("Categories"),
        "catalogue-category-list",
        "list",
        "catalogue-category-create",
        "catalogue-category-update",
    ),
    _entry(93, "op-suppliers", _("Suppliers"), "partner-list", "shop", "partner-create", "partner-manage"),
    _entry(94, "op-orders", _("Orders"), "order-list", "basket", "order-detail"),
]
