"""A client process: reads one job per line, answers one line. Standard library only, so that peers can use it too.

    python -m bench.worker <module with the jobs>

A job is ``{"do": name, …arguments}``; the module's ``setup()`` is called first. ``timed`` is the loop of all rates.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any


def timed(once: Callable[[], object], start: float, seconds: float) -> dict[str, float]:
    """Call ``once`` from the moment ``start`` on, for so many seconds; return count, time taken and own CPU time."""
    time.sleep(max(0.0, start - time.time()))
    clock = time.perf_counter
    count, began, cpu = 0, clock(), time.process_time()
    until = began + seconds
    while clock() < until:
        once()
        count += 1
    return {"count": count, "seconds": clock() - began, "cpu": time.process_time() - cpu}


def main(name: str) -> None:
    """Answer jobs until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints, prints to the error output
    module = importlib.import_module(name)
    module.setup()
    print(json.dumps({"answer": "ready"}), file=answers, flush=True)
    for line in sys.stdin:
        job: dict[str, Any] = json.loads(line)
        try:
            found = {"answer": getattr(module, job.pop("do"))(**job)}
        except Exception:  # noqa: BLE001  (the parent shows it and stops)
            found = {"error": traceback.format_exc()}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
