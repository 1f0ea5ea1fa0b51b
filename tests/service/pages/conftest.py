"""Sign in to look at pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client


@pytest.fixture
def sign_in(client: Client) -> Callable[[Any], Client]:
    """Return a signer-in: ``sign_in(user)``; pages answer in English."""

    def go(user: Any) -> Client:
        client.cookies["django_language"] = "en"
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        return client

    return go
