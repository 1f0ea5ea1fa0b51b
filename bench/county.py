"""A county grown out of the demo: its home village copied into every village, over two years, from fixed numbers.

    DATABASE_URL=postgresql://… python -m bench.county [--size toy|town|county]

The rows of people, activities, records, tickets and suppliers are copied within PostgreSQL, a statement for each table
and some hundred copies; points go through the ledger's ``post_many``, so that it verifies afterwards. Triggers rest
while rows are copied (the ledger's never do); ``orphans`` then looks at every foreign key that was written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import server as servers
from bench.county_points import Points
from bench.county_tables import BY_NAME, SERIALS, SHELVES, TABLES, Table
from bench.results import ROOT, Row

if TYPE_CHECKING:
    from bench.run import Bench

HOME = "371003104204"


@dataclass(frozen=True)
class Size:
    """How many villages, copies of the home village with all its work in each, further people, rewards copied."""

    villages: int
    copies: int
    people: int  # further copies of the people alone
    shelves: int  # copies of all rewards, at suppliers of the town


SIZES = {"toy": Size(2, 1, 1, 2), "town": Size(60, 7, 19, 60), "county": Size(910, 7, 19, 60)}


def setup() -> None:
    """Start the application."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    os.environ.setdefault("DEMO", "1")  # its people are whom the pages are walked as
    django.setup()


class Builder(Points):
    """The county under way."""

    def __init__(self, size: Size, chunk: int = 200) -> None:
        from django.db import connection

        self.size, self.chunk = size, chunk
        self.connection = connection
        self.cursor = connection.cursor()
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", file=sys.stderr, flush=True)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        self.cursor.execute(sql, values or None)
        return self.cursor.fetchall()

    def run(self) -> None:
        """Copy everything."""
        self._plan()
        self._accounts()
        total = self.clones
        for first in range(1, total + 1, self.chunk):
            last = min(first + self.chunk - 1, total)
            self._post(first, last)
            self._copy(first, last)
            self.cursor.execute("ANALYZE")  # plans made for a small table take ever longer on a large one
            self.say(f"{last} of {total} copies of the village")
        self._shelves()
        self._finish()

    def _plan(self) -> None:
        """Choose villages and copies, number the rows to copy, leave room for the new ones."""
        home, path = self.rows("SELECT id, path FROM registry_region WHERE code = %s", HOME)[0]
        self.home = home
        villages = self.rows(
            "SELECT id FROM registry_region WHERE level = 'village' AND is_active AND path LIKE %s AND id <> %s"
            " ORDER BY path NOT LIKE %s, path NOT LIKE %s, path LIMIT %s",
            f"{path[:8]}%",
            home,
            f"{path[:16]}%",
            f"{path[:12]}%",
            self.size.villages,
        )
        copies = self.size.copies + self.size.people
        self.cursor.execute(
            "CREATE TEMP TABLE copy (c int PRIMARY KEY, region bigint, first int, shift int, works bool)"
        )
        self.cursor.execute("CREATE TEMP TABLE posted (redemption bigint PRIMARY KEY, transfer bigint)")
        plan = []
        for number, (region,) in enumerate(villages):
            for copy in range(copies):
                works = copy < self.size.copies
                plan.append((number * copies + copy + 1, region, number * copies + 1, copy % 8 * 91, works))
        self.cursor.executemany("INSERT INTO copy VALUES (%s, %s, %s, %s, %s)", plan)
        self.clones = len(plan)
        # What was paid with points that were minted to the same person, and never given back.
        self.cursor.execute(
            "CREATE TEMP TABLE paid AS SELECT split_part(t.key, ':', 2)::bigint AS redemption FROM ledger_transfer t"
            " WHERE t.kind = 'redeem' AND t.key LIKE 'redemption:%:pay'"
            " AND NOT EXISTS (SELECT 1 FROM ledger_transfer r WHERE r.refund_of_id = t.id OR r.reverses_id = t.id)"
        )
        for table in TABLES:
            rows = table.rows.format(home=home)
            self.cursor.execute(
                f"CREATE TEMP TABLE m_{table.name} AS"
                f" SELECT id AS old, row_number() OVER (ORDER BY id) - 1 AS rank FROM {table.name} WHERE {rows}"
            )
            self.cursor.execute(f"CREATE UNIQUE INDEX ON m_{table.name} (old)")
            self.cursor.execute(f"ANALYZE m_{table.name}")
            ((table.count, table.base),) = self.rows(
                f"SELECT (SELECT count(*) FROM m_{table.name}), (SELECT coalesce(max(id), 0) + 1 FROM {table.name})"
            )
        self.say(f"{len(villages)} villages, {self.clones} copies of the home village")

    def new(self, name: str, rank: str) -> str:
        """Return the SQL of a copied row's new id."""
        table = BY_NAME[name]
        return f"{table.base} + (k.{'first' if table.once else 'c'} - 1)::bigint * {table.count} + {rank}"

    def _columns(self, table: Table, first: int, last: int) -> str:
        columns = self.rows(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
            " AND table_schema = current_schema() ORDER BY ordinal_position",
            table.name,
        )
        new_id = self.new(table.name, "m.rank")
        made, joins = [], []
        for name, kind in columns:
            if name == "id":
                made.append(new_id)
            elif name in table.other:
                made.append(table.other[name].replace("{id}", f"({new_id})"))
            elif name in table.links:
                alias = f"l_{name}"
                joins.append(f"LEFT JOIN m_{table.links[name]} {alias} ON {alias}.old = s.{name}")
                made.append(
                    f"CASE WHEN {alias}.rank IS NULL THEN s.{name}"
                    f" ELSE {self.new(table.links[name], f'{alias}.rank')} END"
                )
            elif kind.startswith("timestamp") or (kind == "date" and name != "birth_date"):
                made.append(f"(s.{name} - k.shift * interval '1 day'){'::date' if kind == 'date' else ''}")
            else:
                made.append(f"s.{name}")
        which = "k.c = k.first" if table.once else "true" if table.people else "k.works"
        return (
            f"INSERT INTO {table.name} ({', '.join(name for name, _ in columns)}) SELECT {', '.join(made)}"
            f" FROM {table.name} s JOIN m_{table.name} m ON m.old = s.id {' '.join(joins)} CROSS JOIN copy k"
            f" WHERE k.c BETWEEN {first} AND {last} AND {which} AND {table.where}"
        )

    def _copy(self, first: int, last: int) -> None:
        from django.db import transaction

        with transaction.atomic():
            self.cursor.execute("SET LOCAL session_replication_role = replica")
            for table in TABLES:
                self.cursor.execute(self._columns(table, first, last))

    # -- What is for sale ----------------------------------------------------------------------------------------------
    def _shelves(self) -> None:
        """Copy all rewards, to forty suppliers that serve the home village's town."""
        from django.db import transaction

        with transaction.atomic():
            self.cursor.execute("SET LOCAL session_replication_role = replica")
            for sql in SHELVES:
                self.cursor.execute(sql.format(home=self.home, shelves=self.size.shelves))
        self.say(f"{self.rows('SELECT count(*) FROM catalogue_product')[0][0]} rewards")

    def _finish(self) -> None:
        """Seal, forget what was added up before, count, look for orphans."""
        from timebank.ledger import services

        for name in {*BY_NAME, *SERIALS}:
            self.cursor.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
        self.cursor.execute("DELETE FROM common_keptfigure")
        services.seal_all()
        self.cursor.execute("ANALYZE")
        self.say(f"sealed; {orphans(self.cursor)} orphans")


def orphans(cursor: Any) -> int:
    """Count the rows of the copied tables whose foreign key leads nowhere."""
    from django.apps import apps

    found = 0
    for model in apps.get_models():
        if model._meta.db_table not in {*BY_NAME, *SERIALS}:
            continue
        for one in model._meta.local_concrete_fields:
            if one.is_relation and one.remote_field.model._meta.managed:
                to = one.remote_field.model._meta.db_table
                cursor.execute(
                    f"SELECT count(*) FROM {model._meta.db_table} s WHERE s.{one.column} IS NOT NULL AND NOT EXISTS"
                    f" (SELECT 1 FROM {to} t WHERE t.{one.target_field.column} = s.{one.column})"
                )
                found += cursor.fetchone()[0]
    return found


def build(size: str) -> dict[str, Any]:
    """Make this database a county; it holds the demo already."""
    builder = Builder(SIZES[size])
    builder.run()
    count = builder.rows(
        "SELECT (SELECT count(*) FROM registry_resident), (SELECT count(*) FROM service_record),"
        " (SELECT count(*) FROM rewards_redemption), (SELECT count(*) FROM ledger_transfer),"
        " (SELECT count(*) FROM catalogue_product), pg_database_size(current_database()) / 1048576"
    )[0]
    names = ("residents", "records", "redemptions", "transfers", "rewards", "megabytes")
    return {**dict(zip(names, count, strict=True)), "seconds": round(time.monotonic() - builder.began)}


def run(bench: Bench) -> list[Row]:
    """Grow a county on the benchmark's server, plan its hot queries, walk every page; each a process of its own."""
    name = "county"
    bench.server.create(name)
    folder = bench.scripts()
    environment = {**os.environ, "DATABASE_URL": servers.url_of(bench.server, name), "VAR_DIR": str(folder)}
    environment.pop("BENCH_LEAN", None)  # the whole application
    size = {"full": "county"}.get(bench.size.name, "town" if bench.size.name == "small" else "toy")
    subprocess.run([sys.executable, "-m", "bench.county", "--size", size], cwd=ROOT, env=environment, check=True)
    bench.settle(name)
    rows: list[Row] = []
    for module in ("bench.plans", "bench.walk"):
        answer = folder / f"{module}.json"
        subprocess.run([sys.executable, "-m", module, "--json", answer], cwd=ROOT, env=environment, check=True)
        rows += [Row(**one) for one in json.loads(answer.read_text())]
    return rows


def main(arguments: list[str]) -> int:
    """Migrate and load the demo where there is none, then grow it."""
    parser = argparse.ArgumentParser(prog="python -m bench.county", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="town")
    chosen = parser.parse_args(arguments)
    setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor != "postgresql":
        parser.error("the county is made in PostgreSQL: name one in DATABASE_URL")
    call_command("migrate", verbosity=0, interactive=False)
    from timebank.registry.models import Resident

    if not Resident.objects.exists():
        call_command("load_demo", verbosity=0)
    print(", ".join(f"{value:,} {name}" for name, value in build(chosen.size).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
