"""Messages: what happened is told to whom it concerns, once each, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract
from timebank.messages.kinds import NAMES


class MessagesConfig(AppContract):
    name = "timebank.messages"
    label = "inbox"  # Django's own messages have the other name
    default = True  # the contract that it extends is a config too
    verbose_name = _("Messages")
    urls_at = {"": "timebank.messages.urls"}
    menus = "timebank.messages.navigation.MENUS"
    page_counts = {"messages": "timebank.messages.selectors.to_count"}
    panels = {"home": "timebank.messages.panels.on_home", "passbook": "timebank.messages.panels.in_passbook"}
    export_section = "timebank.messages.exports.section"
    listens_to = dict.fromkeys(NAMES, "timebank.messages.services.deliver")
    texts_by = "timebank.messages.channels.text_sender"
    sweeps = "timebank.messages.sending.SWEEPS"
    setting_checks = ("timebank.messages.checks.check_settings",)
