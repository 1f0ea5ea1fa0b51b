"""B8: load on the embedded default: SQLite, served by ``manage.py serve`` as ``make run`` does, nobody pauses."""

from __future__ import annotations

import collections
import contextlib
import itertools
import statistics
from dataclasses import dataclass
from typing import Any

from bench import server as servers
from bench import visits
from bench.clients import Client
from bench.http import Browser, Load, free_port, serving, together
from bench.keys import KEYS
from bench.results import Row
from bench.run import Bench

P95 = 1000
MOST_SHOWN = 5


@dataclass(frozen=True)
class Crowd:
    """Who comes."""

    readers: int
    redeemers: int
    scanners: int
    seconds: float


CROWDS = {"toy": Crowd(1, 1, 1, 2), "small": Crowd(20, 8, 4, 60), "full": Crowd(20, 8, 4, 60)}


def run(bench: Bench) -> list[Row]:
    """Make the database in a file, serve it, let the crowd in."""
    crowd = CROWDS[bench.size.name]
    folder = bench.folder / "b8"
    folder.mkdir()
    url = f"sqlite:///{folder}/shanji.sqlite3"
    with Client("bench.shop_jobs", f"{url}?synchronous=off", lean=False) as client:
        bench.say("B8 making the database")
        client.do("make_tables", folder=str(servers.KEPT))
        shop = client.do("prepare", products=40, residents=crowd.readers + crowd.redeemers, clerks=crowd.scanners)
    with bench.noise() as noise:
        load = measure(url, shop, crowd, str(folder), "--prepare")
    made = rows(load, crowd)
    made[0].foreign = round(noise.share, 3)
    return made


def measure(url: str, shop: dict[str, Any], crowd: Crowd, folder: str, *more: str, **environment: str) -> Load:
    """Serve this database and let the crowd in; ``more`` are words for ``serve``."""
    port = free_port()
    words = ["manage.py", "serve", "--port", str(port), *more]
    tickets: visits.Tickets = collections.deque()
    handed: list[str] = []
    variables = {"DATABASE_URL": url, "VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "settings.dev", **KEYS}
    variables["PRACTICE_PORT"] = str(free_port())  # another demo on this machine keeps its own
    with serving(words, port, "/healthz", **{**variables, **environment}), contextlib.ExitStack() as open_:
        residents, clerks = (
            [open_.enter_context(contextlib.closing(Browser(port, dict(cookies)))) for cookies in shop[who]]
            for who in ("people", "clerks")
        )
        numbers = iter(enumerate(residents))
        people = [visits.reader(one, shop, number) for number, one in itertools.islice(numbers, crowd.readers)]
        people += [visits.redeemer(one, shop, number, tickets) for number, one in numbers]
        people += [visits.scanner(one, shop, tickets, handed) for one in clerks]
        load = together(people, crowd.seconds, lambda: bool(handed))
        load.times["request"] = [each for browser in (*residents, *clerks) for each in browser.took]
        return load


def rows(load: Load, crowd: Crowd) -> list[Row]:
    """Make the rows: errors, requests per second, and how long each kind took."""
    steps = {kind: times for kind, times in load.times.items() if kind not in {"round", "request"}}
    count = len(load.times.get("request", ()))
    errors = Row("B8", "errors", len(load.errors), f"of {count:,} requests", goal="0", met=not load.errors)
    errors.note = "; ".join(
        f"{many} × {text}" for text, many in collections.Counter(load.errors).most_common(MOST_SHOWN)
    )
    made = [errors, Row("B8", "all", round(count / load.seconds, 1), "requests/s")]
    made[1].note = (
        f"{crowd.readers} readers, {crowd.redeemers} redeemers, {crowd.scanners} scanners for {crowd.seconds:g} s; "
        f"{load.rate('redeem'):.1f} redemptions/s, {load.rate('hand over'):.1f} hand-overs/s"
    )
    for kind, times in [("every request", load.times.get("request", [])), *sorted(steps.items())]:
        if len(times) < 2:
            continue
        p95 = statistics.quantiles(times, n=20)[-1]
        row = Row("B8", f"{kind}, p95", round(p95), "ms")
        if kind == "every request":
            row.goal, row.met = f"< {P95}", p95 < P95
        row.note = f"p50 {statistics.median(times):.0f} ms, p99 {statistics.quantiles(times, n=100)[-1]:.0f} ms"
        made.append(row)
    return made
