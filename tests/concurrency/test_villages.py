"""Two who finish the setup at the same moment: one county, one admin of it. One form with a code sent three times."""

from __future__ import annotations

import pytest

from tests.factories.people import make_regions, make_resident
from tests.support.races import run_concurrently
from tests.villages.test_setup import finish
from timebank.common.models import Event
from timebank.policy.services import load_published
from timebank.registry.models import PasswordCode, RoleGrant, User
from timebank.registry.services import forgotten, text_codes
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


@pytest.fixture
def asked(settings):
    settings.SMS_URL = "https://sms.example/send"
    user = make_resident(make_regions().village).user
    row = PasswordCode.objects.create(phone=user.phone, user=user)
    row.code_digest = text_codes.digest("password", f"{row.pk}:{row.phone}", "123456")
    row.save()
    return row


def set_it(row):
    return forgotten.set_password_by_code(row=row, code="123456", password="wheat-and-rain-9").pk


def test_a_password_set_three_times_at_once_is_set_once(asked):
    outcome = run_concurrently(lambda: set_it(asked), 3)
    assert set(outcome.raise_unless().results) == {asked.user_id}
    assert Event.objects.filter(kind="password_set_by_code").count() == 1


def test_without_the_lock_it_would_be_set_more_than_once(asked, monkeypatch):
    monkeypatch.setattr(forgotten, "_hold", lambda pk: PasswordCode.objects.filter(pk=pk).first())
    run_concurrently(lambda: set_it(asked), 3).raise_unless()
    assert Event.objects.filter(kind="password_set_by_code").count() > 1
