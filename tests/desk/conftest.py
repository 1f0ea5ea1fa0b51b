"""A village with hours, people, a shelf and tickets, and the clients of those who work there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.support import worlds
from tests.support.clients import PageClient

village = worlds.fixture("village", "tests.factories.desk.make_village")


@pytest.fixture
def enter(settings: Any) -> Callable[[Any], Client]:
    """Return a function that signs somebody in, in English."""
    settings.LANGUAGE_CODE = "en"

    def sign_in(user: Any) -> Client:
        client = PageClient()
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        return client

    return sign_in
