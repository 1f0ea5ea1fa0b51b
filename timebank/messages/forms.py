"""What a person wants sent, and when not."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from timebank.messages.kinds import KINDS
from timebank.messages.models import SendingChoice
from timebank.ui.forms import BaseForm

HOURS = (7, 12, 18, 20)


def _clock(label: Any, help_text: Any = "") -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget, help_text=help_text)


def _digest_hours() -> list[tuple[int | str, Any]]:
    """Offer the hours, asked for with each form: a lazy text with a figure in it is no longer lazy."""
    return [("", _("each at once")), *((hour, _("together, at %(hour)s:00") % {"hour": hour}) for hour in HOURS)]


class ChannelsForm(BaseForm):
    """Kinds of message by way, quiet hours, digest."""

    email = forms.MultipleChoiceField(choices=[(kind, kind) for kind in KINDS], required=False)
    sms = forms.MultipleChoiceField(choices=[(kind, kind) for kind in KINDS], required=False)
    quiet_from = _clock(_("Quiet from"), _("Nothing is sent in between; it follows when the quiet hours end."))
    quiet_until = _clock(_("Quiet until"))
    digest_hour = forms.TypedChoiceField(
        label=_("E-mails"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=_digest_hours,
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("quiet_from")) != bool(data.get("quiet_until")):
            self.add_error("quiet_until", _("Quiet hours have a beginning and an end."))
        return data


def initial_of(choice: SendingChoice | None) -> dict[str, Any]:
    """Return what stands, or what is proposed to who has chosen nothing: quiet at night."""
    if choice is None:
        return {"quiet_from": "21:00", "quiet_until": "07:00"}
    names = ("quiet_from", "quiet_until", "digest_hour")
    return {"email": choice.email_kinds, "sms": choice.sms_kinds, **{name: getattr(choice, name) for name in names}}
