"""Start client processes and measure them together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]


class Client:
    """A client process with a connection of its own; see ``bench.worker``."""

    def __init__(
        self, module: str, url: str, *, python: str = sys.executable, ready: bool = True, lean: bool = True
    ) -> None:
        environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "bench.settings"}
        if not lean:  # the whole application even at toy size
            environment.pop("BENCH_LEAN", None)
        command = [python, "-m", "bench.worker", module]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if ready:
            self.answer()

    def send(self, do: str, **job: Any) -> None:
        """Give the process a job."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": do, **job}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the answer to the last job."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a client ended with {self.process.wait()}")
        found = json.loads(line)
        if "error" in found:
            raise RuntimeError(found["error"])
        return found["answer"]

    def do(self, do: str, **job: Any) -> Any:
        """Give the process a job and wait for its answer."""
        self.send(do, **job)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Clients(list[Client]):
    """Several client processes, started side by side."""

    def __init__(self, count: int, module: str, url: str, *, python: str = sys.executable) -> None:
        super().__init__(Client(module, url, python=python, ready=False) for _ in range(count))
        for client in self:
            client.answer()

    def rate(self, count: int, do: str, seconds: float, **job: Any) -> float:
        """Let the first ``count`` of them work at the same time; return what they did per second, together."""
        start = time.time() + 0.05
        for number, client in enumerate(self[:count]):
            client.send(do, start=start, seconds=seconds, seed=number, **job)
        answers = [client.answer() for client in self[:count]]
        return sum(float(one["count"]) / float(one["seconds"]) for one in answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for client in self:
            client.close()
