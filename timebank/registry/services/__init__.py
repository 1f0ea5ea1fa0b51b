"""The only code that writes people and places."""

from __future__ import annotations

from timebank.registry.services.audit import record_audit
from timebank.registry.services.cards import block_card, check_pin, issue_card, replace_card, set_pin
from timebank.registry.services.organisations import close_organisation, register_organisation
from timebank.registry.services.profile import change_password, reset_password
from timebank.registry.services.proxies import (
    add_proxy,
    answer_helper_request,
    ask_helper,
    confirm_helper_paper,
    end_proxy,
)
from timebank.registry.services.regions import import_regions
from timebank.registry.services.residents import (
    accept_resident,
    apply_to_join,
    close_resident,
    correct_resident,
    open_village_accounts,
    refuse_resident,
    register_resident,
    rotate_id_numbers,
    withdraw_consent,
)
from timebank.registry.services.roles import create_user, end_role, grant_role

__all__ = [
    "accept_resident",
    "add_proxy",
    "answer_helper_request",
    "apply_to_join",
    "ask_helper",
    "block_card",
    "change_password",
    "check_pin",
    "close_organisation",
    "close_resident",
    "confirm_helper_paper",
    "correct_resident",
    "create_user",
    "end_proxy",
    "end_role",
    "grant_role",
    "import_regions",
    "issue_card",
    "open_village_accounts",
    "record_audit",
    "refuse_resident",
    "register_organisation",
    "register_resident",
    "replace_card",
    "reset_password",
    "rotate_id_numbers",
    "set_pin",
    "withdraw_consent",
]
