"""Whose sign-in a mobile number is: found by number and name, or made."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from timebank.common.input import person_name
from timebank.common.input import phone as read_phone
from timebank.registry.errors import OtherName, PasswordMissing
from timebank.registry.models import User
from timebank.registry.services.roles import create_user


@transaction.atomic
def sign_in_for(*, name: str, phone: str, password: str = "", actor: User, now: dt.datetime | None = None) -> User:
    """Return who signs in with this number, made with ``password`` where nobody does.

    The name has to be that of the number's owner: a slip of a digit gives nobody an office.
    """
    user = User.objects.filter(phone=read_phone(phone), is_active=True).first()
    if user is not None:
        if person_name(user.name) != person_name(name):
            raise OtherName(field="name")
        return user
    try:
        validate_password(password)
    except ValidationError:
        raise PasswordMissing(field="password") from None
    return create_user(name=name, phone=phone, password=password, actor=actor, now=now)
