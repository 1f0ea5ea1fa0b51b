"""B5: what a post, a page and a balance cost when the history has grown a hundredfold and more."""

from __future__ import annotations

from collections.abc import Callable

from bench.clients import Clients
from bench.history import history
from bench.results import Row, compare
from bench.run import Bench

CASES = ("post", "page", "page-hot", "balance", "balance-hot")


def run(bench: Bench) -> list[Row]:
    """Measure; both databases take turns."""
    size, found = bench.size, history(bench)
    rows = []
    with Clients(1, "bench.jobs", found.short) as short, Clients(1, "bench.jobs", found.long) as long:
        for case in CASES:
            rounds = []
            for turn in range(-1, size.rounds):
                rates = [_rate(bench, clients, case, turn) for clients in (long, short)]
                if turn >= 0:  # the first is to warm up
                    rounds.append(bench.round(*rates))
                else:
                    [rate() for rate in rates]
            unit = "posts/s" if case == "post" else "reads/s"
            rows.append(compare("B5", f"{case}-{size.grown}", unit, f"{size.history} transfers", rounds, 0.85))
    return rows


def _rate(bench: Bench, clients: Clients, case: str, turn: int) -> Callable[[], float]:
    seconds, wallets = bench.size.seconds / 2, bench.size.wallets
    if case == "post":
        return lambda: clients.rate(1, "redeem", seconds, case="spread", run=f"grown{turn}", wallets=wallets)
    return lambda: clients.rate(1, "read", seconds, case=case, wallets=wallets)
