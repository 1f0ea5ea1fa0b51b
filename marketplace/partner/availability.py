"""Why a reward can't be had, in a code and in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from oscar.apps.partner.availability import StockRequired, Unavailable

REASONS = {
    "not_your_village": _("This reward is for another village."),
    "below_level": _("This reward needs a higher star level."),
    "closed": _("This supplier is not open for redemption now."),
    "unavailable": _("This reward can't be redeemed now."),
}


class Refused(Unavailable):
    def __init__(self, code: str = "unavailable", **params: Any):
        self.code = code
        self.params = params
        self.message = REASONS[code]


class InStock(StockRequired):
    """Goods: as many as lie there and are not promised, said in our words."""

    @property
    def message(self) -> str:
        left = self.num_available
        if left <= 0:
            return gettext("None left now")
        return ngettext("Only %(left)d left", "Only %(left)d left", left) % {"left": left}

    short_message = message

    def is_purchase_permitted(self, quantity: int) -> tuple[bool, str]:
        return (True, "") if quantity <= self.num_available else (False, self.message)
