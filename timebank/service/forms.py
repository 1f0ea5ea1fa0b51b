"""What people type; whether it holds is decided by the services."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.common.choices import OneOfManyField
from timebank.common.fields import BoundedDateField, BoundedIntegerField, CleanCharField, PersonNameField, PhoneField
from timebank.common.idempotency import IdempotentForm
from timebank.registry.fields import RegionField
from timebank.registry.models import Region, Resident
from timebank.service import rules
from timebank.service.models import Activity, Team
from timebank.service.services.planning import MOST_WEEKS
from timebank.ui.forms import BaseForm


class ActivityForm(IdempotentForm):
    """A new occasion of service. The day and two clock times are asked apart: that is how people say it."""

    team = OneOfManyField(Team.objects.none(), names=("name", "region__name"), label=_("Team"))
    village = RegionField(label=_("Village"), required=False)
    title = CleanCharField(label=_("What is to be done"), max_length=80)
    category = forms.ChoiceField(label=_("Kind of service"))
    place = CleanCharField(label=_("Where to meet"), max_length=120)
    day = BoundedDateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    starts = forms.TimeField(label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    ends = forms.TimeField(
        label=_("To"),
        help_text=_("An end before the start means the next morning."),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    capacity = BoundedIntegerField(
        label=_("Places"), min_value=1, max_value=2000, widget=forms.NumberInput(attrs={"inputmode": "numeric"})
    )
    min_age = BoundedIntegerField(label=_("Minimum age"), min_value=1, max_value=120, required=False)
    audience = forms.ChoiceField(
        label=_("For whom"),
        choices=Activity.Audience.choices,
        initial=Activity.Audience.TOWN,
        required=False,
        help_text=_("Who comes from elsewhere earns by the scheme of their own village."),
    )
    weeks = BoundedIntegerField(
        label=_("For how many weeks"),
        min_value=1,
        max_value=MOST_WEEKS,
        initial=1,
        required=False,
        help_text=_("1: once. More: every week at the same time; people can sign up for all of them at once."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    details = CleanCharField(
        label=_("What to bring, what to know"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        lines=True,
    )

    def __init__(self, *args: Any, teams: Any, villages: Any, kinds: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        self.fields["village"].queryset = villages  # type: ignore[attr-defined]
        self.fields["category"].choices = kinds  # type: ignore[attr-defined]
        if len(villages[:2]) < 2:
            del self.fields["village"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["audience"] = data.get("audience") or Activity.Audience.TOWN
        data["weeks"] = data.get("weeks") or 1
        day, starts, ends = data.get("day"), data.get("starts"), data.get("ends")
        if day and starts and ends:
            if starts == ends:
                self.add_error("ends", _("Start and end are the same. Give the time at which it ends."))
                return data
            following = day if ends > starts else day + dt.timedelta(days=1)
            data["starts_at"] = timezone.make_aware(dt.datetime.combine(day, starts))
            data["ends_at"] = timezone.make_aware(dt.datetime.combine(following, ends))
            if data["ends_at"] <= timezone.now():
                text = _("This time is over. Choose a later one, or enter “Hours without an activity”.")
                self.add_error("starts" if day == timezone.localdate() else "day", text)
        return data


class ChangeActivityForm(ActivityForm):
    """What an activity says, changed; on request also in what comes after it in its series."""

    following = forms.BooleanField(label=_("Change all later dates of this series, too"), required=False)

    def __init__(self, *args: Any, activity: Activity, in_series: bool, **kwargs: Any) -> None:
        starts, ends = timezone.localtime(activity.starts_at), timezone.localtime(activity.ends_at)
        said = ("title", "place", "min_age", "audience", "details")
        initial = {name: getattr(activity, name) for name in said}
        initial |= {"category": activity.category_id, "day": starts.date(), "starts": starts.time()}
        initial |= {"ends": ends.time()}
        super().__init__(*args, teams=Team.objects.none(), villages=Region.objects.none(), initial=initial, **kwargs)
        for name in ("team", "weeks", "capacity"):
            del self.fields[name]
        if not in_series:
            del self.fields["following"]


class CancelForm(BaseForm):
    """Why an activity does not take place; on request also what comes after it in its series."""

    reason = CleanCharField(label=_("Why"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}), lines=True)
    following = forms.BooleanField(label=_("Cancel all later dates of this series, too"), required=False)

    def __init__(self, *args: Any, in_series: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not in_series:
            del self.fields["following"]


class WalkInForm(BaseForm):
    """The name of somebody who came without card or phone."""

    name = PersonNameField(label=_("Name"), help_text=_("The whole name, as it is registered."))


class SeveralForm(IdempotentForm, BaseForm):
    """The ticked people of an activity's list, who come or leave together."""

    people = forms.MultipleChoiceField(
        label=_("People"), error_messages={"required": _("Choose at least one person: tick the box.")}
    )

    def __init__(self, *args: Any, residents: Iterable[Resident], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["people"].choices = [(str(item.pk), item.name) for item in residents]  # type: ignore[attr-defined]

    @property
    def ticked(self) -> set[str]:
        """Return whom the form, when it is shown again, has ticked."""
        return set(self.data.getlist("people")) if self.is_bound else set()  # type: ignore[attr-defined]


class TeamForm(IdempotentForm, BaseForm):
    """A team's name, leader, and of which it is a part."""

    name = CleanCharField(label=_("Team name"), max_length=80)
    parent = OneOfManyField(
        Team.objects.none(),
        names=("name",),
        label=_("Part of"),
        required=False,
        empty_label=_("of none: it stands by itself"),
    )
    leader_name = PersonNameField(label=_("Leader's name"))
    leader_phone = PhoneField(
        label=_("Leader's mobile number"), max_length=20, help_text=_("Whoever signs in with it leads the team.")
    )
    leader_password = forms.CharField(
        label=_("First password"),
        required=False,
        max_length=128,
        help_text=_("Only for somebody who does not sign in here yet: at least 8 characters. The person changes it."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    field_order: tuple[str, ...] = ("name", "leader_name", "leader_phone", "leader_password", "parent")

    def __init__(self, *args: Any, parents: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = parents  # type: ignore[attr-defined]


class FoundTeamForm(TeamForm):
    """A new team with its squads, one a line."""

    squads = CleanCharField(
        label=_("Squads"),
        max_length=800,
        required=False,
        lines=True,
        help_text=_("One a line; change, leave out or add what fits here."),
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    field_order = ("name", "squads", "leader_name", "leader_phone", "leader_password", "parent")


class MemberForm(BaseForm):
    number = CleanCharField(
        label=_("Card or volunteer number"), max_length=200, help_text=_("Scan the card, or type the number on it.")
    )


class CardForm(forms.Form):
    """A card number, typed or read by a hand scanner."""

    code = CleanCharField(label=_("Card number"), max_length=200)

    def clean_code(self) -> str:
        """Accept the whole address that is printed as QR on the card, too."""
        text: str = self.cleaned_data["code"].rstrip("/")
        return text.rsplit("/", 1)[-1]


class CapacityForm(forms.Form):
    capacity = BoundedIntegerField(
        label=_("Places"), min_value=1, max_value=2000, widget=forms.NumberInput(attrs={"inputmode": "numeric"})
    )


class EnterForm(IdempotentForm):
    """Hours of somebody whose attendance could not be taken (a paper slip)."""

    code = CleanCharField(
        label=_("Card or volunteer number"), max_length=200, help_text=_("Scan the card, or type the number on it.")
    )
    minutes = BoundedIntegerField(
        label=_("Minutes worked"),
        min_value=1,
        max_value=rules.MAX_DAY_MINUTES,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    quantity = BoundedIntegerField(
        min_value=1, max_value=100_000, initial=1, widget=forms.NumberInput(attrs={"inputmode": "numeric"})
    )
    reason = CleanCharField(
        label=_("Why by hand"), max_length=200, help_text=_("For example: the phone was flat, paper slip number 12.")
    )

    def __init__(self, *args: Any, activity: Activity, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.activity = activity
        self.fields["quantity"].label = _("How many (%(unit)s)") % {"unit": activity.category.get_unit_display()}
        if activity.category.unit == "minutes":
            del self.fields["quantity"]

    def clean_code(self) -> str:
        text: str = self.cleaned_data["code"].rstrip("/")
        return text.rsplit("/", 1)[-1]


class HoursForm(IdempotentForm):
    """Hours without an activity: help among neighbours, a training, a duty."""

    code = CleanCharField(
        label=_("Card or volunteer number"), max_length=200, help_text=_("Scan the card, or type the number on it.")
    )
    category = forms.ChoiceField(label=_("Kind of service"))
    title = CleanCharField(
        label=_("What was done"), max_length=80, help_text=_("For example: shopped for a neighbour who can't walk.")
    )
    served_on = BoundedDateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    minutes = BoundedIntegerField(
        label=_("Minutes worked"),
        min_value=1,
        max_value=rules.MAX_DAY_MINUTES,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    reason = CleanCharField(
        label=_("How do you know"), max_length=200, help_text=_("For example: paper slip number 12, signed by both.")
    )
    given_twice = forms.BooleanField(label=_("These are other hours: given twice that day"), required=False)

    def __init__(self, *args: Any, kinds: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:  # asked only where it is doubted
            del self.fields["given_twice"]
        self.fields["category"].choices = kinds  # type: ignore[attr-defined]

    def clean_code(self) -> str:
        text: str = self.cleaned_data["code"].rstrip("/")
        return text.rsplit("/", 1)[-1]


class MendForm(BaseForm):
    """What is put right in a record that came back, and why it is right now."""

    minutes = BoundedIntegerField(
        label=_("Minutes worked"),
        min_value=1,
        max_value=rules.MAX_DAY_MINUTES,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    reason = CleanCharField(
        label=_("What was put right"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        lines=True,
        help_text=_("Answer what was asked when the record came back."),
    )


class ReverseForm(BaseForm):
    """Why credited hours are taken back."""

    reason = CleanCharField(
        label=_("Why are these hours taken back"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        lines=True,
        help_text=_("The person reads this."),
    )


class StateForm(IdempotentForm):
    """How long somebody stayed who forgot to check out."""

    reason = CleanCharField(
        label=_("How do you know"), max_length=200, help_text=_("For example: we put the tools away together at 11:40.")
    )

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["minutes"] = BoundedIntegerField(
            label=_("Minutes worked"),
            min_value=1,
            max_value=most,
            widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        )
        self.order_fields(["minutes", "reason"])


class ObjectionForm(IdempotentForm):
    text = CleanCharField(
        label=_("What is wrong with this record"),
        max_length=500,
        help_text=_("For example: the person was not there that day. The village answers within seven working days."),
        widget=forms.Textarea(attrs={"rows": 4}),
        lines=True,
    )
