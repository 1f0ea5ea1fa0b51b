"""Refusals about orders."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class OneSupplier(DomainError):
    """An order is what one supplier owes; a basket of several becomes several orders."""

    code = "one_supplier"
    message = _("An order has one supplier.")


class UseRewards(DomainError):
    """Orders change through marketplace.rewards.services, which also moves points, stock and tickets."""

    code = "use_rewards_services"
    status = 403
    message = _("Orders are changed at the counter or by cancelling, not here.")
