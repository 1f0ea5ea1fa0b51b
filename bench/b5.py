"""B5: what a post, a page and a balance cost when the history has grown a hundredfold and more.

The reads are measured when everything is sealed, and the balance of a busy system account once more with the same
number of transfers unsealed on both sides: what posting left behind differs with how fast each side posted.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.clients import Clients
from bench.history import history
from bench.results import Row, compare
from bench.run import Bench

READS = ("page", "page-hot", "balance", "balance-hot")
TAIL = 2000  # what waits when a sealer comes every minute and a town posts 30 a second


def run(bench: Bench) -> list[Row]:
    """Measure; both databases take turns."""
    size, found = bench.size, history(bench)
    with Clients(1, "bench.jobs", found.short) as short, Clients(1, "bench.jobs", found.long) as long:
        both = (long, short)
        rows = [_compare(bench, "post", both, _poster(bench))]
        for name, clients in (("long", long), ("short", short)):
            clients[0].do("seal_rest")
            bench.settle(name)
        rows += [_compare(bench, case, both, _reader(bench, case)) for case in READS]
        for clients in both:
            clients[0].do("grow", transfers=min(TAIL, size.history), wallets=size.wallets, part="tail")
        rows.append(_compare(bench, "balance-hot-tail", both, _reader(bench, "balance-hot")))
    return rows


#: Given a database's client and the number of the round: what returns a rate when it is called.
Measure = Callable[[Clients, int], Callable[[], float]]


def _compare(bench: Bench, case: str, both: tuple[Clients, Clients], measure: Measure) -> Row:
    rounds = []
    for turn in range(-1, bench.size.rounds):
        rates = [measure(clients, turn) for clients in both]
        if turn >= 0:
            rounds.append(bench.round(*rates))
        else:  # the first is to warm up
            [one() for one in rates]
    unit = "posts/s" if case == "post" else "reads/s"
    return compare("B5", f"{case}-{bench.size.grown}", unit, f"{bench.size.history} transfers", rounds, 0.85)


def _poster(bench: Bench) -> Measure:
    seconds, wallets = bench.size.seconds / 2, bench.size.wallets
    return lambda clients, turn: (
        lambda: clients.rate(1, "redeem", seconds, case="spread", run=f"grown{turn}", wallets=wallets)
    )


def _reader(bench: Bench, what: str) -> Measure:
    seconds, wallets = bench.size.seconds / 2, bench.size.wallets
    return lambda clients, _turn: lambda: clients.rate(1, "read", seconds, case=what, wallets=wallets)
