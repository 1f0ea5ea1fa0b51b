"""What a person reads of an audit entry of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

AUDIT_LABELS = {
    "open_supplier": _("Supplier opened"),
    "update_partner": _("Supplier changed"),
    "list_reward": _("Reward put on the shelf"),
    "decide_price": _("Price decided"),
    "withdraw_return": _("Return of a ticket withdrawn"),
    "set_price": _("Price changed"),
    "set_picture": _("Picture chosen"),
    "count_opening": _("Goods from before counted"),
    "confirm_opening": _("Goods from before confirmed"),
    "decline_opening": _("Goods from before declined"),
    "ask_write_off": _("Write-off asked for"),
    "approve_write_off": _("Write-off approved"),
    "decline_write_off": _("Write-off declined"),
    "withdraw_write_off": _("Write-off withdrawn"),
    "set_threshold": _("Warning of little stock changed"),
    "send_stock": _("Stock sent to another village"),
    "receive_transfer": _("Stock from another village counted"),
    "cancel_transfer": _("Sending of stock taken back"),
}
