"""Sign in with a mobile number, a card number or, for staff, an e-mail address."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from timebank.common import limits
from timebank.common.input import InvalidInput, clean_text, fold
from timebank.common.input import code as read_code
from timebank.common.input import email as read_email
from timebank.common.input import phone as read_phone
from timebank.common.limits import Limit
from timebank.registry.models import Card, RoleGrant, User


def account_of(name: str) -> User | None:
    """Find the account that a mobile number (as people write it), an e-mail or an active card names."""
    if not (name := clean_text(name, most=254)):
        return None
    named = Q(username=name) | Q(email=read_email(name))
    try:
        named |= Q(phone=read_phone(name) or None)
    except InvalidInput:
        pass  # then it is no phone
    user = User.objects.filter(named).first()
    if user is not None:
        return user
    return User.objects.filter(
        resident__cards__number=read_code(name), resident__cards__status=Card.Status.ACTIVE
    ).first()


def counted_as(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """Return under which name wrong passwords are counted: the account's, whatever it was called by.

    A name of no account is counted under a digest, of one length for all: names may be longer than the column.
    """
    typed = (credentials or {}).get("username")
    if typed is None and request is not None:
        typed = request.POST.get("username")  # reads itself: as the form gives it to the backend
    name = str(typed or "")[:300]
    known: dict[str, str] = request.__dict__.setdefault("_counted_as", {}) if request is not None else {}
    if name not in known:
        user = account_of(name)
        known[name] = f"user:{user.pk}" if user is not None else hashlib.sha256(fold(name).encode()).hexdigest()[:40]
    return known[name]


BY_ACCOUNT = Limit("wrong sign-ins to an account", 30, 900)  # from wherever; one address waits after eight (axes)
BY_ADDRESS = Limit("wrong sign-ins from an address", 60, 900)
OVER_ALL = Limit("wrong sign-ins over all", 1000, 900)
BY_ADDRESS_THEN = Limit("wrong sign-ins while many are wrong", 5, 900)


def require_sign_in(request: HttpRequest) -> None:
    """Raise ``TooOften`` where an account or an address had its tries; under attack an address has fewer.

    Over all nothing is closed: then one stranger could keep everybody out.
    """
    address = limits.address_of(request)
    limits.require(BY_ACCOUNT, [counted_as(request)])
    limits.require(BY_ADDRESS, [address])
    try:
        limits.require(OVER_ALL, ["all"])
    except limits.TooOften:
        limits.require(BY_ADDRESS_THEN, [address])


def count_sign_in(request: HttpRequest) -> None:
    """Count a wrong sign-in under all keys."""
    address = limits.address_of(request)
    limits.count(BY_ACCOUNT, [counted_as(request)])
    limits.count(BY_ADDRESS, [address])
    limits.count(BY_ADDRESS_THEN, [address])
    limits.count(OVER_ALL, ["all"])


@lru_cache(maxsize=1)
def _accounts() -> QuerySet[User]:
    """Select accounts with their residents; every page of every visitor asks this, so it is put together once."""
    live = RoleGrant.objects.filter(user=OuterRef("pk"), ended_at__isnull=True)
    return User.objects.select_related("resident__village", "resident__household").annotate(has_roles=Exists(live))


class PhoneCardOrEmailBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username or password is None:
            return None
        user = account_of(username)
        if user is None:
            User().set_password(password)  # take as long as a real check, so that time tells nothing
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None

    def get_user(self, user_id: Any) -> User | None:
        """Return the account of a session with what every page asks of it: the resident, and whether there are roles.

        One statement instead of three; who has roles reads them when a page asks (``rules.grants_of``).
        """
        user = _accounts().filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        user._resident = getattr(user, "resident", None)
        if not user.has_roles:
            user._live_grants = []
        return user
