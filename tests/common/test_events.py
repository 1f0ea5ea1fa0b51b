"""What happened is written with what it is about, and told to each listener exactly once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.sites.models import Site
from django.db import DatabaseError, connection, transaction

from timebank.common import events, retention, sweeps
from timebank.common.events import DELIVER, Listener, emit
from timebank.common.models import Event, EventDelivery, SweepFailure

NOW = dt.datetime(2026, 11, 28, 4, 0, tzinfo=dt.UTC)


class Ears:
    """Two apps that listen: what each heard, and which of them is ill."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.ill: set[str] = set()

    def listener(self, name: str) -> Listener:
        def call(event: Event) -> None:
            Site.objects.create(domain=f"{name}{event.pk}", name=name)
            if name in self.ill:
                raise ValueError(name)
            self.heard.append((name, event.pk))

        return Listener(name, call)


@pytest.fixture
def ears(monkeypatch):
    ears = Ears()
    named = {"record_credited": (ears.listener("one"), ears.listener("two"))}
    monkeypatch.setattr(events, "_listeners", lambda: named)
    return ears


def _deliver(**at):
    return sweeps.run(DELIVER, now=NOW, **at)


def test_everything_is_kept(db):
    site = Site.objects.create(domain="x.example", name="x")
    event = emit(
        "record_verified", subject=site, recipients=[site, "resident:5"], region="region:3", facts={"points": 100},
        occurred_at=NOW,
    )  # fmt: skip
    event.refresh_from_db()
    assert (event.kind, event.subject, event.region) == ("record_verified", f"site:{site.pk}", "region:3")
    assert (event.recipients, event.facts, event.occurred_at) == (
        [f"site:{site.pk}", "resident:5"],
        {"points": 100},
        NOW,
    )
    assert event.delivered_at == event.created_at  # nobody listens


def test_every_listener_hears_every_event_once(db, ears):
    first, second = emit("record_credited"), emit("record_credited")
    emit("of_no_interest")
    _deliver()
    _deliver()
    assert sorted(ears.heard) == [(name, event.pk) for name in ("one", "two") for event in (first, second)]
    assert Event.objects.filter(delivered_at=None).count() == 0
    assert EventDelivery.objects.count() == 4


def test_an_ill_listener_holds_up_nobody_and_hears_it_later(db, ears):
    ears.ill.add("one")
    first, second = emit("record_credited"), emit("record_credited")
    _deliver()
    assert ears.heard == [("two", first.pk), ("two", second.pk)]
    assert Site.objects.filter(name="one").count() == 0  # what it wrote before it failed is undone
    assert SweepFailure.objects.filter(resolved_at=None).count() == 2
    assert Event.objects.filter(delivered_at=None).count() == 2
    ears.ill.clear()
    sweeps.run(DELIVER, now=NOW + dt.timedelta(minutes=5))
    assert sorted(ears.heard) == [(name, event.pk) for name in ("one", "two") for event in (first, second)]
    assert not Event.objects.filter(delivered_at=None).exists()
    assert not sweeps.open_failures()


def test_a_delivery_that_was_made_in_between_is_not_made_again(db, ears):
    event = emit("record_credited")
    events._deliver(f"{event.pk}:one", NOW)
    events._deliver(f"{event.pk}:one", NOW)
    events._deliver("999999:one", NOW)
    events._deliver(f"{event.pk}:nobody", NOW)
    assert ears.heard == [("one", event.pk)]


def test_what_is_undone_did_not_happen(db, ears):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        emit("record_credited")
        raise ZeroDivisionError
    _deliver()
    assert ears.heard == []
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_delivered_right_after_the_commit(ears):
    with transaction.atomic():
        for _ in range(3):
            emit("record_credited")
        planned = [entry for entry in connection.run_on_commit if entry[1] is events._deliver_now]
        assert len(planned) == 1  # one delivery, however many events
        assert ears.heard == []
    assert len(ears.heard) == 6


@pytest.mark.django_db(transaction=True)
def test_an_event_that_survives_a_savepoint_that_does_not_is_still_delivered_at_once(ears):
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            emit("record_credited")
            raise ZeroDivisionError
        kept = emit("record_credited")
    assert ears.heard == [("one", kept.pk), ("two", kept.pk)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.logs_error("the broker is away on purpose")
def test_without_a_broker_the_sweep_delivers(ears, monkeypatch):
    from timebank.common import tasks

    def away(*args):
        raise OSError("no broker")

    monkeypatch.setattr(tasks.task_sweep, "delay", away)
    emit("record_credited")
    assert ears.heard == []
    _deliver()
    assert len(ears.heard) == 2


def test_events_whose_listener_was_taken_out_end(db, ears, monkeypatch):
    event = emit("record_credited")
    monkeypatch.setattr(events, "_listeners", dict)
    _deliver()
    event.refresh_from_db()
    assert event.delivered_at == NOW


def test_many_events_are_looked_through_in_steps(db, ears):
    for _ in range(205):
        emit("record_credited")
    _deliver()
    assert len(ears.heard) == 410


def test_delivered_events_are_forgotten_after_their_time_and_waiting_ones_never(db, ears):
    emit("of_no_interest")
    waiting = emit("record_credited")
    sweep = next(one for one in retention.SWEEPS if one.name == "forget events")
    sweeps.run(sweep, now=NOW + events.KEPT - dt.timedelta(days=1))
    sweeps.run(sweep, now=waiting.created_at + events.KEPT + dt.timedelta(days=1))
    assert list(Event.objects.all()) == [waiting]


def test_what_happened_is_not_told_otherwise_later(db):
    emit("x", subject="record:1")
    for change in ("kind = 'y'", "subject = 'record:2'", "facts = '{\"a\": 1}'", "recipients = '[1]'"):
        with pytest.raises(DatabaseError, match="stays as it was told"), transaction.atomic():
            connection.cursor().execute(f"UPDATE common_event SET {change}")


def test_real_listeners_are_those_that_apps_declare(db):
    events._listeners.cache_clear()
    assert events.listeners("nobody_hears_this") == ()
    assert all(isinstance(one, Listener) for kind in events._listeners().values() for one in kind)
