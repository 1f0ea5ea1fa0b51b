"""Render docs/performance.md from bench/results.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.results import Row

TITLES = {
    "B1": "B1: a redemption through the public service",
    "B2": "B2: the close of a month",
    "B3": "B3: redeeming over HTTP beside stock Oscar",
    "B4": "B4: pages beside stock Oscar",
    "B5": "B5: growth with history",
    "B6": "B6: sealing and verifying",
    "B7": "B7: the close of a month end to end",
    "B8": "B8: load on the embedded default",
}
WORDS = {
    "B1": """
`ledger.post` with idempotency key, wallet guard, lots (first-expiring first) and the sealer's queue, while a
sealer runs beside it, every client a process of its own; against pgbench (written in C) running the least SQL
that moves an amount: one transfer, two entries, two guarded balance updates, one commit, prepared. *hot*: all
pay one account. *spread*: the yardstick between two of many accounts, ours from a wallet to one of 200
partners. *gift*: ours from wallet to wallet, the yardstick as in spread. The peer, django-hordak
(`account.transfer_to`) with the lock and the look at the balance that its user has to add against overdraft, keeps no
key, no lots and no seal. *commit-2ms*: `commit_delay =
2000`, `commit_siblings = 0`; beside it the same code paying an account that keeps a running balance.
""",
    "B2": """
`post_many` of one mint for each record, against one raw `INSERT … SELECT` for each table of the very rows that
it wrote (transfers, postings, sealer's queue, lots) into tables with the same columns, checks and indexes, which
hold the months before as ours do.
""",
    "B3": """
Eight signed-in people, whole journeys over HTTP, each the shortest that the shop offers: ours product, "redeem now",
check, redeem, tickets; theirs the installed stock Oscar's product, basket, checkout, preview, place the order, thanks
(goods without shipping, no payment, mail thrown away). Both under gunicorn with the same words, on the same PostgreSQL,
40 products. *Statements*: the second journey of one person, without those that only open or end a transaction; from
adding to redeeming is without the product's page and the page after.
""",
    "B4": """
Four people who ask for one page after the other, of the same two shops; 24 products a page in both. Ours keeps the
drawn list for five seconds in each web process (docs/adr/0063-kept-shelf.md), stock Oscar draws every page anew; the
profile is of a list drawn anew.
""",
    "B5": """
The same work on two databases that differ only in the length of their history, in turns.
""",
    "B6": """
Sealing what waits; verifying all; and one row changed, removed, added or swapped by somebody with all rights.
""",
    "B7": """
Published records of two a person in fifty villages, whose notice is over, under an adopted scheme: the sweep that
credits them (lock, read, history, price, post, move, standings, events) and the sweep that tells each person, run
until nothing is due, by one process. The next month is closed once more under a profiler, which about doubles its time.
""",
    "B8": """
A village's shop in SQLite, served by `manage.py serve --prepare` with its task worker and clock as `make run` does:
readers go from page to page, redeemers go the whole way from a reward to its ticket, scanners hand the tickets over;
each begins the next page as soon as the last one came. Threads of one other process on the same machine. *Every
request* is each request by itself; what is named below is a step as a person does it, with the page that it leads to:
two requests to check, to redeem and to hand over.
""",
}
QUIET = 0.1
BEGIN = """# Performance of the ledger

Written by `python -m bench` from `bench/results.json`: no figure here is typed by hand. Every ratio is the median of
the ratios of rounds in which both sides took turns on the same server; *spread* is the lowest and highest of them.
*Others* is the share of the machine that other programs took meanwhile: the higher, the less the absolute figures mean.
"""


def number(value: Any) -> str:
    """Write a figure."""
    if value is None:
        return "–"
    if float(value).is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.3g}"


def line(row: Row) -> str:
    """Say one row on the terminal."""
    if row.case == "run":
        return f"{row.id} took {row.facts['minutes']} min"
    if row.note and row.figure is None:
        return f"{row.id} {row.case}: {row.note}"
    text = f"{row.id} {row.case}: {number(row.figure)} {row.unit}"
    if row.ratio is not None:
        text += f", {row.ratio:g} of {row.against} (rounds {row.low:g} to {row.high:g})"
    if row.goal:
        text += f", goal {row.goal}: {'met' if row.met else 'NOT MET'}"
    return text


def render(rows: Sequence[dict[str, Any]]) -> str:
    """Return the page."""
    parts = [BEGIN]
    missed = [one for one in rows if one.get("met") is False]
    absent = [one for one in rows if one.get("figure") is None and one["case"] != "run"]
    parts.append("## What is not met\n")
    parts += [f"- {_missed(one)}" for one in missed]
    parts += [f"- {one['id']} {one['case']}: {one.get('note', 'not measured')}" for one in absent]
    parts += [f"- {name}: not measured yet" for name in TITLES if not any(one["id"] == name for one in rows)]
    if len(parts) == 2:
        parts.append("Nothing: every goal was met.")
    for name, title in TITLES.items():
        mine = [one for one in rows if one["id"] == name]
        if mine:
            parts += ["", f"## {title}\n", WORDS[name].strip(), "", *_busy(mine), *_table(mine)]
    if mine := [one for one in rows if one["id"] == "county" and one.get("figure") is not None]:
        parts += ["", *_county(mine)]
    return "\n".join(parts) + "\n"


COUNTY = """## Pages at a town's or county's size

`python -m bench.county` grows the demo, `python -m bench.plans` prints these plans (EXPLAIN ANALYZE: the sum of its
statements, and what the slowest of them reads, with rows), `python -m bench.walk` asks for every page of every role.
*Before*: without the index that was made for it, in the words of then, or adding up what is kept by now. The numbers
are the rows of the findings that the work began with. Row 6, the close, is B7; rows 8 and 9, files of whole
lists and connections that are kept open, are no statements of a page.

| Row | Query | Before ms | After ms | Before it read | It reads |
|--:|---|--:|--:|---|---|"""


def _county(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say what the hot queries read, before and after, and which pages are over their budget."""
    lines = [COUNTY]
    for one in rows:
        if one["case"].startswith("plan "):
            row, name = one["case"].removeprefix("plan ").split(": ", 1)
            facts = one["facts"]
            then = facts.get("before", {})
            lines.append(
                f"| {row} | {name} | {number(then.get('milliseconds'))} | {number(one['figure'])} "
                f"| {then.get('scans', '')} | {facts['scans']} |"
            )
    for one in rows:
        if one["case"] == "walk":
            lines += ["", *_walk(one)]
    first = rows[0]
    made = f"Measured {first.get('at', '')} at commit `{first.get('commit', '')}`, size {first.get('size', '')}."
    return [*lines, "", made]


def _walk(one: dict[str, Any]) -> list[str]:
    facts = one["facts"]
    busy = ""
    if facts["busy"]:
        busy = " **The machine had more to do than it can: milliseconds were not judged; walk again on a quiet one.**"
    who = f"Walked as {', '.join(facts['roles'])}: {number(one['figure'])} {one['unit']}"
    lines = [
        f"{who}; most statements of a page: {facts['statements']}; load of the machine: {facts['load']}.{busy}",
        "",
        "| Role | Page | Statements | ms | of them in the database | Slowest statement | Why |",
        "|---|---|--:|--:|--:|---|---|",
    ]
    return lines + [
        f"| {page['role']} | {page['page']} | {page['statements']} | {page['ms']} | {page['database']} "
        f"| {page['slowest']} | {page.get('reason') or '**not said**'} |"
        for page in facts["pages"]
    ]


def _busy(rows: Sequence[dict[str, Any]]) -> list[str]:
    most = max((one["foreign"] for one in rows if one.get("foreign") is not None), default=0)
    if most < QUIET:
        return []
    text = (
        f"**The machine was not quiet:** other programs took up to {most:.0%} of it. Neither a goal met nor a goal "
        "missed here means much; measure again."
    )
    return [text, ""]


def _missed(one: dict[str, Any]) -> str:
    value = one["ratio"] if one.get("ratio") is not None else one["figure"]
    against = f" of {one['against']}" if one.get("against") else f" {one['unit']}"
    return f"{one['id']} {one['case']}: {number(value)}{against}, the goal is {one['goal']}"


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "| Case | Ours | Unit | Against | Theirs | Ratio | Spread | Rounds | Others | Goal | |",
        "|---|--:|---|---|--:|--:|---|--:|--:|---|---|",
    ]
    for one in rows:
        if one["case"] == "run" or one.get("figure") is None:
            continue
        spread = f"{number(one['low'])} to {number(one['high'])}" if one.get("low") is not None else ""
        foreign = f"{one['foreign']:.0%}" if one.get("foreign") is not None else ""
        met = {True: "met", False: "**not met**"}.get(one.get("met"), "")  # type: ignore[arg-type]
        theirs = number(one.get("against_figure")) if one.get("against_figure") is not None else ""
        ratio = number(one["ratio"]) if one.get("ratio") is not None else ""
        lines.append(
            f"| {one['case']} | {number(one['figure'])} | {one['unit']} | {one['against']} | {theirs} | {ratio} "
            f"| {spread} | {one.get('rounds', 1)} | {foreign} | {one.get('goal', '')} | {met} |"
        )
    notes = [f"- {one['case']}: {one['note']}" for one in rows if one.get("note")]
    run = next((one for one in rows if one["case"] == "run"), None)
    return [*lines, "", *notes, *([""] if notes else []), *_facts(run)]


def _facts(run: dict[str, Any] | None) -> list[str]:
    if run is None:
        return []
    facts = run["facts"]
    options = ", ".join(f"{name}={value}" for name, value in facts["options"].items())
    text = (
        f"Measured {run['at']} at commit `{run['commit']}` by `{facts['command']}` in {facts['minutes']} min on "
        f"{facts['processors']} processors ({facts['model']}), {facts['memory_mb']:,} MB, {facts['system']}, Python "
        f"{facts['python']}, PostgreSQL {facts['postgresql']} with {options}; clients and server share the machine."
    )
    return [text]
