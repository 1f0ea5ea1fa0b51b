"""B4: pages per second beside stock Oscar's, at the same number of products and the same length of a page."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence

from bench import beside
from bench.http import Browser, Person, Timed
from bench.profiling import in_words
from bench.results import Row, compare
from bench.run import Bench

SECONDS = {"toy": 0.5, "small": 4.0, "full": 10.0}
USERS = 4
#: Case, signed in or not, how many times stock Oscar's pages per second.
CASES = (("catalogue signed out", False, 1.5), ("catalogue signed in", True, 1.0), ("product page", False, 2.5))


def run(bench: Bench) -> list[Row]:
    """Serve both shops and ask for their pages in turns."""
    made = []
    seconds = SECONDS[bench.size.name]
    with beside.both(bench, "B4") as (ours, oscar):
        for shop in (ours, oscar):
            see_once(shop)
        for case, signed_in, times in CASES:

            def rate(shop: beside.Shop, lasting: float, case: str = case, signed_in: bool = signed_in) -> float:
                return shop.rate(asker(paths(shop, case)), USERS, lasting, signed_in)

            for shop in (ours, oscar):
                rate(shop, seconds * beside.WARM)
            rounds = [
                bench.round(lambda: rate(ours, seconds), lambda: rate(oscar, seconds)) for _ in range(bench.size.rounds)
            ]
            made.append(compare("B4", case, "pages/s", "stock Oscar", rounds, times))
        share = ours.profile["database"]
        made[0].note = f"under the profiler {share:.0%} of the time goes by in statements; {in_words(ours.profile, 18)}"
    return made


def see_once(shop: beside.Shop) -> None:
    """Look at every product, alone: stock Oscar counts views in a row that two first visitors at once both make."""
    with contextlib.closing(Browser(shop.port)) as browser:
        for path in paths(shop, "product page"):
            browser.get(path)


def paths(shop: beside.Shop, case: str) -> list[str]:
    """Return the addresses that a case asks for."""
    if case.startswith("catalogue"):
        return [str(shop.facts["index"])]
    return [str(one["page"]) for one in shop.facts["products"]]


def asker(addresses: Sequence[str]) -> Callable[[Browser, int], Person]:
    """Make people who ask for one of these after the other."""

    def person(browser: Browser, number: int) -> Person:
        turns = itertools.cycle([*addresses[number:], *addresses[:number]])

        def once(timed: Timed) -> None:
            timed("page", lambda: browser.get(next(turns)))

        return once

    return person
