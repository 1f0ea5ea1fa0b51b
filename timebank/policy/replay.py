"""Price a past period again under another scheme: who gains, who loses, what it costs. Pure: no database, no clock.

The facts of the period are priced one after another on top of what was there before, exactly as credit does; under the
scheme that was in force the sum is what was minted, to the hundredth.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from timebank.policy.engine import Fact, Past, Scheme, quote


@dataclass(frozen=True)
class Served:
    """A fact of the period as it was credited: whose, the points it stands for, and what shall price it now."""

    person: int
    home: int | None
    fact: Fact
    points: int
    scheme: Scheme
    since: dt.date | None = None
    earns: str = "points"


@dataclass
class PersonResult:
    """What somebody earned (``before``) and would have earned (``after``) to spend, in 1/100 points."""

    person: int
    minutes: int = 0
    before: int = 0
    after: int = 0

    @property
    def change(self) -> int:
        return self.after - self.before


@dataclass
class Simulation:
    """The whole: by person, with the sums that a decision needs."""

    people: list[PersonResult] = field(default_factory=list)

    @property
    def before(self) -> int:
        return sum(person.before for person in self.people)

    @property
    def after(self) -> int:
        return sum(person.after for person in self.people)

    @property
    def change(self) -> int:
        return self.after - self.before

    @property
    def gains(self) -> list[PersonResult]:
        return sorted(
            (person for person in self.people if person.change > 0), key=lambda item: (-item.change, item.person)
        )

    @property
    def loses(self) -> list[PersonResult]:
        return sorted(
            (person for person in self.people if person.change < 0), key=lambda item: (item.change, item.person)
        )

    @property
    def same(self) -> int:
        return sum(person.change == 0 for person in self.people)


def past_of(fact: Fact, *, points: int, rule: str, earns: str) -> Past:
    """Return a fact as history, once it has its price."""
    return Past(
        category=fact.category,
        on=fact.on,
        minutes=fact.minutes,
        quantity=fact.quantity,
        points=points,
        rule=rule,
        factors=fact.factors,
        unit=fact.unit,
        earns=earns,
    )


def replay(
    served: Iterable[Served],
    before: Mapping[int, Sequence[Past]],
    family: Mapping[int, Sequence[tuple[int, Past]]] | None = None,
) -> Simulation:
    """Replay facts in the order in which they were credited.

    ``before``: what each person had done before the period; ``family``: the same by household, with who did it.
    """
    own: dict[int, list[Past]] = defaultdict(list, {person: list(pasts) for person, pasts in before.items()})
    homes: dict[int, list[tuple[int, Past]]] = defaultdict(
        list, {home: list(entry) for home, entry in (family or {}).items()}
    )
    people: dict[int, PersonResult] = {}
    for item in served:
        others = [past for person, past in homes[item.home] if person != item.person] if item.home is not None else []
        result = quote(item.scheme, own[item.person], item.fact, household=others, since=item.since)
        past = past_of(item.fact, points=result.points, rule=result.rule, earns=result.earns)
        own[item.person].append(past)
        if item.home is not None:
            homes[item.home].append((item.person, past))
        row = people.setdefault(item.person, PersonResult(item.person))
        row.minutes += item.fact.minutes
        row.before += item.points if item.earns == "points" else 0
        row.after += result.points if result.earns == "points" else 0
    return Simulation(sorted(people.values(), key=lambda row: (row.change, row.person)))
