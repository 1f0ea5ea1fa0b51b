"""What an activity will earn somebody, before they sign up: priced as the credit will price it, as far as is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from timebank.common.errors import DomainError
from timebank.policy import engine, words
from timebank.policy.engine import ORGANISER
from timebank.registry.models import Region, Resident
from timebank.service import rules
from timebank.service.models import Activity
from timebank.service.selectors.schemes import spec_of
from timebank.service.services.pricing import History, Tariff, looks_back_to, shares_caps


@dataclass(frozen=True)
class Expected:
    """What the whole time would earn today. ``points`` in 1/100; ``least``: the verifier chooses within a range."""

    points: int
    village: Region
    scheme: str
    steps: list[str]
    least: bool


def expected(activity: Activity, resident: Resident) -> Expected | None:
    """Price the planned time by the scheme of the resident's own village; None where none holds there on that day.

    What waits for credit may still change it: limits count it only then.
    """
    tariff, day = Tariff(), rules.local_day(activity.starts_at)
    try:
        version = tariff.version(resident.village, day)
    except DomainError:
        return None
    scheme = spec_of(version)
    fact = engine.Fact(
        category=activity.category_id,
        on=day,
        minutes=activity.planned_minutes,
        quantity=1,
        factors=_factors(activity, resident),
        unit=activity.category.unit,
        chosen=None,
    )
    history = History.read([resident.pk], looks_back_to([scheme], day), households=shares_caps([scheme]))
    quote = engine.quote(
        scheme,
        history.own(resident.pk),
        fact,
        household=history.household(resident.pk),
        since=tariff.since(resident.village, day),
    )
    steps: list[dict[str, Any]] = quote.as_json()["steps"]
    return Expected(
        points=quote.points if quote.earns == "points" else 0,
        village=resident.village,
        scheme=version.scheme.name,
        steps=words.explain(steps),
        least=any(step["code"] == "range_lowest" for step in steps),
    )


def _factors(activity: Activity, resident: Resident) -> tuple[str, ...]:
    leads = resident.user_id is not None and resident.user_id in (activity.team.leader_id, activity.opened_by_id)
    return (ORGANISER,) if leads else ()
