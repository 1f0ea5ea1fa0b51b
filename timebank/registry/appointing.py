"""Naming a person by number: who was found is shown with a masked name, and asked about once.

Whoever belongs to none of the asker's places is found only with their full name: a number alone then gets the same
sentence as one that nobody has, so that nobody learns from it who signs in here.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from timebank.common import limits
from timebank.common.errors import DomainError
from timebank.common.fields import CleanCharField, PersonNameField
from timebank.common.idempotency import IdempotentForm
from timebank.common.input import InvalidInput, person_name
from timebank.common.input import phone as read_phone
from timebank.registry.errors import NobodySignsIn
from timebank.registry.models import Region, Resident, RoleGrant, User
from timebank.registry.selectors import card_holder, resident_of
from timebank.ui.forms import BaseForm

LOOKED_UP = limits.Limit("names looked up", 60, 3600)


def masked_name(name: str) -> str:
    """Return a name by which whoever knows the person knows that it is they: 王小明 → 王*明, 王明 → 王*."""
    return name[0] + "*" * (len(name) - 2) + name[-1] if len(name) > 2 else name[:1] + "*"


def place_of(user: User) -> Region | None:
    """Return where a person lives; for staff from elsewhere, where their first office is."""
    resident = resident_of(user)
    if resident is not None:
        return resident.village
    grant = RoleGrant.objects.filter(user=user, ended_at=None).select_related("region", "organisation__region").first()
    if grant is None:
        return None
    return grant.region if grant.region is not None else grant.organisation.region  # type: ignore[union-attr]


def find_person(*, number: str, name: str, within: QuerySet[Region]) -> User:
    """Return who signs in with a mobile number, or holds a card; raises ``NobodySignsIn`` for everybody else.

    ``within``: the asker's places. Who neither lives nor has an office there is found only by number and name.
    """
    user = _by_number(number)
    known = user is not None and bool(name) and person_name(user.name) == person_name(name)
    if user is None or not (known or _is_within(user, within)):
        raise NobodySignsIn(field="phone")
    return user


def _by_number(number: str) -> User | None:
    try:
        return User.objects.filter(phone=read_phone(number) or None, is_active=True).first()
    except InvalidInput:
        pass  # then it is a card's
    try:
        user = card_holder(number).user
    except DomainError:
        return None
    return user if user is not None and user.is_active else None


def _is_within(user: User, within: QuerySet[Region]) -> bool:
    if Resident.objects.filter(user=user, village__in=within).exists():
        return True
    where = Q(region__in=within) | Q(organisation__region__in=within)
    return RoleGrant.objects.filter(where, user=user, ended_at=None).exists()


class PersonForm(IdempotentForm, BaseForm):
    """A form that names a person. ``look_up`` after ``is_valid``; done is only what was asked about (``is_agreed``)."""

    phone = CleanCharField(
        label=_("Mobile number or card number"),
        max_length=20,
        help_text=_("The person must have an account here."),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    full_name = PersonNameField(
        label=_("Full name"),
        required=False,
        help_text=_("Only for somebody who lives elsewhere."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    person = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)  # about whom was asked

    named: User | None = None
    is_agreed = False

    def look_up(self, *, actor: User, within: QuerySet[Region]) -> User:
        """Return who is named; raises ``NobodySignsIn``, and ``TooOften`` for who tries number after number."""
        keys = [f"user:{actor.pk}"]
        limits.require(LOOKED_UP, keys)
        data = self.cleaned_data
        try:
            user = find_person(number=data["phone"], name=data["full_name"], within=within)
        except NobodySignsIn:
            limits.count(LOOKED_UP, keys)
            raise
        self.is_agreed = data["person"] == str(user.pk)
        if not self.is_agreed:
            limits.count(LOOKED_UP, keys)
            self.named = user
            self.data = self.data.copy()
            self.data[self.add_prefix("person")] = str(user.pk)  # type: ignore[index]
        return user

    @property
    def question(self) -> dict[str, Any] | None:
        """Return who is asked about, as the page may show them; None once somebody has said yes."""
        if self.named is None or self.errors:
            return None
        return {"name": masked_name(self.named.name), "place": place_of(self.named) or ""}

    def shown(self) -> list[Resident]:
        """List whose name the page shows, for the record of who looked at whom."""
        resident = resident_of(self.named) if self.question else None
        return [resident] if resident is not None else []
