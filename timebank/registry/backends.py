"""Sign in with a mobile number, a card number or, for staff, an e-mail address."""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from timebank.common.input import InvalidInput, clean_text, fold
from timebank.common.input import code as read_code
from timebank.common.input import email as read_email
from timebank.common.input import phone as read_phone
from timebank.registry.models import Card, User


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
