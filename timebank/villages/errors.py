"""Every refusal of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class VillagesError(DomainError):
    """Anything this app refuses."""


class SetupClosed(VillagesError):
    """The token is wrong or was used: to whoever asks, the setup does not exist."""

    code = "setup_closed"
    message = _("This installation is set up already. Sign in.")
    status = 404


class NotInCounty(VillagesError):
    code = "not_in_county"
    message = _("Choose a place inside the one chosen before.")
    status = 400


class PersonHasOffice(VillagesError):
    code = "person_has_office"
    message = _("Each office needs a person of its own. Give another mobile number.")
    status = 400


class NotReady(VillagesError):
    code = "village_not_ready"
    message = _("Something is still missing. The list says what.")


class SignedLater(VillagesError):
    code = "signed_later"
    message = _("The list can't have been signed after today.")
    status = 400


class EnteredMeanwhile(VillagesError):
    code = "entered_meanwhile"
    message = _("Somebody has entered one of these people in the meantime. Look at the list again.")


class OpeningDecided(VillagesError):
    code = "opening_decided"
    message = _("This list has been decided already.")


class OwnOpening(VillagesError):
    code = "own_opening"
    message = _("Another person decides: you entered this list, or it holds you, your household or somebody you help.")
    status = 403


class OpeningOfGone(VillagesError):
    code = "opening_of_gone"
    message = _("%(name)s is no longer registered here. Refuse the list, and let it be entered without them.")

    def __init__(self, name: str) -> None:
        super().__init__(type(self).message % {"name": name}, name=name)
