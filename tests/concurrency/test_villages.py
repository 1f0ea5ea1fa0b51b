"""Two who finish the setup at the same moment: one county, one admin of it."""

from __future__ import annotations

import pytest

from tests.factories.people import make_regions
from tests.support.races import run_concurrently
from tests.villages.test_setup import finish
from timebank.policy.services import load_published
from timebank.registry.models import RoleGrant, User
from timebank.villages import errors, selectors, services
from timebank.villages.models import SetupToken
from timebank.villages.services import founding

pytestmark = [pytest.mark.pg_only("real concurrency"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stage():
    places, token = make_regions(), services.open_setup()
    load_published()
    return token, places


def test_the_setup_is_finished_once(stage):
    outcome = run_concurrently(lambda: finish(*stage), 3)
    outcome.raise_unless(errors.SetupClosed)
    assert len(outcome.results) == 1
    assert RoleGrant.objects.filter(role="city_admin").count() == 1
    assert User.objects.count() == 3


def test_without_the_lock_it_would_be_finished_twice(stage, monkeypatch):
    def unlocked(token):
        row = SetupToken.objects.get(pk=1)
        if not selectors.token_opens(row, token):
            raise errors.SetupClosed
        return row

    monkeypatch.setattr(founding, "_hold_token", unlocked)
    outcome = run_concurrently(lambda: finish(*stage), 3)
    outcome.raise_unless(errors.SetupClosed)
    assert len(outcome.results) > 1
