"""The county's hot queries, before and after: which index they take, how many rows they touch, how long.

    DATABASE_URL=postgresql://… python -m bench.plans [--json FILE]

*before* is how the page read then: without the index made for it (dropped in a transaction that is taken back),
in the words of then, or adding up what is kept by now. Each is run to warm it; of three runs the fastest counts.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.results import Row
from bench.walk import setup


@dataclass(frozen=True)
class Hot:
    """A query of a page: ``row`` of the findings, how it is read and was read, which indexes were made for it."""

    row: str
    name: str
    after: Callable[[], Any]
    before: Callable[[], Any] | None = None
    without: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """What the statements of a query came to; ``scans`` of the slowest: what it read by which index."""

    statements: int
    milliseconds: float
    scans: str


def hot() -> list[Hot]:
    """Name the queries, for the town of the demo and the month before this one."""
    from django.db.models import Count, Exists, OuterRef, Q, Subquery
    from django.utils import timezone

    from bench.county import HOME
    from marketplace.catalogue import selectors as catalogue
    from marketplace.catalogue.models import Product
    from marketplace.desk import months, selectors, statement
    from marketplace.desk.scope import Scope
    from marketplace.partner.models import StockRecord
    from marketplace.partner.strategy import Points
    from marketplace.rewards.selectors import public
    from timebank.common import figures
    from timebank.ledger.models import Account, Posting, Transfer
    from timebank.registry.models import Region, Resident
    from timebank.service.models import NoticeList, Record
    from timebank.service.selectors.records import due_for_credit

    village = Region.objects.get(code=HOME)
    town = Scope(Region.objects.get(path=village.path[: -Region.steplen]))
    city = Scope(Region.objects.get(path=village.path[: 2 * Region.steplen]))
    month = (timezone.localdate().replace(day=1) - dt.timedelta(days=1)).replace(day=1)
    people = Resident.objects.filter(town.below())
    lately = timezone.now() - dt.timedelta(days=30)

    def kept(figure: figures.Figure, place: str = "") -> Callable[[], Any]:
        figures.read(figure, place)  # somebody has asked before
        return lambda: figures.read(figure, place)

    def page_then() -> list[int]:
        accounts = Account.objects.filter(key__in=selectors.wallets(town)).values("pk")
        touched = Posting.objects.filter(Q(debit_id__in=accounts) | Q(credit_id__in=accounts), transfer=OuterRef("pk"))
        end = (month + dt.timedelta(days=32)).replace(day=1)
        rows = Transfer.objects.filter(Exists(touched), effective_on__gte=month, effective_on__lt=end, kind="mint")
        return list(rows.order_by("effective_on", "pk").values_list("pk", flat=True)[:50])

    def lists_then() -> list[Any]:
        rows = NoticeList.objects.filter(town.below()).annotate(
            count=Count("records", distinct=True),
            doubts=Count("records__objections", distinct=True),
        )
        return list(rows.order_by("-published_at", "-pk")[:50])

    def page_of(reader: Points) -> list[int]:
        return list(catalogue.chosen(catalogue.rewards(reader))[:24])

    def page_of_rewards_then(reader: Points) -> list[int]:
        best = reader.stockrecords(StockRecord.objects.filter(product=OuterRef("pk")))
        listed = Product.objects.browsable().annotate(chosen=Subquery(best.values("pk")[:1]))
        rows = listed.filter(chosen__isnull=False).order_by("product_class__kind", "-priority", "upc", "pk")
        return list(rows.values_list("chosen", flat=True)[:24])

    anybody, villager = Points(), Points(village=village)
    place = f"{town.region.path} {month:%Y-%m}"
    return [
        Hot("1", "landing: sums of all", kept(public.PUBLIC), lambda: public.PUBLIC.compute("")),
        Hot(
            "2",
            "points outstanding of the town",
            kept(selectors.OUTSTANDING, town.region.path),
            lambda: selectors.OUTSTANDING.compute(town.region.path),
        ),
        Hot(
            "2",
            "residents of the city",
            kept(selectors.RESIDENTS, city.region.path),
            lambda: selectors.RESIDENTS.compute(city.region.path),
        ),
        Hot(
            "3",
            "statement of the town",
            kept(statement.STATEMENT, town.region.path),
            lambda: statement.STATEMENT.compute(town.region.path),
        ),
        Hot("3", "month of the town: count and sum", kept(months.MONTH, place), lambda: months.MONTH.compute(place)),
        Hot(
            "3",
            "month of the town: a page",
            lambda: list(months.behind_figure(town, month, "minted").rows[:50]),
            page_then,
            ["ledger_transfer_day"],
        ),
        Hot(
            "3",
            "month of the town: a page of tickets",
            lambda: list(months.behind_figure(town, month, "handed_over").rows[:50]),
            without=["ticket_handed_over_at"],
        ),
        Hot("3", "month of a village: count and sum", lambda: months.sums_of(Scope(village), month)),
        Hot("4", "rewards for a visitor: a page", lambda: page_of(anybody), lambda: page_of_rewards_then(anybody)),
        Hot("4", "rewards for a resident: a page", lambda: page_of(villager), lambda: page_of_rewards_then(villager)),
        Hot(
            "5",
            "credit: who is due",
            lambda: list(due_for_credit(timezone.now()).values_list("resident_id", flat=True).distinct()[:500]),
            without=["record_due_for_credit", "record_open"],
        ),
        Hot(
            "5",
            "what was credited lately in the town (prices)",
            lambda: list(Record.objects.filter(town.below(), credited_at__gte=lately).values_list("pk", flat=True)),
            without=["record_village_credited"],
        ),
        Hot("7", "notice lists of the town: a page", lambda: list(selectors.notice_lists(town)[:50]), lists_then),
        Hot(
            "10",
            "residents of the town: a page",
            lambda: list(people.order_by("name", "pk")[:50]),
            without=["resident_name"],
        ),
        Hot(
            "10",
            "residents of the town: who waits",
            lambda: people.filter(status="pending").count(),
            without=["resident_pending"],
        ),
        Hot("10", "overview of the town", lambda: selectors.overview(town), without=["record_open"]),
    ]


def plan(call: Callable[[], Any]) -> Plan:
    """Run a call twice, then plan and run each SELECT that it sent."""
    from django.db import connection

    call()
    sent: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "WITH")):
            sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call()
    total, slowest, scans = 0.0, -1.0, ""
    for sql, params in sent:
        runs = [_explained(connection, sql, params) for _ in range(3)]
        top = min(runs, key=lambda one: one["Execution Time"])
        total += top["Execution Time"]
        if top["Execution Time"] > slowest:
            slowest, scans = top["Execution Time"], ", ".join(list(dict.fromkeys(scans_of(top["Plan"])))[:4])
    return Plan(len(sent), total, scans)


def _explained(connection: Any, sql: str, params: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        (answer,) = cursor.fetchone()
    made: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]
    return made


def scans_of(node: dict[str, Any]) -> list[str]:
    """Say what a plan reads, the most first: table or index, and rows."""
    found: list[tuple[float, str]] = []

    def look(one: dict[str, Any]) -> None:
        rows = (one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"]
        if "Scan" in one["Node Type"] and rows:
            name = one.get("Index Name") or (f"all of {one['Relation Name']}" if "Relation Name" in one else "")
            if name:
                found.append((rows, f"{name} {rows:,.0f}"))
        for below in one.get("Plans", ()):
            look(below)

    look(node)
    return [text for _rows, text in sorted(found, key=lambda one: -one[0])]


class _BackError(Exception):
    """Take back what was dropped."""


def before(one: Hot) -> Plan | None:
    """Plan how it was read then."""
    from django.db import connection, transaction

    if one.before is None and not one.without:
        return None
    made: Plan | None = None
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                for index in one.without:
                    cursor.execute(f"DROP INDEX {index}")
            made = plan(one.before or one.after)
            raise _BackError
    except _BackError:
        return made


def measure() -> list[Row]:
    """Plan every hot query, before and after."""
    rows = []
    for one in hot():
        now, then = plan(one.after), before(one)
        row = Row("county", f"plan {one.row}: {one.name}", round(now.milliseconds, 2), "ms", facts=asdict(now))
        if then is not None:
            row.against, row.against_figure = "before", round(then.milliseconds, 2)
            row.facts = {**row.facts, "before": asdict(then)}
        rows.append(row)
        print(line(row), flush=True)
    return rows


def line(row: Row) -> str:
    """Say a query's plans in one line."""
    then = row.facts.get("before")
    was = f"{then['milliseconds']:,.1f} ms ({then['scans']}) → " if then else ""
    return f"{row.case}: {was}{row.facts['milliseconds']:,.1f} ms ({row.facts['scans']})"


def main(arguments: list[str]) -> int:
    """Print the plans."""
    parser = argparse.ArgumentParser(prog="python -m bench.plans", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    chosen = parser.parse_args(arguments)
    setup()
    rows = measure()
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
