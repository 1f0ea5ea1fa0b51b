"""Sign in with a mobile number, a card number or, for staff, an e-mail address."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from timebank.registry.models import Card, User


class PhoneCardOrEmailBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        name = (username or "").strip()
        if not name or password is None:
            return None
        user = (
            User.objects.filter(Q(phone=name) | Q(email=name.lower()) | Q(username=name)).first()
            or User.objects.filter(
                resident__cards__number=name.upper(), resident__cards__status=Card.Status.ACTIVE
            ).first()
        )
        if user is None:
            User().set_password(password)  # take as long as a real check, so that time tells nothing
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
