"""Refusals of redemption, tickets and stock."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError
from timebank.ledger.errors import InsufficientFunds


class RewardsError(DomainError):
    """Refuse a redemption, a hand-over or a stock movement; nothing was written."""

    code = "rewards_refused"
    message = _("This can't be done now.")


class BasketEmpty(RewardsError):
    code = "basket_empty"
    message = _("There is nothing in the basket. Choose a reward first.")


class PriceChanged(RewardsError):
    """``params["total"]`` is the new total in 1/100 point."""

    code = "price_changed"
    message = _("A price has changed. Please look at the new total and confirm again.")


class InsufficientPoints(RewardsError, InsufficientFunds):
    """``params["missing"]`` and ``params["spendable"]`` in 1/100 point."""

    code = InsufficientFunds.code
    message = _("You don't have enough points for this.")


class NotYourVillage(RewardsError):
    code = "not_your_village"
    message = _("This reward is only for residents of another village.")


class BelowLevel(RewardsError):
    code = "below_level"
    message = _("This reward opens at a higher star level.")


class NotAvailable(RewardsError):
    code = "not_available"
    message = _("This reward can't be redeemed at the moment.")


class VillageNotOpen(RewardsError):
    code = "village_not_open"
    message = _("%(village)s is still being prepared. Your points stay; redeem them once the village has opened.")

    def __init__(self, village: str) -> None:
        super().__init__(type(self).message % {"village": village}, village=village)


class ConsentWithdrawn(RewardsError):
    code = "consent_withdrawn"
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


class NotHolder(RewardsError):
    code = "not_holder"
    message = _("Only the holder, a helper of the holder or the staff of this place may do that.")
    status = 403


class UndoTooLate(RewardsError):
    code = "undo_too_late"
    message = _("This can only be undone within ten minutes, by the person who handed it over.")


class StockTooLow(RewardsError):
    code = "stock_too_low"
    message = _("There is not that much free stock: the rest is promised to ticket holders.")


class WriteOffAsked(RewardsError):
    code = "write_off_asked"
    message = _("Fewer of this was asked already, and a second person decides. Count again after that.")


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


class PricedMeanwhile(RewardsError):
    """The message names the reward ("%(item)s")."""

    code = "priced_meanwhile"
    message = _("%(item)s was priced by somebody meanwhile: change that price on its own page.")


class PriceOfARight(RewardsError):
    code = "price_of_a_right"
    message = _("This is everybody's right: it has no price.")
    status = 400


class CountedAlready(RewardsError):
    """``params["item"]`` names what was counted, or has moved since."""

    code = "counted_already"
    message = _("Something of this was counted or received already: %(item)s. Count the rest anew.")


class NothingCounted(RewardsError):
    code = "nothing_counted"
    message = _("Nothing was counted: write a number, or 0 where none is there.")
    status = 400


class CountedLater(RewardsError):
    code = "counted_later"
    message = _("A count is not of a day to come.")
    status = 400


class CountDecided(RewardsError):
    code = "count_decided"
    message = _("This count was decided already.")


class SupplierOwns(RewardsError):
    code = "supplier_owns"
    message = _("These goods belong to the supplier, who is paid for each: they are not the village's to send.")


class WrongTarget(RewardsError):
    code = "wrong_target"
    message = _("Choose a supplier of another village of the same town.")


class TransferClosed(RewardsError):
    code = "transfer_closed"
    message = _("This sending has arrived already, or was taken back.")


class BothEnds(RewardsError):
    code = "both_ends"
    message = _("Who sent it does not count what arrived: somebody else does.")


class DifferenceUnexplained(RewardsError):
    code = "difference_unexplained"
    message = _("Another number arrived than was sent: say why.")
    status = 400


class NoSuchDrawing(RewardsError):
    code = "no_such_drawing"
    message = _("Choose one of the drawings.")
    status = 400


class NotYourRequest(RewardsError):
    code = "not_your_request"
    message = _("Only who asked for it can withdraw it.")
    status = 403
