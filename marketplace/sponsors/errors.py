"""Refusals of the sponsors' app: each names what to do next."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class SponsorsError(DomainError):
    """Refuse; nothing was written."""


class NotActive(SponsorsError):
    code = "sponsor_not_active"
    message = _("The town has not approved this sponsor, or has suspended it. Nothing can be promised now.")


class NeedClaimed(SponsorsError):
    code = "need_claimed"
    message = _("Another sponsor has claimed this already.")


class NeedNotClaimed(SponsorsError):
    code = "need_not_claimed"
    message = _("Claim this need first; once the village has granted it, it can be paid for.")


class WrongShelf(SponsorsError):
    code = "wrong_shelf"
    message = _("Choose a reward of this fund's villages; goods need one with stock, services one without.")


class InvitationOver(SponsorsError):
    code = "invitation_over"
    message = _("This invitation is used up or too old. Ask for a new one.")


class WrongPhone(SponsorsError):
    code = "wrong_phone"
    message = _("The invitation is for another mobile number.")


class AlreadySponsor(SponsorsError):
    code = "already_sponsor"
    message = _("This organisation has applied already.")


class TooMuch(SponsorsError):
    code = "too_much"
    message = _("This is more than was promised or received.")


class DayPassed(SponsorsError):
    code = "day_passed"
    message = _("Choose a day that has not passed.")
    status = 422
