"""B2: the close of a month through ``post_many`` ÷ a raw ``INSERT … SELECT`` of the rows that it wrote."""

from __future__ import annotations

import time
from typing import Any

from bench.clients import Client
from bench.results import Round, Row, compare
from bench.run import Bench

# (table, which of its rows the month wrote)
WRITTEN = {
    "ledger_transfer": "id BETWEEN {first} AND {last}",
    "ledger_posting": "transfer_id BETWEEN {first} AND {last}",
    "ledger_unsealed": "transfer_id BETWEEN {first} AND {last}",
    "ledger_lot": "id > {lot}",
}


def run(bench: Bench) -> list[Row]:
    """Measure; every round closes another month, then copies what was written."""
    size = bench.size
    wallets = max(1, size.close // 5)
    rounds = []
    with Client("bench.jobs", bench.database("b2")) as client, bench.server.connect("b2") as raw:
        client.do("open_wallets", count=wallets)
        for table in WRITTEN:
            raw.execute(f"CREATE TABLE raw_{table} (LIKE {table} INCLUDING ALL)".encode())
        for month in range(min(size.rounds, 5)):
            bench.say(f"B2 month {month + 1} of {min(size.rounds, 5)}")
            bench.settle("b2")
            with bench.noise() as noise:
                row = raw.execute("SELECT coalesce(max(id), 0) FROM ledger_lot").fetchone()
                ours = client.do("close_month", records=size.close, wallets=wallets, month=month)
                other = _copy(raw, {**ours, "lot": row[0] if row else 0})
            rounds.append(Round(size.close / ours["seconds"], size.close / other, noise.share))
            client.do("seal_rest")
    return [compare("B2", f"close-{size.close}", "records/s", "INSERT … SELECT", rounds, 0.4)]


def _copy(raw: Any, written: dict[str, float]) -> float:
    """Insert the same rows into the tables beside, which hold the months before as ours do; return the seconds."""
    raw.execute("TRUNCATE raw_ledger_unsealed")  # ours was emptied by the sealer
    for table, which in WRITTEN.items():
        raw.execute(f"DROP TABLE IF EXISTS stage_{table}")
        raw.execute(f"CREATE UNLOGGED TABLE stage_{table} AS SELECT * FROM {table} WHERE {which.format(**written)}")
    raw.execute("CHECKPOINT")
    began = time.perf_counter()
    with raw.transaction():
        for table in WRITTEN:
            raw.execute(f"INSERT INTO raw_{table} SELECT * FROM stage_{table}")
    return time.perf_counter() - began
