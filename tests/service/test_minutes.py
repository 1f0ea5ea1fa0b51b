"""Laws of minutes and overlap, on made-up lives."""

from __future__ import annotations

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.service import World, at
from timebank.service import errors, rules, services
from timebank.service.models import Record

ZONES = [dt.UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), ZoneInfo("Europe/London")]
# Around New York's and London's autumn changes of clocks, so that an hour stands twice on the wall.
MOMENTS = st.integers(0, 4 * 24 * 3600).map(
    lambda s: dt.datetime(2026, 10, 31, tzinfo=dt.UTC) + dt.timedelta(seconds=s)
)


@given(
    came=MOMENTS,
    stay=st.integers(0, 40 * 3600),
    starts=MOMENTS,
    lasts=st.integers(60, 24 * 3600),
    zone=st.sampled_from(ZONES),
)
def test_minutes_are_whole_bounded_and_the_same_in_every_zone(
    came: dt.datetime, stay: int, starts: dt.datetime, lasts: int, zone: dt.tzinfo
) -> None:
    left, ends = came + dt.timedelta(seconds=stay), starts + dt.timedelta(seconds=lasts)
    minutes = rules.minutes_between(came, left, starts, ends)
    assert isinstance(minutes, int)
    assert 0 <= minutes <= min(stay, lasts) // 60 <= 24 * 60
    # Counted the slow way: the seconds of the activity at which the person was there.
    offset = int((came - starts).total_seconds())
    inside = len(range(max(0, offset), min(lasts, offset + stay)))
    assert minutes == inside // 60
    moved = [moment.astimezone(zone) for moment in (came, left, starts, ends)]
    assert rules.minutes_between(*moved) == minutes


@given(came=MOMENTS, first=st.integers(0, 10_000), second=st.integers(0, 10_000), starts=MOMENTS)
def test_staying_longer_never_counts_less(came: dt.datetime, first: int, second: int, starts: dt.datetime) -> None:
    ends = starts + dt.timedelta(hours=4)
    less, more = sorted((first, second))
    early = rules.minutes_between(came, came + dt.timedelta(seconds=less), starts, ends)
    late = rules.minutes_between(came, came + dt.timedelta(seconds=more), starts, ends)
    assert early <= late


@given(day=st.dates(dt.date(2020, 1, 1), dt.date(2035, 1, 1)), days=st.integers(0, 30), second=st.integers(0, 86_399))
def test_notice_ends_at_a_midnight_so_many_days_on(day: dt.date, days: int, second: int) -> None:
    published = dt.datetime.combine(day, dt.time(), tzinfo=ZoneInfo("Asia/Shanghai")) + dt.timedelta(seconds=second)
    until = rules.notice_end(published, days)
    if days == 0:
        assert until == published
    else:
        assert until.astimezone(ZoneInfo("Asia/Shanghai")).time() == dt.time()
        assert dt.timedelta(days=days) < until - published <= dt.timedelta(days=days + 1)


@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(st.tuples(st.integers(0, 3 * 24 * 60), st.integers(1, 600)), min_size=2, max_size=8),
)
def test_no_two_kept_records_of_a_person_overlap(world: World, spans: list[tuple[int, int]]) -> None:
    person = world.resident()
    kept: list[tuple[dt.datetime, dt.datetime]] = []
    for offset, minutes in spans:
        start = at(10, 0) + dt.timedelta(minutes=offset)
        end = start + dt.timedelta(minutes=minutes)
        free = all(end <= a or start >= b for a, b in kept)
        given_that_day = sum(
            int((b - a).total_seconds()) // 60 for a, b in kept if rules.local_day(a) == rules.local_day(start)
        )
        fits = given_that_day + minutes <= rules.MAX_DAY_MINUTES
        try:
            services.enter_record(
                resident=person,
                category="farm",
                served_on=start.date(),
                minutes=minutes,
                started_at=start,
                actor=world.leader,
                now=at(20),
            )
        except errors.OverlappingRecord:
            assert not (free and fits)
        else:
            assert free
            assert fits
            kept.append((start, end))
    stored = sorted(Record.objects.filter(resident=person).values_list("started_at", "ended_at"))
    assert stored == sorted(kept)
    assert all(a_end <= b_start for (_, a_end), (b_start, _) in itertools.pairwise(stored))
