"""Refusals of redemption, tickets and stock."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class RewardsError(DomainError):
    """Refuse a redemption, a hand-over or a stock movement; nothing was written."""

    code = "rewards_refused"
    message = _("This can't be done now.")


class KeyConflict(RewardsError):
    code = "key_conflict"
    message = _("This form was already sent with other content. Please start again from the basket.")


class BasketEmpty(RewardsError):
    code = "basket_empty"
    message = _("There is nothing in the basket. Choose a reward first.")


class PriceChanged(RewardsError):
    """``params["total"]`` is the new total in 1/100 point."""

    code = "price_changed"
    message = _("A price has changed. Please look at the new total and confirm again.")


class InsufficientPoints(RewardsError):
    """``params["missing"]`` and ``params["spendable"]`` in 1/100 point."""

    code = "insufficient_points"
    message = _("You don't have enough points for this.")


class OutOfStock(RewardsError):
    """``params["product"]`` names what is missing, ``params["left"]`` how many are left."""

    code = "out_of_stock"
    message = _("This reward is sold out.")


class LimitReached(RewardsError):
    code = "limit_reached"
    message = _("You have already had as many of this reward as one person may have.")


class NotYourVillage(RewardsError):
    code = "not_your_village"
    message = _("This reward is only for residents of another village.")


class BelowLevel(RewardsError):
    code = "below_level"
    message = _("This reward opens at a higher star level.")


class NotAvailable(RewardsError):
    code = "not_available"
    message = _("This reward can't be redeemed at the moment.")


class ResidentClosed(RewardsError):
    code = "resident_closed"
    message = _("This account is closed. Please ask at the village office.")


class ConsentMissing(RewardsError):
    code = "consent_missing"
    message = _("The consent to the time bank is missing or was withdrawn. Please ask at the village office.")


class AlreadyHandedOver(RewardsError):
    code = "already_handed_over"
    message = _("This was already handed over, so it can't be cancelled.")


class AlreadyClosed(RewardsError):
    code = "already_closed"
    message = _("This ticket is not open any more.")


class NotHandedOver(RewardsError):
    code = "not_handed_over"
    message = _("This ticket is not handed over (any more), so there is nothing to take back.")


class ReturnAsked(RewardsError):
    code = "return_asked"
    message = _("Somebody has asked for this already: a second person decides.")


class ReturnDecided(RewardsError):
    code = "return_decided"
    message = _("This was decided already.")


class ReasonMissing(RewardsError):
    code = "reason_missing"
    message = _("Please say why.")


class NotYours(RewardsError):
    code = "not_yours"
    message = _("Only the holder, a helper of the holder or the staff of this place may do that.")
    status = 403


class UndoTooLate(RewardsError):
    code = "undo_too_late"
    message = _("This can only be undone within ten minutes, by the person who handed it over.")


class StockTooLow(RewardsError):
    code = "stock_too_low"
    message = _("There is not that much free stock: the rest is promised to ticket holders.")


class InvalidQuantity(RewardsError):
    code = "invalid_quantity"
    message = _("Please enter a whole number above zero.")
    status = 400


class SupplierNameTaken(RewardsError):
    code = "supplier_name_taken"
    message = _("A supplier of this name is here already. Choose another name, or change that one.")


class SupplierNotHere(RewardsError):
    code = "supplier_not_here"
    message = _("This organisation belongs to another place, or is not approved yet.")


class AlreadyListed(RewardsError):
    code = "already_listed"
    message = _("This supplier offers it already.")


class BadBarcode(RewardsError):
    code = "bad_barcode"
    message = _("This barcode is not right: 8 or 13 digits, the last one checks the others.")
    status = 400


class PricedTooLate(RewardsError):
    code = "priced_too_late"
    message = _("A price holds from today or a later day.")
    status = 400


class PriceReasonMissing(RewardsError):
    code = "price_reason_missing"
    message = _("Say why: the price and its reason stay in the history.")
    status = 400
