"""The people of the registry's tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from tests.support import worlds

if TYPE_CHECKING:
    from timebank.registry.models import Resident, User


places = worlds.fixture("places", "tests.factories.people.make_regions")


@pytest.fixture
def admin(places: SimpleNamespace) -> User:
    from tests.factories.people import make_staff

    return make_staff("village_admin", places.village, name="于管理")


@pytest.fixture
def resident(places: SimpleNamespace) -> Resident:
    from tests.factories.people import make_resident

    return make_resident(places.village)


@pytest.fixture
def elder(places: SimpleNamespace) -> Resident:
    from tests.factories.people import make_resident

    return make_resident(places.village, "王奶奶", signs_in=False)


@pytest.fixture
def signed_in(client: Client, resident: Resident) -> Client:
    client.force_login(resident.user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client
