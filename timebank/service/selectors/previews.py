"""What publishing or verifying many will do, before anybody says yes: how many, whose, hours, points, what not."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from timebank.common.errors import DomainError
from timebank.policy import words
from timebank.registry.models import Region
from timebank.service.models import Record
from timebank.service.selectors.schemes import spec_of
from timebank.service.services.pricing import History, Tariff, looks_back_to, price, shares_caps

State = Record.State
LEFT_OUT = (State.SUBMITTED, State.RETURNED, State.DISPUTED)


@dataclass(frozen=True)
class Person:
    """What the preview says of one person: minutes, and points (1/100) by the scheme of the day of service.

    ``reasons``: why some of the records give no points, each said once.
    """

    name: str
    tail: str
    records: int
    minutes: int
    points: int
    reasons: list[str]


@dataclass(frozen=True)
class Forecast:
    """What records will earn as it looks now, by record: points (1/100), and in words why there are none."""

    points: dict[int, int]
    reasons: dict[int, str]
    unpriced: int


@dataclass(frozen=True)
class Preview:
    """The figures that somebody says yes to; ``points`` in 1/100; ``unpriced`` records have no scheme yet."""

    records: int
    minutes: int
    points: int
    unpriced: int
    people: list[Person]
    left_out: list[tuple[str, int]]
    fingerprint: str


def fingerprint(records: Iterable[Record]) -> str:
    """Return what tells one set of records, and their minutes, from another."""
    text = ";".join(f"{pk}:{minutes}" for pk, minutes in sorted((record.pk, record.minutes) for record in records))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def preview_of_notice(village: Region) -> Preview:
    """Say what the next notice list of a village will hold, and what stays out of it in which state."""
    verified = Record.objects.filter(village=village, state=State.VERIFIED).select_related("resident", "village")
    records = list(verified.order_by("served_on", "pk"))
    counts = Counter(
        Record.objects.filter(village=village, state__in=LEFT_OUT).values_list("state", flat=True).order_by()
    )
    return preview(records, [(str(State(state).label), counts[state]) for state in LEFT_OUT if counts[state]])


def preview(records: list[Record], left_out: list[tuple[str, int]]) -> Preview:
    """Add records up, by person; ``left_out`` says what is not among them and why."""
    forecast = expected_points(records)
    points = forecast.points
    by_person: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        by_person[record.resident_id].append(record)
    people = [
        Person(
            name=mine[0].resident.name,
            tail=mine[0].resident.volunteer_number[-2:],
            records=len(mine),
            minutes=sum(record.minutes for record in mine),
            points=sum(points.get(record.pk, 0) for record in mine),
            reasons=list(
                dict.fromkeys(forecast.reasons[record.pk] for record in mine if record.pk in forecast.reasons)
            ),
        )
        for mine in by_person.values()
    ]
    return Preview(
        records=len(records),
        minutes=sum(record.minutes for record in records),
        points=sum(points.values()),
        unpriced=forecast.unpriced,
        people=people,
        left_out=left_out,
        fingerprint=fingerprint(records),
    )


def expected_points(records: list[Record]) -> Forecast:
    """Price records as credit will, after what is on notice before them.

    What is objected to or corrected until then changes it: it is a forecast, and shown as one.
    """
    residents = {record.resident_id for record in records}
    asked = {record.pk for record in records}
    ahead = Record.objects.filter(resident__in=residents, state=State.PUBLISHED).exclude(pk__in=asked)
    before = ahead.select_related("resident", "village")
    tariff, going = Tariff(), []
    points: dict[int, int] = {}
    reasons: dict[int, str] = {}
    for record in (*before.order_by("notice_until", "served_on", "pk"), *records):
        try:
            going.append((record, spec_of(tariff.version(record.village, record.served_on))))
        except DomainError as refusal:
            if record.pk in asked:
                reasons[record.pk] = str(refusal)
    unpriced = len(reasons)
    if not going:
        return Forecast(points, reasons, unpriced)
    schemes = list({id(scheme): scheme for _record, scheme in going}.values())
    since = looks_back_to(schemes, min(record.served_on for record, _scheme in going))
    history = History.read(residents, since, households=shares_caps(schemes))
    for record, scheme in going:
        quote = price(scheme, record, history, tariff.since(record.village, record.served_on))
        if record.pk in asked:
            points[record.pk] = quote.points if quote.earns == "points" else 0
            if not points[record.pk]:
                reasons[record.pk] = words.explain_nothing(quote.as_json())
    return Forecast(points, reasons, unpriced)
