"""How long a session of the staff holds, and what it still owes: a code, a set-up, a word who sits there.

One mapping in the session says all of it, so that a page costs no statement: when the sign-in was, when somebody last
did something, whether the person is staff, what of the second factor is missing, and when a password or code was last
given. It is written at most once a minute. What a role wants is looked up again as often, so that a new office counts
within minutes.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from timebank.registry import rules
from timebank.registry.services.second_factor import has_factor

KEY = "account"
LOOK_SECONDS = 60
RESIDENT_LOOK_SECONDS = 300
TRIES = 5  # wrong PINs or passwords in one session, then it ends

CODE, SET_UP = "code", "set_up"


@dataclass
class State:
    """What is known of a session; times are seconds since 1970."""

    began: float
    seen: float
    looked: float
    confirmed: float
    staff: bool = False
    owes: str = ""
    coded: bool = False
    wrong: int = 0

    @property
    def is_over(self) -> bool:
        """Say whether a staff session lasted a day's work."""
        return self.staff and time.time() - self.began > settings.STAFF_SESSION_SECONDS

    @property
    def is_idle(self) -> bool:
        """Say whether nobody did anything for a while."""
        return self.staff and time.time() - self.seen > settings.STAFF_IDLE_SECONDS

    @property
    def is_stale(self) -> bool:
        """Say whether a password or code is too long ago for what mints, pays or appoints."""
        return time.time() - self.confirmed > settings.CONFIRM_SECONDS


def begin(request: HttpRequest, user: Any) -> State:
    """Start counting at a sign-in."""
    now = time.time()
    state = State(began=now, seen=now, looked=now, confirmed=now)
    _look(state, user, fresh=True)
    keep(request, state)
    return state


def _look(state: State, user: Any, *, fresh: bool = False) -> None:
    state.staff = rules.is_staff(user)
    if state.coded:
        state.owes = ""
    elif fresh or state.owes == SET_UP:
        state.owes = CODE if has_factor(user) else ""
    if settings.SECOND_FACTOR and not state.coded and not state.owes and state.staff and rules.needs_factor(user):
        state.owes = CODE if has_factor(user) else SET_UP


def keep(request: HttpRequest, state: State) -> None:
    """Write the state into the session."""
    request.session[KEY] = asdict(state)


def read(request: HttpRequest) -> State:
    """Return the session's state as it stands; a session from before starts counting now."""
    kept = request.session.get(KEY)
    if not isinstance(kept, dict):
        return begin(request, request.user)
    return State(**kept)


def seen(request: HttpRequest, state: State) -> State:
    """Note that somebody is at work: pages and forms, not what a page fetches by itself."""
    now = time.time()
    every = LOOK_SECONDS if state.staff else RESIDENT_LOOK_SECONDS
    by_itself = request.method == "GET" and request.headers.get("HX-Request") == "true"
    if now - state.looked >= every and not by_itself:
        state.looked = state.seen = now
        _look(state, request.user)
        keep(request, state)
    return state


def paid(request: HttpRequest) -> None:
    """Note that the second factor was given."""
    state = read(request)
    state.coded, state.owes, state.confirmed = True, "", time.time()
    keep(request, state)


def confirmed(request: HttpRequest, state: State, *, by_pin: bool) -> None:
    """Note that who sits there said who they are; a PIN only ends a pause."""
    state.seen = state.looked = time.time()
    state.wrong = 0
    if not by_pin:
        state.confirmed = state.seen
    keep(request, state)
