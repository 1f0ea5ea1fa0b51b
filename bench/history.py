"""Two databases that differ only in the length of their history: shared by B5 and B6."""

from __future__ import annotations

from dataclasses import dataclass

from bench.clients import Client
from bench.run import Bench


@dataclass
class History:
    """Where they are, and what sealing the long one took: (transfers, seconds) of each seal."""

    short: str
    long: str
    seals: list[tuple[int, float]]
    foreign: float


def history(bench: Bench) -> History:
    """Make them at the first call."""
    if bench.history is None:
        size = bench.size
        urls = {}
        for name, transfers in (("short", size.history), ("long", size.grown)):
            bench.say(f"writing a history of {transfers:,} transfers")
            urls[name] = bench.database(name)
            with Client("bench.jobs", urls[name]) as client:
                client.do("seed", wallets=size.wallets, lot=10_000_000)
                client.do("grow", transfers=transfers, wallets=size.wallets, part=name)
                bench.settle(name)
                with bench.noise() as noise:
                    seals = client.do("seal_timed")
            bench.settle(name)
        bench.history = History(urls["short"], urls["long"], seals, noise.share)
    return bench.history
