"""What was measured: rows in bench/results.json, and the tables of docs/performance.md made from them."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.json"
TABLE = ROOT / "docs" / "performance.md"


@dataclass
class Row:
    """One figure. ``low`` and ``high`` span the rounds' ratios; ``foreign`` is what others took of the machine."""

    id: str
    case: str
    figure: float | None
    unit: str
    against: str = ""
    against_figure: float | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 1
    foreign: float | None = None
    note: str = ""
    commit: str = ""
    at: str = ""
    size: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Round:
    """One round of a comparison: ours and the other's, one straight after the other."""

    ours: float
    other: float
    foreign: float = 0.0


def compare(id: str, case: str, unit: str, against: str, rounds: Sequence[Round], at_least: float | None = None) -> Row:
    """Make a row of rounds: medians of the figures, and the median of the ratios within each round."""
    ratios = [one.ours / one.other for one in rounds]
    ratio = statistics.median(ratios)
    return Row(
        id,
        case,
        round(statistics.median(one.ours for one in rounds), 1),
        unit,
        against,
        round(statistics.median(one.other for one in rounds), 1),
        round(ratio, 3),
        "" if at_least is None else f"≥ {at_least:g}",
        None if at_least is None else ratio >= at_least,
        round(min(ratios), 3),
        round(max(ratios), 3),
        len(rounds),
        round(statistics.median(one.foreign for one in rounds), 3),
    )


def commit() -> str:
    """Name the commit that is measured; ``+`` when something is not committed."""
    try:
        name = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, text=True).strip()
        changed = subprocess.check_output(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", "timebank", "marketplace", "bench/*.py"],
            cwd=ROOT,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+" if changed.strip() else "")


def machine() -> dict[str, Any]:
    """Describe the machine."""
    model, memory = platform.processor() or platform.machine(), 0
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
        memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    except OSError:
        pass
    return {
        "processors": os.cpu_count(),
        "model": model,
        "memory_mb": memory,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def load(path: Path = RESULTS) -> list[dict[str, Any]]:
    """Read what was measured so far."""
    return json.loads(path.read_text()) if path.exists() else []


def store(rows: Sequence[Row], path: Path = RESULTS) -> None:
    """Put these rows in the place of the earlier ones of the same benchmarks."""
    again = {row.id for row in rows}
    kept = [one for one in load(path) if one["id"] not in again]
    fresh = [{key: value for key, value in asdict(row).items() if value not in ("", None, {})} for row in rows]
    for one in fresh:  # these keys always stand
        for key in ("figure", "unit", "against", "ratio"):
            one.setdefault(key, "" if key in {"unit", "against"} else None)
    path.write_text(json.dumps(sorted([*kept, *fresh], key=lambda one: one["id"]), indent=1, ensure_ascii=False) + "\n")


def stamp(rows: Sequence[Row], size: str) -> None:
    """Write on every row what was measured, when, and at which size."""
    name, now = commit(), dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    for row in rows:
        row.commit, row.at, row.size = name, now, size
