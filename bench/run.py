"""What the benchmarks share: the server, the sizes, and how a round is measured."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import server as servers
from bench.clients import Client
from bench.noise import Noise
from bench.results import Round
from tests.support import postgres

if TYPE_CHECKING:
    from bench.history import History


@dataclass(frozen=True)
class Size:
    """How much to do. ``seconds`` per sample; ``grown`` is the longer history of B5 and B6, in transfers."""

    name: str
    rounds: int
    seconds: float
    clients: int
    wallets: int
    close: int
    history: int
    grown: int
    peers: bool = True
    lean: bool = False


SIZES = {
    "toy": Size("toy", 1, 0.2, 2, 50, 300, 300, 600, peers=False, lean=True),
    "small": Size("small", 5, 2, 8, 2000, 20_000, 10_000, 100_000),
    "full": Size("full", 9, 5, 8, 2000, 100_000, 10_000, 10_000_000),
}


class Bench:
    """One run: a server, databases on it, and the word on what happens."""

    def __init__(self, server: postgres.Server, size: Size) -> None:
        self.server, self.size = server, size
        self.folder = Path(server.data).parent.parent
        self._postmaster = int((Path(server.data) / "postmaster.pid").read_text().split()[0])
        self._template = False
        self._whole = False
        self.history: History | None = None

    def say(self, text: str) -> None:
        """Tell whoever waits how far we are."""
        print(text, file=sys.stderr, flush=True)

    def database(self, name: str) -> str:
        """Make a database with the ledger's tables; return its URL."""
        if not self._template:
            self.server.create(servers.TEMPLATE)
            with Client("bench.jobs", servers.url_of(self.server, servers.TEMPLATE)) as client:
                client.do("migrate")
            self._template = True
        self.server.create(name, servers.TEMPLATE)
        return servers.url_of(self.server, name)

    def whole_database(self, name: str) -> str:
        """Make a database with every table of the application; return its URL. The tables are kept as a script."""
        if not self._whole:
            self.server.create(servers.WHOLE)
            with Client("bench.close_jobs", servers.url_of(self.server, servers.WHOLE), lean=False) as client:
                kept = servers.KEPT / f"tables-{client.do('digest')}.sql"
                if not servers.restore(self.server, servers.WHOLE, kept):
                    self.say("making all tables, for this and later runs")
                    client.do("migrate")
                    servers.keep(self.server, servers.WHOLE, kept)
            self._whole = True
        self.server.create(name, servers.WHOLE)
        return servers.url_of(self.server, name)

    def settle(self, name: str) -> None:
        """Let no round pay for what was done before it."""
        servers.settle(self.server, name)

    def noise(self) -> Noise:
        """Watch what others take of the machine."""
        return Noise([self._postmaster])

    def round(self, ours: Callable[[], float], other: Callable[[], float]) -> Round:
        """Measure both, one straight after the other."""
        with self.noise() as noise:
            beside = other()
            found = ours()
        return Round(found, beside, noise.share)

    def scripts(self) -> Path:
        """Return a folder for files that a program reads."""
        folder = self.folder / "scripts"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder
