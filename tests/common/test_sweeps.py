"""One bad row stops nothing, is kept, is tried again, and keeps nobody else waiting."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.sites.models import Site
from django.utils import timezone

from timebank.common import sweeps
from timebank.common.errors import DomainError
from timebank.common.models import SweepFailure, SweepState
from timebank.common.sweeps import LONGEST_PAUSE, Sweep, run
from timebank.common.tasks import task_sweep

NOW = dt.datetime(2026, 11, 28, 4, 0, tzinfo=dt.UTC)


class Refused(DomainError):
    code = "not_today"
    message = "Not today."


class Rows:
    """Sites named "due" are due; handling makes them "done". ``bad`` fails as told."""

    def __init__(self, many: int) -> None:
        Site.objects.all().delete()
        self.pks = [Site.objects.create(domain=f"{n}.example", name="due").pk for n in range(many)]
        self.bad: dict[int, Exception] = {}
        self.seen: list[int] = []

    def due(self, now):
        return Site.objects.filter(name="due").order_by("pk").values_list("pk", flat=True)

    def handle(self, key, now):
        self.seen.append(key)
        site = Site.objects.select_for_update().get(pk=key)
        if site.name != "due":
            return None
        site.name = "done"
        site.save()
        if key in self.bad:
            raise self.bad[key]
        return key

    def handle_batch(self, keys, now):
        return [self.handle(key, now) for key in keys]

    def sweep(self, **changes):
        return Sweep(**{"name": "rows", "due": self.due, "handle": self.handle, **changes})

    def left(self):
        return list(self.due(NOW))


@pytest.fixture
def rows(db):
    return Rows(5)


@pytest.mark.parametrize("error", [Refused(), ValueError("\0 broken"), KeyError("x"), ZeroDivisionError()])
@pytest.mark.parametrize("batch", [False, True])
def test_one_bad_row_stops_nothing_and_is_kept(rows, error, batch):
    bad = rows.pks[1]
    rows.bad[bad] = error
    report = run(rows.sweep(handle_batch=rows.handle_batch if batch else None), now=NOW)
    assert (report.handled, report.failed) == (4, 1)
    assert rows.left() == [bad]  # and what it had written itself is undone
    failure = SweepFailure.objects.get()
    assert (failure.sweep, failure.subject, failure.attempts) == ("rows", str(bad), 1)
    assert failure.code == getattr(error, "code", type(error).__name__)
    assert failure.sentence == str(error).replace("\0", "")
    assert (failure.first_at, failure.last_at, failure.resolved_at) == (NOW, NOW, None)
    assert list(sweeps.open_failures()) == [failure]
    assert sweeps.check_sweeps() == "1 rows fail"


def test_a_batch_is_one_transaction_and_counts_as_many(rows):
    report = run(rows.sweep(handle_batch=rows.handle_batch, batch=2), now=NOW)
    assert (report.handled, report.failed) == (5, 0)
    assert report.results == [rows.pks[:2], rows.pks[2:4], rows.pks[4:]]
    assert sweeps.check_sweeps() == "well"


def test_it_is_tried_again_after_growing_pauses_until_it_succeeds(rows):
    bad = rows.pks[0]
    rows.bad[bad] = Refused()
    moment, pauses = NOW, []
    for attempt in range(1, 14):
        rows.seen.clear()
        run(rows.sweep(), now=moment)
        assert bad in rows.seen
        failure = SweepFailure.objects.get()
        assert failure.attempts == attempt
        pauses.append(failure.next_at - moment)
        rows.seen.clear()
        run(rows.sweep(), now=failure.next_at - dt.timedelta(seconds=1))
        assert rows.seen == []  # not before its time
        moment = failure.next_at
    assert pauses[0] == dt.timedelta(minutes=1)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    rows.bad.clear()
    run(rows.sweep(), now=moment)
    failure = SweepFailure.objects.get()
    assert (failure.resolved_at, failure.first_at) == (moment, NOW)
    assert rows.left() == []


def test_a_row_that_fails_again_after_it_recovered_starts_with_a_short_pause(rows):
    bad = rows.pks[0]
    rows.bad[bad] = Refused()
    run(rows.sweep(), now=NOW)
    SweepFailure.objects.update(resolved_at=NOW, attempts=9)
    later = NOW + dt.timedelta(days=3)
    run(rows.sweep(), now=later)
    failure = SweepFailure.objects.get()
    assert (failure.attempts, failure.first_at, failure.resolved_at) == (1, later, None)


def test_failing_rows_do_not_starve_the_others(rows):
    rows.bad = dict.fromkeys(rows.pks[:4], Refused())
    for minute in range(3):  # the bound is smaller than the number of rows that fail
        run(rows.sweep(most=2), now=NOW + dt.timedelta(minutes=minute * 20))
    assert Site.objects.get(pk=rows.pks[4]).name == "done"
    assert rows.left() == rows.pks[:4]


def test_a_run_is_bounded_and_the_next_goes_on(rows):
    assert run(rows.sweep(most=2), now=NOW).handled == 2
    assert rows.left() == rows.pks[2:]
    assert run(rows.sweep(), now=NOW).handled == 3
    state = SweepState.objects.get(name="rows")
    assert (state.handled, state.failed, state.finished_at) == (3, 0, NOW)


def test_a_row_that_is_due_no_more_counts_as_put_right(rows):
    rows.bad[rows.pks[0]] = Refused()
    run(rows.sweep(), now=NOW)
    Site.objects.filter(pk=rows.pks[0]).update(name="by hand")
    run(rows.sweep(), now=NOW + dt.timedelta(hours=1))
    assert not sweeps.open_failures()


def test_somebody_may_ask_to_try_at_once(rows):
    rows.bad[rows.pks[0]] = Refused()
    run(rows.sweep(), now=NOW)
    rows.bad.clear()
    sweeps.try_again(SweepFailure.objects.get(), now=NOW)
    run(rows.sweep(), now=NOW)
    assert rows.left() == []


def test_anything_to_iterate_over_may_be_due(rows):
    assert run(rows.sweep(due=lambda now: iter([*rows.pks, rows.pks[0]])), now=NOW).handled == 5


def test_without_a_transaction_a_row_one_bad_row_would_stop_all(rows):
    """The fault itself, so that the tests above can be seen to be about something."""
    rows.bad[rows.pks[0]] = Refused()
    with pytest.raises(Refused):
        for key in rows.left():
            rows.handle(key, NOW)
    assert len(rows.left()) == 4


def test_turns_are_taken_once(rows):
    sweep = rows.sweep(every=300)
    assert sweeps.claim(sweep, NOW)
    assert not sweeps.claim(sweep, NOW + dt.timedelta(seconds=299))
    assert sweeps.claim(sweep, NOW + dt.timedelta(seconds=300))


def test_the_task_starts_what_is_declared_and_its_turn(rows, monkeypatch):
    monkeypatch.setattr(sweeps, "all_sweeps", lambda: {"rows": rows.sweep()})
    assert task_sweep.delay().get() == {"started": 1}
    assert rows.left() == []
    assert task_sweep.delay().get() == {"started": 0}
    assert task_sweep.delay("rows").get() == {"handled": 0, "failed": 0}
    assert SweepState.objects.get().started_at <= timezone.now()


def test_declared_sweeps_have_names_of_their_own(rows, monkeypatch):
    assert "deliver events" in sweeps.all_sweeps()
    twice = [rows.sweep(), rows.sweep()]
    monkeypatch.setattr(sweeps.contract, "items", lambda attribute: twice)
    with pytest.raises(ValueError, match="rows"):
        sweeps.all_sweeps()
