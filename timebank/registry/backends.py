"""Sign in with a mobile number, a card number or, for staff, an e-mail address."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from timebank.registry.codes import normalise_card_number
from timebank.registry.errors import InvalidPhone
from timebank.registry.models import Card, User
from timebank.registry.services.residents import normalise_phone


class PhoneCardOrEmailBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        name = (username or "").strip()
        if not name or password is None:
            return None
        user = self._by_name(name)
        if user is None:
            User().set_password(password)  # take as long as a real check, so that time tells nothing
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None

    def _by_name(self, name: str) -> User | None:
        """Find the account that a mobile number (as people write it), an e-mail or a valid card names."""
        try:
            phone = normalise_phone(name)
        except InvalidPhone:
            phone = name
        user = User.objects.filter(Q(phone=phone) | Q(email=name.lower()) | Q(username=name)).first()
        if user is not None:
            return user
        return User.objects.filter(
            resident__cards__number=normalise_card_number(name), resident__cards__status=Card.Status.ACTIVE
        ).first()
