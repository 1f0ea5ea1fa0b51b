"""Refusals of the policy app."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class SchemeInvalid(DomainError):
    code = "scheme_invalid"
    message = _("This scheme cannot price a record. Mend the rule named below, then save it again.")

    def __init__(self, *, rule: str, reason: str, **params: Any):
        super().__init__(rule=rule, reason=reason, **params)

    def __str__(self) -> str:
        return f"{self.message} ({self.params['rule']}: {self.params['reason']})"


class NoSchemeInForce(DomainError):
    code = "no_scheme"
    message = _("No approved scheme is in force on that day. Ask the town to approve one.")


class SchemeFrozen(DomainError):
    code = "scheme_frozen"
    message = _("An approved scheme is never changed. Draft a new version instead.")


class ChoicesOpen(DomainError):
    code = "choices_open"
    message = _("The published text leaves something open. Choose before you approve.")


class SecondPersonApproves(DomainError):
    code = "second_person_approves"
    message = _("Who drafted a scheme does not approve it. Ask a second person.")
    status = 403


class NameNeeded(DomainError):
    code = "name_needed"
    message = _("Write in whose name it is approved: a person with an office, or the document.")


class NotYourScheme(DomainError):
    code = "not_your_scheme"
    message = _("Your role does not cover this scheme.")
    status = 403


class NoSuchRule(DomainError):
    code = "no_such_rule"
    message = _("This rule is not in the draft.")
    status = 404


class TableEmpty(DomainError):
    code = "table_empty"
    message = _("No row of this table could be taken.")
