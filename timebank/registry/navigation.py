"""The registry in the menus, on every page, and where work begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from timebank.registry import rules, selectors
from timebank.registry.models import Resident
from timebank.ui.menus import Entry


def holds_office(request: HttpRequest) -> bool:
    """Say whether the visitor has an office to show."""
    return bool(rules.grants_of(request.user))


def is_active_resident(request: HttpRequest) -> bool:
    """Say whether the visitor is a resident whose account is open: the rows under 我的 are theirs."""
    resident = selectors.resident_of(getattr(request, "user", None))
    return resident is not None and resident.status == Resident.Status.ACTIVE


def who_may(*actions: str) -> Callable[[HttpRequest], bool]:
    """Make an entry visible to who may do one of these things somewhere."""

    def visible(request: HttpRequest) -> bool:
        user = getattr(request, "user", None)
        return user is not None and any(rules.can(user, action) for action in actions)

    return visible


MENUS = [
    Entry(
        area="resident",
        key="me",
        label=_("Me"),
        url_name="registry:me",
        icon="person",
        order=40,
        match=(
            "registry:profile",
            "registry:password",
            "registry:my_pin",
            "registry:block_my_card",
            "registry:leave",
        ),
    ),
    Entry(
        area="desk",
        key="account",
        label=_("My account, signing out"),
        url_name="registry:me",
        icon="person",
        order=200,
        visible=holds_office,  # a desk is for who has work there: whoever sees an entry of it is led to it
        group=_("Account"),
    ),
    Entry(
        area="account",
        key="correction",
        label=_("Something is wrong in my particulars"),
        text=_("The village office mends it"),
        url_name="registry:my_correction",
        icon="edit",
        order=70,
        visible=is_active_resident,
    ),
    Entry(
        area="desk",
        key="cases",
        label=_("Second person"),
        url_name="registry:my_cases",
        icon="check",
        order=37,
        visible=who_may(rules.CONFIRM_RESIDENT),
        match=("registry:cases", "registry:case"),
        group=_("Village"),
    ),
    Entry(
        area="desk",
        key="devices",
        label=_("Devices at the counters"),
        url_name="registry:my_devices",
        icon="lock",
        order=38,
        visible=who_may(rules.APPROVE_DEVICE),
        match=("registry:devices",),
        group=_("Village"),
    ),
    Entry(
        area="desk",
        key="looks",
        label=_("Who looked"),
        url_name="registry:looks_home",
        icon="eye",
        order=39,
        visible=who_may(rules.SEE_READS),
        match=("registry:looks",),
        group=_("Village"),
    ),
    Entry(
        area="account",
        key="security",
        label=_("Sign-in and safety"),
        text=_("Code, password, other devices"),
        url_name="registry:security",
        icon="lock",
        order=75,
        match=("registry:set_up_factor", "registry:staff_pin", "registry:recovery_codes"),
    ),
    Entry(
        area="account",
        key="offices",
        label=_("My offices"),
        text=_("What you hold; propose who comes after"),
        url_name="registry:offices",
        icon="shield",
        order=74,
        match=("registry:office",),
        visible=holds_office,
    ),
    Entry(
        area="account",
        key="looks",
        label=_("Who looked at my particulars"),
        text=_("Every look of the staff, with day and reason"),
        url_name="registry:my_looks",
        icon="eye",
        order=72,
        visible=is_active_resident,
    ),
    Entry(area="public", key="sign_in", label=_("Sign in"), url_name="registry:sign_in", icon="person", order=40),
    Entry(
        area="account",
        key="card",
        label=_("My card"),
        text=_("Show, print, block"),
        url_name="registry:my_card",
        icon="card",
        order=40,
        visible=is_active_resident,
    ),
    Entry(
        area="account",
        key="helpers",
        label=_("My helpers"),
        text=_("Who may act for me"),
        url_name="registry:helpers",
        icon="family",
        order=50,
        visible=is_active_resident,
    ),
    Entry(
        area="account",
        key="acting",
        label=_("Act for someone else"),
        text=_("For a grandmother without a phone, with her card"),
        url_name="registry:acting",
        icon="hand",
        order=60,
    ),
]


def village(request: HttpRequest) -> Any:
    """Name the place of whoever is signed in, for the top of the page."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    resident = selectors.acting_resident(request) or selectors.resident_of(user)
    if resident is not None:
        return resident.village
    for grant in rules.grants_of(user):
        return grant.region or grant.organisation
    return None


def acting_for(request: HttpRequest) -> Resident | None:
    """Name the person this session acts for, when it is somebody else."""
    user = getattr(request, "user", None)
    return selectors.on_behalf_of(request) if user is not None and user.is_authenticated else None


def start_url(request: HttpRequest) -> str:
    """Return the address where the visitor's work begins; the home page for residents and strangers."""
    return url_of(rules.start_page(getattr(request, "user", None)))


def url_of(name: str) -> str:
    """Return the address of a start page; the home page for none, or one whose app is not installed."""
    try:
        return reverse(name) if name else "/"
    except NoReverseMatch:
        return "/"
