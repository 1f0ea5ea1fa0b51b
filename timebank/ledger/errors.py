"""Refusals of the ledger."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common import errors as common
from timebank.common.errors import DomainError


class LedgerError(DomainError):
    """Refuse to post; nothing was written."""

    code = "ledger_refused"
    message = _("The ledger cannot do this.")


class InsufficientFunds(LedgerError):
    code = "insufficient_points"
    message = _("There are not enough points in this account.")


class KeyConflict(LedgerError, common.KeyConflict):
    code = common.KeyConflict.code
    message = _("This was already sent with other content. Please start again.")


class AlreadyReversed(LedgerError):
    code = "already_reversed"
    message = _("This entry was already reversed.")


class UnknownAccount(LedgerError):
    code = "unknown_account"
    message = _("There is no such account.")


class UnknownTransfer(LedgerError):
    code = "unknown_transfer"
    message = _("There is no such entry.")
    status = 404


class UnitMismatch(LedgerError):
    code = "unit_mismatch"
    message = _("The accounts do not keep the same unit.")


class InvalidAmount(LedgerError):
    code = "invalid_amount"
    message = _("The amount must be a whole number above zero.")


class InvalidTransfer(LedgerError):
    code = "invalid_transfer"
    message = _("This entry is not well formed.")


class RefundExceeds(LedgerError):
    code = "refund_exceeds"
    message = _("More would be given back than was taken.")


class AccountClosed(LedgerError):
    code = "account_closed"
    message = _("This account is closed.")


class HoldResolved(LedgerError):
    code = "hold_resolved"
    message = _("This reservation of points was already used or released.")


class HoldExpired(LedgerError):
    code = "hold_expired"
    message = _("This reservation of points has run out.")


class NotSealable(LedgerError):
    """Stop the sealer: sealing what is wrong would only make it look right."""

    code = "not_sealable"
    message = _("The ledger is not fit to be sealed.")
