"""B3: eight people redeem over HTTP, beside the orders of stock Oscar."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from bench import beside, visits
from bench.http import Answer, Browser, Person, Timed
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
    return [row, *counts(ours.statements, oscar.statements)]


def buyer(journey: Callable[..., Answer], shop: dict[str, Any]) -> Callable[[Browser, int], Person]:
    """Make people who go the whole way again and again, each beginning with another product."""

    def person(browser: Browser, number: int) -> Person:
        products = itertools.cycle(shop["products"][number:] + shop["products"][:number])

        def once(timed: Timed) -> None:
            journey(browser, shop, next(products), timed)

        return once

    return person


def counts(ours: dict[str, int], oscar: dict[str, int]) -> list[Row]:
    """Make the rows of the statements: of the whole journey, and of the request that redeems."""
    made = []
    for case, mine, theirs, most, steps in (
        ("statements of a journey", sum(ours.values()), sum(oscar.values()), JOURNEY, ours),
        ("statements of the redeem request", ours["redeem"], oscar["place"], REDEEM, {}),
    ):
        row = Row("B3", case, mine, "statements", "stock Oscar", theirs, goal=f"≤ {most}", met=mine <= most)
        row.note = ", ".join(f"{step} {many}" for step, many in steps.items())
        made.append(row)
    made[1].note = "with the page that it leads to"
    return made
