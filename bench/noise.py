"""How busy the machine was with other things while we measured."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _machine() -> tuple[int, int]:
    """Return (busy, total) ticks of all processors; stolen time counts as busy."""
    fields = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


def _tree(roots: list[int]) -> int:
    """Sum the ticks of these processes, their living descendants and all their ended ones."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            ticks[int(entry.name)] = sum(int(one) for one in fields[11:15])
    ours = set(roots)
    grown = True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours |= found
        grown = bool(found)
    return sum(ticks.get(pid, 0) for pid in ours)


class Noise:
    """Measure the share of the machine that others took: ``with Noise(pids) as noise: …; noise.share``."""

    def __init__(self, roots: list[int]) -> None:
        self.roots = [os.getpid(), *roots]
        self.share = 0.0

    def __enter__(self) -> Noise:
        self._busy, self._total = _machine()
        self._own = _tree(self.roots)
        return self

    def __exit__(self, *args: object) -> None:
        busy, total = _machine()
        own = _tree(self.roots) - self._own
        spent = max(1, total - self._total)
        self.share = max(0.0, (busy - self._busy - own) / spent)
