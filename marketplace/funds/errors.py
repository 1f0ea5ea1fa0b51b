"""Refusals of the funds: each names what to do next."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class FundsError(DomainError):
    """Refuse; nothing was written."""


class FundNotCovered(FundsError):
    code = "fund_not_covered"
    message = _("The village's fund does not cover this at the moment. We can keep it for you at this price.")


class FundShort(FundsError):
    code = "fund_short"
    message = _("There is not enough money in the fund.")


class AlreadySpent(FundsError):
    code = "already_spent"
    message = _("This money was already spent on its purpose.")


class BankShort(FundsError):
    code = "bank_short"
    message = _("There is not enough money in this bank account.")


class PurposeMismatch(FundsError):
    code = "purpose_mismatch"
    message = _("This money was given for something else.")


class PurposeClosed(FundsError):
    code = "purpose_closed"
    message = _("This purpose is closed.")


class OwnSupplier(FundsError):
    code = "own_supplier"
    message = _("You work for this supplier. Another person must see to its prices and payments.")
    status = 403


class PayeeUnconfirmed(FundsError):
    code = "payee_unconfirmed"
    message = _("The payee has no bank account that was confirmed by a second person three working days ago.")


class PriceOverlap(FundsError):
    code = "price_overlap"
    message = _("Another agreed price begins in this time. Choose other days.")


class StatementDisputed(FundsError):
    code = "statement_disputed"
    message = _("There are objections that nobody has answered yet.")


class ObjectionsOpen(FundsError):
    code = "objections_open"
    message = _("The supplier may still object. Wait until the day shown, or until the supplier accepts.")


class AlreadySettled(FundsError):
    code = "already_settled"
    message = _("This was already settled.")


class PeriodLocked(FundsError):
    code = "period_locked"
    message = _("This month is closed. Later facts are written down today.")


class PeriodNotReady(FundsError):
    code = "period_not_ready"
    message = _("This period can't be closed yet.")


class RelatedParty(FundsError):
    code = "related_party"
    message = _("The donor is paid out of its own gift: the town must approve this.")


class EvidenceMissing(FundsError):
    code = "evidence_missing"
    message = _("Please give the number of the invoice or receipt, or the reason why there is none.")


class TooLate(FundsError):
    code = "too_late"
    message = _("This holds from today or a later day.")
    status = 422


class FloorAboveWarning(FundsError):
    code = "floor_above_warning"
    message = _("The floor lies below the warning.")
    status = 422


class BadAmount(FundsError):
    code = "bad_amount"
    message = _("Please enter an amount above zero, with at most two decimals.")
    status = 422


class BadAccountNumber(FundsError):
    code = "bad_account_number"
    message = _("This is no account number: one digit may be wrong.")
    status = 422


class FundExists(FundsError):
    code = "fund_exists"
    message = _("This region already has a fund.")


class NotBasic(FundsError):
    code = "not_basic"
    message = _("A basic line has no price, no least star and no limit. Take them away first.")


class BadFile(FundsError):
    code = "bad_file"
    message = _("Please choose a PDF or a photograph (JPEG, PNG) of at most 2 MB.")
    status = 422
