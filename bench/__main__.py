"""Measure and write down: ``python -m bench [B1 B2 …] [--size small|full] [--table]``."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
from pathlib import Path

from bench import results, server, table
from bench.results import Row
from bench.run import SIZES, Bench

NAMES = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "county")


def main(arguments: list[str]) -> int:
    """Run the benchmarks that are named, or all; exit 2 when one could not run at all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="B", help=f"which of {', '.join(NAMES)}; all without")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--out", type=Path, default=results.RESULTS, help="the JSON file (bench/results.json)")
    parser.add_argument("--table", action="store_true", help="measure nothing, write docs/performance.md from the JSON")
    parser.add_argument("--table-out", type=Path, default=results.TABLE)
    chosen = parser.parse_args(arguments)
    if wrong := set(chosen.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(wrong))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped and its data taken away
    if not chosen.table:
        # The toy size shows within a minute that each case runs; a county, even a toy, needs its demo first.
        usual = [name for name in NAMES if name != "county" or chosen.size != "toy"]
        measure(chosen.names or usual, chosen.size, chosen.out)
    chosen.table_out.write_text(table.render(results.load(chosen.out)))
    return 0


def measure(names: list[str], size: str, out: Path) -> None:
    """Run these benchmarks on one server; write each one's rows as soon as it is through."""
    try:
        with server.running() as own:
            bench = Bench(own, SIZES[size])
            if bench.size.lean:
                os.environ["BENCH_LEAN"] = "1"
            for name in names:
                began = time.monotonic()
                rows: list[Row] = importlib.import_module(f"bench.{name.lower()}").run(bench)
                facts = {**results.machine(), "postgresql": own.version, "options": server.OPTIONS}
                facts["minutes"] = round((time.monotonic() - began) / 60, 1)
                facts["command"] = f"python -m bench {' '.join(names)} --size {size}"
                rows.append(Row(name, "run", None, "", facts=facts))
                results.stamp(rows, size)
                results.store(rows, out)
                for row in rows:
                    bench.say(table.line(row))
    except server.CouldNotRunError as error:
        rows = [Row(name, "all", None, "", note=f"could not run: {error}") for name in names]
        results.stamp(rows, size)
        results.store(rows, out)
        print(f"could not run: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
