"""What a person reads of an audit entry of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

AUDIT_LABELS = {
    "open_supplier": _("Supplier opened"),
    "update_partner": _("Supplier changed"),
    "list_reward": _("Reward put on the shelf"),
    "decide_price": _("Price decided"),
    "set_price": _("Price changed"),
}
