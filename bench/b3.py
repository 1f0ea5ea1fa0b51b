"""B3: eight people redeem over HTTP, beside the orders of stock Oscar."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from bench import beside, visits
from bench.http import Answer, Browser, Person, Timed
from bench.profiling import in_words
from bench.results import Row, compare
from bench.run import Bench

SECONDS = {"toy": 1.0, "small": 6.0, "full": 20.0}
TIMES, JOURNEY, REDEEM = 3, 50, 24


def run(bench: Bench) -> list[Row]:
    """Serve both shops; measure whole journeys in turns; count the statements of one."""
    seconds = SECONDS[bench.size.name]
    with beside.both(bench, "B3") as (ours, oscar):

        def rate(shop: beside.Shop, journey: Callable[..., Answer], lasting: float = seconds) -> float:
            return shop.rate(buyer(journey, shop.facts), beside.USERS, lasting, signed_in=True)

        for shop, journey in ((ours, visits.redeem), (oscar, visits.order)):
            rate(shop, journey, seconds * beside.WARM)
        rounds = [
            bench.round(lambda: rate(ours, visits.redeem), lambda: rate(oscar, visits.order))
            for _ in range(bench.size.rounds)
        ]
    row = compare("B3", "whole journeys, 8 users", "journeys/s", "stock Oscar's orders", rounds, TIMES)
    share = ours.profile["database"]
    row.note = f"under the profiler {share:.0%} of the time goes by in statements; {in_words(ours.profile, 30)}"
    return [row, *counts(ours.statements, oscar.statements)]


def buyer(journey: Callable[..., Answer], shop: dict[str, Any]) -> Callable[[Browser, int], Person]:
    """Make people who go the whole way again and again, each beginning with another product."""

    def person(browser: Browser, number: int) -> Person:
        products = itertools.cycle(shop["products"][number:] + shop["products"][:number])

        def once(timed: Timed) -> None:
            journey(browser, shop, next(products), timed)

        return once

    return person


def counts(ours: dict[str, list[int]], oscar: dict[str, list[int]]) -> list[Row]:
    """Make the rows of the statements: from adding to redeeming, with the pages before and after, and redeeming alone.

    The first step is the product's page, the last one redeems; what it leads to is the page after.
    """
    made = []
    for case, most, figures in (
        ("statements from adding to redeeming", JOURNEY, [adding_to_redeeming(one) for one in (ours, oscar)]),
        ("statements of the redeem request", REDEEM, [list(one.values())[-1][0] for one in (ours, oscar)]),
        ("statements of the whole journey", 0, [sum(map(sum, one.values())) for one in (ours, oscar)]),
    ):
        mine, theirs = figures
        row = Row("B3", case, mine, "statements", "stock Oscar", theirs)
        if most:
            row.goal, row.met = f"≤ {most}", mine <= most
        made.append(row)
    steps = (f"{step} {' + '.join(map(str, parts))}" for step, parts in ours.items())
    made[-1].note = "with the product's page before it and the tickets' page after: " + ", ".join(steps)
    return made


def adding_to_redeeming(steps: dict[str, list[int]]) -> int:
    """Add up a journey without the page that it begins at and the pages that the last request leads to."""
    _page, *middle, last = steps.values()
    return sum(map(sum, middle)) + last[0]
