"""Two at the same moment: a key creates once, a sweep handles a row once, a listener hears an event once."""

from __future__ import annotations

import time

import pytest
from django.contrib.sites.models import Site

from tests.support.races import run_concurrently
from timebank.common import events, sweeps
from timebank.common.events import DELIVER, Listener, emit
from timebank.common.idempotency import new_key, once
from timebank.common.models import EventDelivery

pytestmark = [pytest.mark.pg_only("real concurrency"), pytest.mark.django_db(transaction=True)]


def _create():
    time.sleep(0.05)  # as long as a real service takes
    return Site.objects.create(domain=f"{new_key()}.example", name="race")


def _made():
    return Site.objects.filter(name="race").count()


def test_four_that_send_one_form_create_once_and_all_get_the_answer():
    key = new_key()
    outcome = run_concurrently(
        lambda: once(key=key, actor="1", scope="s", content={"a": 1}, create=_create), 4
    ).raise_unless()
    assert _made() == 1
    assert len({one.result.pk for one in outcome.results}) == 1
    assert sorted(one.replayed for one in outcome.results) == [False, True, True, True]


def test_without_the_key_they_create_four_times():
    run_concurrently(_create, 4).raise_unless()
    assert _made() == 4


def test_when_the_first_is_refused_the_next_in_line_creates():
    key = new_key()
    calls = []

    def create():
        calls.append(1)
        if len(calls) == 1:
            time.sleep(0.2)
            raise ZeroDivisionError
        return _create()

    outcome = run_concurrently(lambda: once(key=key, actor="1", scope="s", content="x", create=create), 3)
    outcome.raise_unless(ZeroDivisionError)
    assert len(outcome.of(ZeroDivisionError)) == 1
    assert _made() == 1


def test_a_listener_hears_an_event_once_however_many_deliver(monkeypatch):
    listener = Listener("ears", lambda event: _create())
    monkeypatch.setattr(events, "_soon", lambda: None)
    monkeypatch.setattr(events, "_listeners", lambda: {"k": (listener,)})
    emit("k")
    run_concurrently(lambda: sweeps.run(DELIVER), 4).raise_unless()
    assert _made() == 1
    assert EventDelivery.objects.count() == 1
    assert not sweeps.open_failures()


def test_a_turn_is_taken_by_one():
    sweep = sweeps.Sweep("turn", due=lambda now: [], handle=lambda key, now: None)
    assert sorted(run_concurrently(lambda: sweeps.claim(sweep), 4).raise_unless().results) == [
        False,
        False,
        False,
        True,
    ]
