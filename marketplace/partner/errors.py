"""Refusals about stock and prices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class OutOfStock(DomainError):
    """Fewer are left than were asked for. ``params``: stockrecord_id, quantity."""

    code = "out_of_stock"
    message = _("There are not enough left. Please choose fewer, or something else.")


class StockConflict(DomainError):
    """A stock change that does not fit what is reserved. ``params``: stockrecord_id, quantity."""

    code = "stock_conflict"
    message = _("This does not fit what is reserved. Please look at the stock again.")


class BadPrice(DomainError):
    """A price that is not a whole number of price steps."""

    code = "bad_price"
    field = "price"
    message = _("A price is a number of half points, like 10 or 7.5, and at least 0.")
