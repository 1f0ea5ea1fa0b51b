"""B6: sealing, verifying, and what verifying finds."""

from __future__ import annotations

from bench.clients import Client
from bench.history import history
from bench.jobs import TAMPERING
from bench.results import Row
from bench.run import Bench

SEAL_GOAL, MEMORY_GOAL = 15_000, 300


def run(bench: Bench) -> list[Row]:
    """Measure on the long history, spoil rows of the short one."""
    found = history(bench)
    rates = [count / seconds for count, seconds in found.seals]
    rate = sum(count for count, _seconds in found.seals) / sum(seconds for _count, seconds in found.seals)
    rows = [
        Row(
            "B6",
            f"seal-{bench.size.grown}",
            round(rate, 1),
            "transfers/s",
            goal=f"≥ {SEAL_GOAL}",
            met=rate >= SEAL_GOAL,
            rounds=len(rates),
            foreign=round(found.foreign, 3),
            note=f"slowest seal {min(rates):,.0f}/s, fastest {max(rates):,.0f}/s",
        )
    ]
    bench.say("B6 verifying the long history")
    with Client("bench.jobs", found.long) as client, bench.noise() as noise:
        before = client.do("peak")
        report = client.do("verify")
    share = round(noise.share, 3)
    entries = report["postings"]
    clean = "" if report["clean"] else f"NOT CLEAN: {report['findings']}"
    rows.append(
        Row("B6", f"verify-{entries}", round(entries / report["seconds"], 1), "entries/s", foreign=share, note=clean)
    )
    memory = Row("B6", f"verify-{entries}-memory", round(report["peak"]), "MB at most", goal=f"< {MEMORY_GOAL}")
    with Client("bench.jobs", found.short) as client:
        less = client.do("verify")
    memory.met = report["peak"] < MEMORY_GOAL
    memory.note = f"{before:.0f} MB before it began; {less['peak']:.0f} MB at most for {less['postings']:,} entries"
    rows.append(memory)
    with Client("bench.jobs", found.short) as client:
        for kind in TAMPERING:
            bench.say(f"B6 one row {kind}")
            seen = client.do("tamper", kind=kind)
            named = [one for one in seen["findings"] if f"{seen['expected']}:" in one]
            row = Row("B6", f"row {kind}", len(named), "findings that name it", goal="≥ 1", met=bool(named))
            row.note = (named or seen["findings"] or ["nothing was found"])[0]
            if kind.startswith("cut"):
                row.note += f"; without the digest from outside {seen['without']} findings"
            rows.append(row)
    return rows
