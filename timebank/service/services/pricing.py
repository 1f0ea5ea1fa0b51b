"""What a record counts and what its person has behind them: everything the pure engine is asked with."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.models import Sum

from timebank.policy import engine
from timebank.policy.models import SchemeVersion
from timebank.policy.replay import past_of
from timebank.policy.selectors import version_by_code, version_in_force
from timebank.registry.models import Region, Resident
from timebank.service import errors
from timebank.service.models import PointCorrection, Record, SchemeAdoption
from timebank.service.selectors.schemes import adoptions_in, in_use, spec_of


class Tariff:
    """Schemes of one run, each read once."""

    def __init__(self) -> None:
        self._adoptions: dict[int, list[SchemeAdoption]] = {}
        self._versions: dict[tuple[str, dt.date], SchemeVersion] = {}
        self._by_code: dict[str, SchemeVersion] = {}

    def read(self, villages: Iterable[Region]) -> None:
        """Read what was adopted in some villages, those that are known already left out: one statement for all."""
        unknown = [village for village in villages if village.pk not in self._adoptions]
        if unknown:
            self._adoptions |= adoptions_in(unknown)

    def adoption(self, village: Region, on: dt.date) -> SchemeAdoption:
        """Return the adoption that holds in a village on a day; raises NoScheme."""
        self.read([village])
        adoption = in_use(self._adoptions[village.pk], on)
        if adoption is None:
            raise errors.NoScheme
        return adoption

    def version(self, village: Region, on: dt.date) -> SchemeVersion:
        """Return the version that prices hours of a village on a day; raises NoScheme or NoSchemeInForce."""
        key = self.adoption(village, on).slug, on
        if key not in self._versions:
            self._versions[key] = version_in_force(*key)
        return self._versions[key]

    def since(self, village: Region, on: dt.date) -> dt.date:
        """Return the day from which that version holds there: what it counts afresh, it counts from then."""
        return max(self.adoption(village, on).since, self.version(village, on).effective_from)

    def named(self, code: str) -> SchemeVersion:
        """Return the version that a record was priced by."""
        if code not in self._by_code:
            self._by_code[code] = version_by_code(code)
        return self._by_code[code]


def fact_of(record: Record) -> engine.Fact:
    """Return what a record counts."""
    return engine.Fact(
        category=record.category_id,
        on=record.served_on,
        minutes=record.minutes,
        quantity=record.quantity,
        factors=tuple(record.factors),
        unit=record.unit,
        chosen=record.chosen_points,
    )


def looks_back_to(schemes: Iterable[engine.Scheme], earliest: dt.date) -> dt.date | None:
    """Return the first day of history that these schemes look at for facts from ``earliest`` on; None: all of it."""
    periods = {rule.period for scheme in schemes for rule in scheme.rules}
    periods |= {cap.period for scheme in schemes for cap in scheme.caps}
    periods |= {cap.period for scheme in schemes for rule in scheme.rules for cap in rule.caps}
    return None if engine.Period.ALWAYS in periods else dt.date(earliest.year, 1, 1)


def shares_caps(schemes: Iterable[engine.Scheme]) -> bool:
    """Tell whether any of these schemes has a limit for a whole household."""
    return any(
        cap.per == "household"
        for scheme in schemes
        for cap in (*scheme.caps, *(row for rule in scheme.rules for row in rule.caps))
    )


class History:
    """What people were credited before, with what was corrected since; the newly priced is added as it comes."""

    def __init__(self) -> None:
        self._own: dict[int, list[engine.Past]] = defaultdict(list)
        self._home: dict[int, int] = {}
        self._family: dict[int, list[tuple[int, engine.Past]]] = defaultdict(list)

    @classmethod
    def read(cls, residents: Collection[int], since: dt.date | None, *, households: bool) -> History:
        """Read the credited records of some residents from a day on, and of their households if caps are shared."""
        history = cls()
        wanted = set(residents)
        if households:
            homes = Resident.objects.filter(pk__in=wanted, household__isnull=False).values_list(
                "household_id", flat=True
            )
            members = Resident.objects.filter(household_id__in=set(homes)).values_list("pk", "household_id")
            history._home = {person: int(home) for person, home in members if home is not None}
            wanted |= set(history._home)
        rows = Record.objects.filter(resident_id__in=wanted, state=Record.State.CREDITED)
        if since is not None:
            rows = rows.filter(served_on__gte=since)
        corrected = corrections_of(rows.values("pk"))
        for record in rows.order_by("credited_at", "served_on", "pk").only(*COUNTED):
            points = (record.points or 0) + corrected.get(record.pk, 0)
            earns = "points" if record.transfer_key or not record.points else "standing"
            history.add(record.resident_id, past_of(fact_of(record), points=points, rule=record.rule, earns=earns))
        return history

    @classmethod
    def of_household(cls, resident: int, since: dt.date | None) -> History:
        """Read what the others of a resident's household did, without the resident."""
        history = cls.read([resident], since, households=True)
        history._own.clear()
        for home, rows in history._family.items():
            history._family[home] = [(person, past) for person, past in rows if person != resident]
        return history

    def add(self, resident: int, past: engine.Past) -> None:
        """Add what was just priced."""
        self._own[resident].append(past)
        if resident in self._home:
            self._family[self._home[resident]].append((resident, past))

    def own(self, resident: int) -> list[engine.Past]:
        """Return what a resident did."""
        return self._own[resident]

    def household(self, resident: int) -> list[engine.Past]:
        """Return what the others of the household did."""
        home = self._home.get(resident)
        return [] if home is None else [past for person, past in self._family[home] if person != resident]


COUNTED = (
    "resident_id", "category_id", "served_on", "minutes", "quantity", "unit", "factors", "chosen_points", "points",
    "rule", "transfer_key",
)  # fmt: skip


def corrections_of(records: object) -> dict[int, int]:
    """Sum what was booked on top of the price of some records (1/100), by record."""
    rows = PointCorrection.objects.filter(record_id__in=records)  # type: ignore[misc]
    return {int(pk): int(total) for pk, total in rows.values_list("record_id").annotate(total=Sum("points"))}


def price(scheme: engine.Scheme, record: Record, history: History, since: dt.date | None) -> engine.Quote:
    """Quote a record on top of its person's history, and remember it there."""
    fact = fact_of(record)
    quote = engine.quote(
        scheme,
        history.own(record.resident_id),
        fact,
        household=history.household(record.resident_id),
        since=since,
    )
    history.add(record.resident_id, past_of(fact, points=quote.points, rule=quote.rule, earns=quote.earns))
    return quote


def spec_by_code(tariff: Tariff, code: str) -> engine.Scheme:
    """Return the scheme that a record was priced by."""
    return spec_of(tariff.named(code))
