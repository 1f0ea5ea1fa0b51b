"""Why a reward can't be had, in a code and in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from oscar.apps.partner.availability import Unavailable

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
