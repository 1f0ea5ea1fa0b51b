"""The practice double, one for the whole run, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import worlds

if TYPE_CHECKING:
    from marketplace.payments.practice.server import Server
    from tests.factories.payments import World


@pytest.fixture(scope="session")
def _double() -> Iterator[Server]:
    from marketplace.payments.practice.server import Server

    server = Server(pauses=(0.05, 0.1, 0.2)).start()
    yield server
    server.stop()


@pytest.fixture
def double(_double: Server, settings: Any) -> Iterator[Server]:
    """Return the double as the settings name it."""
    from marketplace.payments.providers.stripe import client as sdk_client

    settings.STRIPE_SECRET_KEY = ""
    settings.STRIPE_WEBHOOK_SECRETS = []
    settings.PRACTICE_PAYMENTS = _double.origin
    _double.world.order["webhook_endpoint"] = []
    _double.world.reset()
    sdk_client.cache_clear()
    yield _double
    _double.world.order["webhook_endpoint"] = []


made = worlds.fixture("made", "tests.factories.payments.build")


@pytest.fixture
def world(double: Server, made: World) -> World:
    """Return the two villages, their payments going to the double."""
    made.double = double
    return made
