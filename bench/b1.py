"""B1: redemptions through the public service ÷ five-statement pgbench, and django-hordak, guarded, beside it."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable

from bench import peers, server
from bench.clients import Client, Clients
from bench.pgbench import Pgbench
from bench.results import Round, Row, compare
from bench.run import Bench

UNIT = "transfers/s"
GOALS = {("hot", 1): 0.45, ("spread", 1): 0.45, ("hot", 8): 0.45, ("spread", 8): 0.33}
COMMIT_MS = 2
PEER = "django-hordak with lock and balance check"


def run(bench: Bench) -> list[Row]:
    """Measure; the yardstick, ours and the peer take turns in every round."""
    size = bench.size
    url = bench.database("b1")
    with contextlib.ExitStack() as open_:
        sealer = open_.enter_context(Client("bench.jobs", url))
        sealer.do("seed", wallets=size.wallets, lot=10_000_000)
        statements = sealer.do("statements")
        ours = open_.enter_context(Clients(size.clients, "bench.jobs", url))
        try:
            yardstick = Pgbench(bench.server, "b1", size.wallets, bench.scripts())
        except server.CouldNotRunError as error:
            return [Row("B1", "all", None, UNIT, "pgbench-5", note=f"could not run: {error}")]
        rows = [_statements(statements)]
        hordak, reason = _peer(bench, open_)
        if hordak is None:
            rows.append(Row("B1", "hordak", None, UNIT, PEER, note=f"could not run: {reason}"))
        bench.settle("b1")

        def service(case: str, clients: int, turn: str) -> Callable[[], float]:
            def measure() -> float:
                sealer.send("seal_beside", start=time.time(), seconds=size.seconds + 0.05)
                found = ours.rate(
                    clients, "redeem", size.seconds, case=case, run=f"{turn}-{case}-{clients}", wallets=size.wallets
                )
                sealer.answer()
                return found

            return measure

        def pgbench(case: str, clients: int) -> Callable[[], float]:
            return lambda: yardstick.rate(case, clients, size.seconds)

        found: dict[tuple[str, int], list[Round]] = {}
        peer: dict[tuple[str, int], list[Round]] = {}
        for turn in range(size.rounds):
            bench.say(f"B1 round {turn + 1} of {size.rounds}")
            for clients in (1, size.clients):
                for case in ("hot", "spread", "gift")[: 2 if clients == 1 else 3]:
                    turns = service(case, clients, str(turn)), pgbench("hot" if case == "hot" else "spread", clients)
                    found.setdefault((case, clients), []).append(bench.round(*turns))
                    if hordak is not None and case != "gift":
                        last = found[case, clients][-1]
                        beside = hordak.rate(clients, "transfer", size.seconds, case=case)
                        peer.setdefault((case, clients), []).append(Round(last.ours, beside, last.foreign))
            sealer.do("seal_rest")
        for (case, clients), rounds in found.items():
            rows.append(compare("B1", f"{case}-{clients}", UNIT, "pgbench-5", rounds, GOALS.get((case, clients))))
        for (case, clients), rounds in peer.items():
            rows.append(compare("B1", f"{case}-{clients}", UNIT, PEER, rounds, 6))
        rows.extend(_slow_commit(bench, service))
    return rows


def _statements(count: int) -> Row:
    return Row("B1", "statements", count, "data statements per redemption", goal="≤ 3", met=count <= 3)


def _peer(bench: Bench, open_: contextlib.ExitStack) -> tuple[Clients | None, str]:
    if not bench.size.peers:
        return None, "peers are left out at this size"
    try:
        python = peers.python(bench.say)
    except server.CouldNotRunError as error:
        return None, str(error)
    bench.server.create("hordak")
    url = server.url_of(bench.server, "hordak")
    with Client("bench.peers.hordak", url, python=python) as first:
        first.do("seed", accounts=bench.size.wallets)
    clients = open_.enter_context(Clients(bench.size.clients, "bench.peers.hordak", url, python=python))
    # Its triggers read the whole journal until PostgreSQL learns, by ANALYZE, that it is not empty: not in our rounds.
    clients.rate(bench.size.clients, "transfer", bench.size.seconds, case="spread")
    bench.settle("hordak")
    return clients, ""


def _slow_commit(bench: Bench, service: Callable[[str, int, str], Callable[[], float]]) -> list[Row]:
    """Emulate a commit that takes 2 ms, as on most cloud disks, and set a running balance on the hot account beside."""
    clients = bench.size.clients
    server.set_option(bench.server, "commit_siblings", 0)
    server.set_option(bench.server, "commit_delay", COMMIT_MS * 1000)
    try:
        rounds = []
        for turn in range(bench.size.rounds):
            bench.say(f"B1 with a commit of {COMMIT_MS} ms, round {turn + 1} of {bench.size.rounds}")
            run = f"slow{turn}"
            rounds.append(bench.round(service("hot", clients, run), service("running", clients, run)))
    finally:
        server.set_option(bench.server, "commit_delay", 0)
        server.set_option(bench.server, "commit_siblings", 5)
    row = compare("B1", f"hot-{clients}-commit-2ms", UNIT, "the same with a running balance on it", rounds, 5)
    assert statistics.median(one.other for one in rounds) > 0
    return [row]
