"""B7: the close of a month end to end: what is due is priced, posted, moved on and told, by the sweeps that do it."""

from __future__ import annotations

import statistics
from typing import Any

from bench.clients import Client
from bench.profiling import in_words
from bench.results import Row
from bench.run import Bench

GOAL, VILLAGES, EACH = 5000, 50, 2
UNIT = "records/s"


def run(bench: Bench) -> list[Row]:
    """Measure some months, then profile one."""
    count, months = bench.size.close, min(bench.size.rounds, 3)
    url, found, noises = bench.whole_database("b7"), [], []
    with Client("bench.close_jobs", url, lean=False) as client:
        client.do("prepare", villages=VILLAGES, people=max(1, count // EACH))
        for month in range(months):
            bench.say(f"B7 month {month + 1} of {months}")
            due = client.do("publish", records=count, month=month)
            bench.settle("b7")
            with bench.noise() as noise:
                found.append(client.do("close"))
            if due != count or found[-1]["credited"] != count or found[-1]["failed"]:
                raise RuntimeError(f"B7 closed {found[-1]} of {due} due records, {count} were made")
            noises.append(noise.share)
            client.do("seal_rest")
        client.do("publish", records=count, month=months)
        bench.settle("b7")
        bench.say("B7 under the profiler")
        profile = client.do("profile")
    return rows(found, noises, profile, count)


def rows(found: list[dict[str, Any]], noises: list[float], profile: dict[str, Any], count: int) -> list[Row]:
    """Make the rows: the rate, each step's, statements for a thousand records, memory; the profile in notes."""
    rates = [one["credited"] / one["seconds"] for one in found]
    rate = statistics.median(rates)
    whole = Row("B7", f"close-{count}", round(rate, 1), UNIT, goal=f"≥ {GOAL}", met=rate >= GOAL)
    whole.rounds, whole.foreign = len(rates), round(statistics.median(noises), 3)
    whole.note = f"slowest month {min(rates):,.0f}/s, fastest {max(rates):,.0f}/s; in {VILLAGES} villages"
    made = [whole]
    for step in found[0]["steps"]:
        rate = statistics.median(one["credited"] / one["steps"][step] for one in found)
        made += [Row("B7", step, round(rate, 1), UNIT)]
    per = Row("B7", "statements", round(profile["statements"] * 1000 / count, 1), "statements per 1,000 records")
    per.note = f"{profile['database']:.0%} of the time under the profiler goes by in statements: " + "; ".join(
        f"{one['share']:.1%} {one['count']} × `{one['sql']}`" for one in profile["sql"]
    )
    top = Row("B7", "python", round(1 - profile["database"], 3), "of the time outside statements, profiler on")
    top.note = in_words(profile)
    memory = Row("B7", "memory", round(max(one["peak"] for one in found)), "MB at most")
    return [*made, per, top, memory]
