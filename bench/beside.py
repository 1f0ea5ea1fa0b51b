"""Our shop and stock Oscar side by side: the same PostgreSQL, the same products, gunicorn with the same words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench import server
from bench.clients import Client
from bench.http import Browser, Load, Person, RefusedError, free_port, serving, together
from bench.keys import KEYS
from bench.run import Bench

PRODUCTS = 40
USERS = 8
WARM = 0.25  # of a sample's seconds go before the first round, so that nobody is measured compiling templates
WORDS = ["--worker-class", "timebank.common.webworker.Worker", "--workers", "2", "--threads", "4"]
WORDS += ["--keep-alive", "75", "--log-level", "warning", "--no-control-socket"]


@dataclass
class Shop:
    """A shop that is served: where, what it sells, and what one journey asks of the database by step."""

    port: int
    facts: dict[str, Any]
    statements: dict[str, list[int]]
    profile: dict[str, Any]

    def rate(self, person: Callable[[Browser, int], Person], users: int, seconds: float, signed_in: bool) -> float:
        """Let people do their rounds at the same time; return rounds per second, raise when one went wrong."""
        with contextlib.ExitStack() as open_:
            people = []
            for number in range(users):
                cookies = self.facts["people"][number] if signed_in else {}
                browser = open_.enter_context(contextlib.closing(Browser(self.port, dict(cookies))))
                people.append(person(browser, number))
            load: Load = together(people, seconds)
        if load.errors:
            raise RefusedError(load.errors[0])
        return load.rate("round")


@contextlib.contextmanager
def both(bench: Bench, name: str) -> Iterator[tuple[Shop, Shop]]:
    """Make and serve both shops; yield ours and stock Oscar's."""
    bench.say(f"{name} making both shops")
    urls = bench.whole_database(f"{name.lower()}_ours"), server.url_of(bench.server, f"{name.lower()}_oscar")
    bench.server.create(f"{name.lower()}_oscar")
    with Client("bench.shop_jobs", urls[0], lean=False) as client:
        client.do("plain_files")
        mine = client.do("prepare", products=PRODUCTS, residents=USERS, clerks=0)
        counts = [client.do("count", shop=mine)]
        profile = client.do("profile", shop=mine, journeys=name == "B3")
    with Client("bench.peers.oscar.jobs", urls[1], lean=False) as client:
        client.do("migrate")
        theirs = client.do("prepare", products=PRODUCTS, users=USERS)
        counts.append(client.do("count", shop=theirs))
    for kind in ("ours", "oscar"):
        bench.settle(f"{name.lower()}_{kind}")
    folder = bench.folder / name.lower()
    folder.mkdir(exist_ok=True)
    environment = {"VAR_DIR": str(folder), "DEMO": "0", **KEYS}
    ports = free_port(), free_port()
    with (
        _serve("settings.wsgi", ports[0], urls[0], mine, DJANGO_SETTINGS_MODULE="bench.served", **environment),
        _serve("bench.peers.oscar.wsgi", ports[1], urls[1], theirs, **environment),
    ):
        yield Shop(ports[0], mine, counts[0], profile), Shop(ports[1], theirs, counts[1], {})


def _serve(module: str, port: int, url: str, facts: dict[str, Any], **environment: str) -> Any:
    words = ["-m", "gunicorn", module, "--bind", f"127.0.0.1:{port}", *WORDS]
    return serving(words, port, facts["index"], DATABASE_URL=url, **environment)
