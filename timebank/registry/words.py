"""What a person reads of an audit entry."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from timebank.common import contract

AUDIT_LABELS = {
    "register_resident": _("Registered at the desk"),
    "apply_to_join": _("Asked to join"),
    "accept_resident": _("Accepted"),
    "refuse_resident": _("Refused"),
    "correct_resident": _("Particulars corrected"),
    "close_resident": _("Account closed"),
    "withdraw_consent": _("Consent taken back"),
    "issue_card": _("Card issued"),
    "block_card": _("Card blocked"),
    "set_pin": _("PIN set"),
    "pin_refused": _("Wrong PIN"),
    "change_password": _("Password changed"),
    "change_phone": _("Mobile number changed"),
    "ask_helper": _("Helper asked"),
    "decline_helper": _("Helper declined"),
    "confirm_helper_paper": _("Signed paper for a helper seen"),
    "add_proxy": _("Helper added"),
    "end_proxy": _("Helper ended"),
    "act_for": _("Somebody began to act for this person"),
    "export": _("Own data downloaded"),
    "confirm_resident": _("Confirmed by a second person"),
    "move_resident": _("Moved to another village"),
    "apply_again": _("Asked to join again"),
    "give_sign_in": _("Sign-in given"),
    "reset_password": _("New password given at the desk"),
    "set_password_by_code": _("New password set with a code by text message"),
    "accept_as": _("Application joined to the registration on paper"),
    "set_household": _("Household changed"),
    "set_head": _("Head of the family named"),
    "ask_correction": _("Correction asked for"),
    "answer_correction": _("Correction answered"),
    "propose_merge": _("Double registration reported"),
    "decide_merge": _("Two registrations made one"),
    "refuse_merge": _("Double registration refused"),
    "propose_death": _("Death reported"),
    "decide_death": _("Death confirmed"),
    "refuse_death": _("Report of death refused"),
    "print_passbook": _("Passbook printed"),
    "free_phone": _("Mobile number freed for somebody else"),
    "set_up_factor": _("Sign-in code turned on"),
    "end_factor": _("Sign-in code turned off by the office"),
    "new_recovery_codes": _("New codes on paper"),
    "sign_out_everywhere": _("Signed out everywhere"),
    "set_staff_pin": _("PIN for the counter set"),
    "ask_device": _("Approval of a device asked for"),
    "approve_device": _("Device approved"),
    "end_device": _("Device ended"),
    "read_resident": _("Page with particulars opened"),
    "read_list": _("List with telephone numbers opened"),
    "read_name": _("Name shown to who named the number"),
    "read_alike": _("Compared with somebody alike"),
    "export_residents": _("List with telephone numbers downloaded"),
    "print_cards": _("Cards printed"),
    "create_user": _("Sign-in created"),
    "grant_role": _("Role given"),
    "end_role": _("Role ended"),
    "propose_successor": _("Successor proposed"),
    "answer_successor": _("Proposed successor answered"),
    "hand_over_office": _("Office handed over"),
    "register_organisation": _("Organisation registered"),
    "close_organisation": _("Organisation closed"),
}


def audit_label(action: str) -> str:
    """Return what an audited action is called, by the app that does it; the key where none says."""
    labels: dict[str, Any] = {}
    for declaration in contract.declared("audit_labels"):
        labels |= declaration.value
    return str(labels.get(action, action))
