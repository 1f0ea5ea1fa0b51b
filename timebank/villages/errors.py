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


class SamePerson(VillagesError):
    code = "same_person"
    message = _("Each office needs a person of its own. Give another mobile number.")
    status = 400


class BadTelephone(VillagesError):
    code = "bad_telephone"
    message = _("A telephone number has digits and dashes, for example 0631-8450000.")
    status = 400


class NotReady(VillagesError):
    code = "village_not_ready"
    message = _("Something is still missing. The list says what.")


class NotAVillage(VillagesError):
    code = "not_a_village"
    message = _("Only a village is opened.")
    status = 400
