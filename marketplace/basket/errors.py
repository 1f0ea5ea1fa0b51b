"""Refusals about a basket."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class BasketClosed(DomainError):
    """A basket that has become an order, or is becoming one, does not change any more."""

    code = "basket_closed"
    message = _("This basket has already been redeemed. Please start a new one.")


class NoResident(DomainError):
    """Only a resident has points; whoever signed in may have none of their own."""

    code = "no_resident"
    status = 403
    message = _("Only residents redeem. Choose for whom you act, or sign in as a resident.")


class NotAvailable(DomainError):
    """The reward can't be had; ``code`` says why (not_your_village, below_level, out_of_stock, …)."""

    code = "unavailable"
    message = _("This reward can't be redeemed now.")


class LimitReached(DomainError):
    """More than the limit of a resident. ``params``: limit."""

    code = "limit_reached"
    message = _("That is more than one resident may have.")
