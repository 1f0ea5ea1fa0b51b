"""What the service app refuses, and what to do next."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common import errors as common
from timebank.common.errors import DomainError


class ServiceError(DomainError):
    """Any refusal of this app."""

    code = "service_refused"


class HistoryIsKept(ServiceError):
    code = "history_is_kept"
    message = _("The history of a record cannot be changed.")


# -- Teams and activities ----------------------------------------------------------------------------------------------
class NotTheLeader(ServiceError):
    code = "not_the_leader"
    message = _("Only the leader of this team, or who leads activities in this village, can do that.")
    status = 403


class TeamNameTaken(ServiceError):
    code = "team_name_taken"
    message = _("There is a team of this name here already. Choose another name.")


class NotAParent(ServiceError):
    code = "not_a_parent"
    message = _("A team is part of an active team of its own place or of one above it, and never of itself.")


class NotAMember(ServiceError):
    code = "not_a_member"
    message = _("This person does not live where the team works.")


class HasActivities(ServiceError):
    code = "team_has_activities"
    message = _("This team still has open activities. Close or cancel them first.")


class UnknownCategory(ServiceError):
    code = "unknown_category"
    message = _("This kind of service is not in the list, or is no longer in use. Choose another one.")


class BadQuantity(ServiceError):
    code = "bad_quantity"
    message = _("The quantity must be a whole number of at least one; hours are counted in minutes only.")


class OutOfRange(ServiceError):
    code = "out_of_range"
    message = _("The points must lie within the range that the scheme publishes.")


class NothingToChoose(ServiceError):
    code = "nothing_to_choose"
    message = _("The scheme leaves nothing to choose for this record.")


class YearNotOver(ServiceError):
    code = "year_not_over"
    message = _("This year is not over yet.")


class AdoptedTooLate(ServiceError):
    code = "adopted_too_late"
    message = _("A scheme holds from today or a later day: days gone by keep the scheme of their time.")


class AdoptedAlready(ServiceError):
    code = "adopted_already"
    message = _("Another scheme begins here on that day. Choose another day.")


class TeamClosed(ServiceError):
    code = "team_closed"
    message = _("This team is closed. Choose another team.")


class BadTime(ServiceError):
    code = "bad_time"
    message = _("The end must come after the start, and an activity lasts at most 24 hours.")


class BadCapacity(ServiceError):
    code = "bad_capacity"
    message = _("There must be at least one place, and not fewer than people already signed up.")


class ActivityNotOpen(ServiceError):
    code = "activity_not_open"
    message = _("This activity is closed or cancelled.")


class ActivityOver(ServiceError):
    code = "activity_over"
    message = _("This activity is over. The leader can still enter your hours.")


class TooEarly(ServiceError):
    code = "too_early"
    message = _("This activity has not begun. Check in opens one hour before the start.")


class KindIsFixed(ServiceError):
    code = "kind_is_fixed"
    message = _("People have signed up for this kind of service. Cancel the activity and open another one.")


class BadWeeks(ServiceError):
    code = "bad_weeks"
    message = _("An activity comes back at most 26 weeks in a row. Open the next series later.")


TOO_FAR = _("An activity lies at most two years from today. Check the year.")
BEGUN = _("People have already checked in. Its time, its kind and for whom it is stay as they are.")
CLOSE_LATER = _("This activity has not begun, so it cannot be closed. You can cancel it.")
HAS_BEGUN = _("People have already checked in, so close the activity instead of cancelling it.")


# -- Sign-up -----------------------------------------------------------------------------------------------------------
class AlreadySignedUp(ServiceError):
    code = "already_signed_up"
    message = _("You are already signed up for this activity.")


class NotSignedUp(ServiceError):
    code = "not_signed_up"
    message = _("You are not signed up for this activity.")


class AlreadyCheckedIn(ServiceError):
    code = "already_checked_in"
    message = _("You have already checked in here, so you cannot withdraw. Check out when you leave.")


class ActivityFull(ServiceError):
    code = "activity_full"
    message = _("All places are taken. The leader can add places.")


class OverlappingSignUp(ServiceError):
    code = "overlapping_sign_up"
    message = _("At that time you are signed up for another activity: %(title)s. Withdraw from that one first.")

    def __init__(self, title: str) -> None:
        super().__init__(type(self).message % {"title": title}, title=title)


class TooYoung(ServiceError):
    code = "too_young"
    message = _("This activity has a minimum age. Ask the leader.")


class NotForYou(ServiceError):
    code = "not_for_you"
    message = _("This activity is for people of another place.")
    status = 404


class NotYours(ServiceError):
    code = "not_yours"
    message = _("You cannot act for this person. Choose first for whom you act.")
    status = 403


# -- Attendance --------------------------------------------------------------------------------------------------------
class TokenExpired(ServiceError):
    code = "token_expired"
    message = _("This code is too old. Scan the code on the leader's screen again.")


class TokenInvalid(ServiceError):
    code = "token_invalid"
    message = _("This is not a code of ours. Scan the code on the leader's screen.")
    status = 404


class NotCheckedIn(ServiceError):
    code = "not_checked_in"
    message = _("There is no check-in yet. Check in first.")


class CheckedInElsewhere(ServiceError):
    code = "checked_in_elsewhere"
    message = _("You are still checked in at another activity: %(title)s. Check out there first.")

    def __init__(self, title: str) -> None:
        super().__init__(type(self).message % {"title": title}, title=title)


DAY_IS_FULL = _("With this record the person would have worked more than 16 hours on that day.")


# -- Records -----------------------------------------------------------------------------------------------------------
class OverlappingRecord(ServiceError):
    code = "overlapping_record"
    message = _("This person already has a record for that time.")


class RecordExists(ServiceError):
    code = "record_exists"
    message = _("This person already has a record for this activity.")


class SameHours(ServiceError):
    code = "same_hours"
    message = _(
        "This person has hours of this kind and length on that day already. If these are others, say that they were"
        " given twice."
    )


class BadMinutes(ServiceError):
    code = "bad_minutes"
    message = _("Give the minutes really worked: at least 1, and no more than the activity lasted or 16 hours a day.")


class BadDay(ServiceError):
    code = "bad_day"
    message = _("The day of service cannot be in the future.")


class WrongState(ServiceError, common.WrongState):
    code = common.WrongState.code
    message = _("This record has moved on in the meantime. Look at it again.")


ONLY_FEWER = _("The verifier can only lower the minutes. Return the record if there were more.")


# -- Verification, notice, objection -----------------------------------------------------------------------------------
class SecondPersonNeeded(ServiceError):
    code = "second_person_needed"
    message = _("Somebody else must verify this record.")
    status = 403


class OwnRecord(SecondPersonNeeded):
    code = "own_record"
    message = _("Nobody verifies their own hours. Another verifier must do it.")


class OwnHousehold(SecondPersonNeeded):
    code = "own_household"
    message = _("Nobody verifies the hours of their own household. Another verifier must do it.")


class OwnEntry(SecondPersonNeeded):
    code = "own_entry"
    message = _("You entered this record or took its attendance. A second person must verify it.")


class OwnClient(SecondPersonNeeded):
    code = "own_client"
    message = _("You are this person's helper. Another verifier must do it.")


class VerifiedByYou(SecondPersonNeeded):
    code = "verified_by_you"
    message = _("You verified this record. Another person must take it back.")


class OwnVerification(SecondPersonNeeded):
    code = "own_verification"
    message = _("You verified this record. Another person must answer the objection.")


class NotOverYet(ServiceError):
    code = "not_over_yet"
    message = _("This ends in the future. Enter it when it is over.")


class NothingToState(ServiceError):
    code = "nothing_to_state"
    message = _("This person checked out, or the hours have been stated already.")


class TooManyObjections(ServiceError):
    code = "too_many_objections"
    message = _("You have objected often this month. Speak with the village office or the town.")
    status = 429


class NothingToPublish(ServiceError):
    code = "nothing_to_publish"
    message = _("No verified record waits for notice.")


class PreviewChanged(ServiceError):
    code = "preview_changed"
    message = _("Something has changed since you looked. Look at the figures again.")
    status = 409


class TooLateToUndo(ServiceError):
    code = "too_late_to_undo"
    message = _("The time in which this can be taken back is over. Single records can still be sent back or reversed.")
    status = 409


class SomethingFollowed(ServiceError):
    code = "something_followed"
    message = _("Something has followed already: an objection, an answer, a publication or a credit.")
    status = 409


class NotVerifiedByYou(ServiceError):
    code = "not_verified_by_you"
    message = _("Who verified a record takes that back; others send the record back with a reason.")
    status = 403


class NotOnNotice(ServiceError):
    code = "not_on_notice"
    message = _("This record is no longer on public notice. Ask the village office.")


class OtherVillage(ServiceError):
    code = "other_village"
    message = _("Only residents of this village can object.")
    status = 403


class AlreadyObjected(ServiceError):
    code = "already_objected"
    message = _("You have already objected to this record. The answer is still due.")


class ObjectionAnswered(ServiceError):
    code = "objection_answered"
    message = _("This objection has been answered.")


class OwnObjection(SecondPersonNeeded):
    code = "own_objection"
    message = _("The objection concerns you or was raised by you. Somebody else must answer it.")


# -- Credit ------------------------------------------------------------------------------------------------------------
class NoScheme(ServiceError):
    code = "no_scheme_adopted"
    message = _("This village has adopted no scheme for that day, so its hours cannot be priced.")
