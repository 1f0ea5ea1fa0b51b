"""Every refusal of the registry."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class RegistryError(DomainError):
    """Anything the registry refuses."""


class NotAllowed(RegistryError):
    code = "not_allowed"
    message = _("You may not do this here. Ask the village office.")
    status = 403


class NotOpenYet(RegistryError):
    code = "not_open_yet"
    message = _("%(village)s is still being prepared. The village office says when it opens.")

    def __init__(self, village: str) -> None:
        super().__init__(type(self).message % {"village": village}, village=village)


class DutiesClash(RegistryError):
    code = "duties_clash"
    message = _(
        "One person may not hold both ends here: who verifies keeps no stock, who audits or appoints does not do the"
        " work, and the operator of the platform holds no role. Give one of the two to another person."
    )


class InvalidIdNumber(RegistryError):
    code = "invalid_id_number"
    message = _("This ID number is not right. Check the 18 characters on the ID card.")
    status = 400


class InvalidUscc(RegistryError):
    code = "invalid_uscc"
    message = _("This unified social credit code is not right. Check the 18 characters on the licence.")
    status = 400


class InvalidPhone(RegistryError):
    code = "invalid_phone"
    message = _("This mobile number is not right. It has 11 digits and starts with 1.")
    status = 400


class AlreadyRegistered(RegistryError):
    code = "already_registered"
    message = _("This person is registered already. Look for the name in the list of residents.")


class PhoneTaken(RegistryError):
    code = "phone_taken"
    message = _("This mobile number signs in another account. Sign in with it, or ask the village office.")


class ConsentMissing(RegistryError):
    code = "consent_missing"
    message = _("Without informed consent nobody is registered. Read the text and agree, on screen or on paper.")
    status = 400


class NotAVillage(RegistryError):
    code = "not_a_village"
    message = _("Choose a village or a community, not a whole town.")
    status = 400


class NotWaiting(RegistryError):
    code = "not_waiting"
    message = _("This request has been answered already.")


class ResidentClosed(RegistryError):
    code = "resident_closed"
    message = _("This account is closed. Please ask at the village office.")


class ResidentNotActive(RegistryError):
    code = "resident_not_active"
    message = _("The village has not accepted this resident yet.")


class HelperAsked(RegistryError):
    code = "helper_already_asked"
    message = _("This person has been asked already and has not answered yet.")


class RequestAnswered(RegistryError):
    code = "helper_request_answered"
    message = _("This request has been answered already.")


class UnknownCard(RegistryError):
    code = "unknown_card"
    message = _("No card has this number. Check each character: I, O, 0, 1 and 2 are never used.")
    status = 404


class CardBlocked(RegistryError):
    code = "card_blocked"
    message = _("This card is blocked and opens nothing. The village office gives a new one.")


class WrongPin(RegistryError):
    code = "wrong_pin"
    message = _("The PIN is wrong. Try again.")
    status = 403


class PinLocked(RegistryError):
    code = "pin_locked"
    message = _("Too many wrong PINs. Wait a quarter of an hour, or set a new PIN at the village office.")
    status = 403


class NoPin(RegistryError):
    code = "no_pin"
    message = _("This card has no PIN yet. Set one at the village office.")


class WeakPin(RegistryError):
    code = "weak_pin"
    message = _("Choose a PIN of 4 to 6 digits that is not a row like 1234 and not one digit again and again.")
    status = 400


class NoSelfHelp(RegistryError):
    code = "no_self_help"
    message = _("Nobody is their own helper.")


class ConflictOfInterest(RegistryError):
    code = "conflict_of_interest"
    message = _("This concerns you, your household or somebody you help. Another person must do it.")
    status = 403


class GaveSignIn(ConflictOfInterest):
    code = "gave_sign_in"
    message = _("You brought this person in or gave them their password or PIN. Another person must serve them.")


class HelperAppointsSelf(RegistryError):
    code = "helper_appoints_self"
    message = _("Nobody makes themselves a helper. Another member of the village staff must add you.")
    status = 403


class AppointsSelf(RegistryError):
    code = "appoints_self"
    message = _("Nobody appoints themselves. Another person who may appoint must do it.")
    status = 403


class AlreadyHelper(RegistryError):
    code = "already_helper"
    message = _("This person is a helper already.")


class AlreadyGranted(RegistryError):
    code = "already_granted"
    message = _("This person has this role here already.")


class RoleNeedsPlace(RegistryError):
    code = "role_needs_place"
    message = _("A role is given for one region or for one organisation.")
    status = 400


class OrganisationExists(RegistryError):
    code = "organisation_exists"
    message = _("An organisation with this code is registered already.")


class BrokenFile(RegistryError):
    """A file that was refused as a whole; ``params["rows"]`` names every broken row."""

    code = "broken_file"
    message = _("Nothing was loaded: the file has broken rows.")
    status = 400


class HasCard(RegistryError):
    code = "has_card"
    message = _("This resident has a card already. Block or replace it first.")


class ListClosed(RegistryError):
    code = "list_closed"
    message = _("This list has been dealt with. Hand in a new one for what has changed.")


class UnclearDecision(RegistryError):
    code = "unclear_decision"
    message = _("The decisions about one row contradict each other, or don't say which of several people is meant.")
    status = 400


class OwnList(RegistryError):
    code = "own_list"
    message = _("Nobody confirms a list that they handed in themselves.")
    status = 403


class AlreadyAsked(RegistryError):
    code = "already_asked"
    message = _("You have asked already. The village answers that first.")


class HasSignIn(RegistryError):
    code = "has_sign_in"
    message = _("This person signs in already.")


class PointsHeld(RegistryError):
    code = "points_held"
    message = _("Points are held for something that is not finished. Finish or cancel it first.")


class PointsLeft(RegistryError):
    code = "points_left"
    message = _("There are points left. Say who takes them over: family, or the village's pool.")
    status = 400


class NotKin(RegistryError):
    code = "not_kin"
    message = _("Points go to the family or to the village's pool only.")
    status = 400


class CaseOpen(RegistryError):
    code = "case_open"
    message = _("Something is proposed for this person already. A second person decides that first.")


class DifferentPeople(RegistryError):
    code = "different_people"
    message = _("These are two people: two different ID numbers, or nobody to merge with.")


class OtherPersonNeeded(RegistryError):
    code = "other_person_needed"
    message = _("Another person must do this: not who proposed it, and nobody of the family.")
    status = 403


class LooksAlike(RegistryError):
    """Somebody like this is registered; ``params["residents"]`` holds their keys."""

    code = "looks_alike"
    message = _("Somebody like this is registered already. Is it the same person?")


class AlreadyConfirmed(RegistryError):
    code = "already_confirmed"
    message = _("This registration is confirmed already.")


class OtherName(RegistryError):
    code = "other_name"
    message = _("Somebody else signs in with this number. Check the number and the name.")


class NobodySignsIn(RegistryError):
    code = "nobody_signs_in"
    message = _(
        "Nobody of your places signs in with this number. For somebody from elsewhere, write the full name too."
    )


class OfficeEnded(RegistryError):
    code = "office_ended"
    message = _("This office has ended already, or passed to somebody else.")


class SameHolder(RegistryError):
    code = "same_holder"
    message = _("This person holds the office already. Name the one who comes after.")


class PasswordMissing(RegistryError):
    code = "password_missing"
    message = _("Nobody signs in with this number yet: give a first password of at least 8 characters.")
    status = 400


class WrongCode(RegistryError):
    code = "wrong_code"
    message = _("This code is not right. Take the one that the app shows now, or one from the paper, each only once.")
    status = 400


class NoTexts(RegistryError):
    code = "no_texts"
    message = _("No text messages are sent from here. Come to the village office with your card: it is changed there.")


class SamePhone(RegistryError):
    code = "same_phone"
    message = _("This is your number already.")
    status = 400


class TextNotSent(RegistryError):
    code = "text_not_sent"
    message = _("The text message could not be sent. Try again later, or come to the village office.")


class WrongTextCode(RegistryError):
    code = "wrong_text_code"
    message = _("This code is not right, or it is too old. Ask for a new one if it is older than a quarter of an hour.")
    status = 400


class PhoneAtDesk(RegistryError):
    code = "phone_at_desk"
    message = _("This number can only be changed at the village office. Bring your card and this phone.")


class NoTextsForPasswords(RegistryError):
    code = "no_texts_for_passwords"
    message = _("No text messages are sent from here. The village office gives you a new password.")


class PasswordAtOffice(RegistryError):
    code = "password_at_office"
    message = _("This password can't be set by text message. The village office helps.")


class WeakPassword(RegistryError):
    code = "weak_password"
    message = _("Choose a password of at least 8 characters that is not one of the most common.")
    status = 400


class SuccessorProposed(RegistryError):
    code = "successor_proposed"
    message = _("Somebody is proposed for this office already. Take that back first.")
