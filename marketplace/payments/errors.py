"""Refusals of payments."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class PaymentsError(DomainError):
    """Refuse something about money that comes in or goes back; nothing was written."""

    code = "payments_refused"
    message = _("This can't be done with this payment now.")


class PaymentOpen(PaymentsError):
    code = "payment_open"
    message = _("A payment for this is already open. Finish or cancel it first.")


class ProviderOff(PaymentsError):
    code = "provider_off"
    message = _("Paying online is not set up here. Please pay by bank transfer.")
    status = 503


class ProviderDown(PaymentsError):
    code = "provider_down"
    message = _("The payment service does not answer. Nothing was paid; please try again in a few minutes.")
    status = 503


class ProviderRefused(PaymentsError):
    """``params["detail"]`` is the provider's own sentence, for the fund keeper only."""

    code = "provider_refused"
    message = _("The payment service refused this. The fund keeper can see why.")


class AmountMismatch(PaymentsError):
    code = "amount_mismatch"
    message = _("Amount or currency differ from what was agreed.")


class RefundExceeds(PaymentsError):
    """``params["left"]`` is what may still be refunded, in the smallest unit of the payment's currency."""

    code = "payment_exceeded"
    message = _("This is more than is left of the payment.")


class ReferenceTaken(PaymentsError):
    code = "reference_taken"
    message = _("This reference is already used in this fund.")


class DayInFuture(PaymentsError):
    code = "day_in_future"
    message = _("The day can't be in the future.")
    status = 400


class BankFileInvalid(PaymentsError):
    """``params["row"]`` is the number of the line in the file that could not be read."""

    code = "bank_file_invalid"
    message = _("This file can't be read as a bank statement. Nothing was taken in.")
    status = 400


class BankFileTwice(PaymentsError):
    code = "bank_file_twice"
    message = _("This file was already taken in. Nothing was taken in again.")


class LineMismatch(PaymentsError):
    code = "line_mismatch"
    message = _("This bank line and this payment don't fit together.")
