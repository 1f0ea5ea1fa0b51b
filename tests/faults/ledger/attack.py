"""Attack the ledger and look what was lost: ``python -m tests.faults.ledger.attack WHAT --db … --rounds N``.

Prints what it did and found, the last line as JSON; exit 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support import postgres

DURABLE = {
    **postgres.OPTIONS,
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
}
ROOT = Path(__file__).resolve().parents[3]


class Place:
    """A database of the attack's own that can be killed and started again."""

    def __init__(self, kind: str, home: Path) -> None:
        self.kind = kind
        self.home = home
        if kind == "postgresql":
            found = postgres.find_binaries()
            if found is None:
                raise SystemExit("no PostgreSQL here")
            self.binaries, self.source = found
            self.server = self.start()
            self.server.create("attack")
            self.url = f"postgresql://postgres@/attack?host={home}"
        else:
            self.url = f"sqlite:///{home / 'attack.sqlite3'}"

    def start(self) -> postgres.Server:
        """Start it, also after a crash; orphans of the killed server may need a moment to go."""
        last: Exception | None = None
        for _attempt in range(60):
            try:
                return postgres.start(self.binaries, self.source, self.home, options=DURABLE)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                last = error
                time.sleep(0.5)
        raise SystemExit(f"PostgreSQL does not come up again: {last}")

    def kill(self) -> None:
        """kill -9 the server and all its processes: exactly these, found by their parent."""
        first = int((self.home / "data" / "postmaster.pid").read_text().split()[0])
        family = [first, *_children(first)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Take it down for good."""
        if self.kind == "postgresql":
            with contextlib.suppress(RuntimeError, subprocess.CalledProcessError):
                postgres.stop(self.server)


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


def prepare(place: Place) -> None:
    """Migrate and open the accounts."""
    os.environ["DATABASE_URL"] = place.url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.faults.ledger.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    from tests.faults.ledger.workers import WALLETS
    from timebank.ledger import services as ledger
    from timebank.ledger.services.accounts import NewAccount
    from timebank.ledger.types import Leg, TransferSpec

    opened = [NewAccount(key, "wallet") for key in [*WALLETS, "one"]]
    ledger.open_accounts(accounts=[*opened, *(NewAccount(key, "system") for key in ("issuance", "shop", "bath"))])
    for key in WALLETS:
        ledger.post(TransferSpec(f"open:{key}", "mint", (Leg("issuance", key, 60),)))


def end(pids: list[int]) -> None:
    """kill -9 these processes of ours and collect them."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)


def read_diaries(home: Path) -> dict[str, set[str]]:
    """Collect the diaries: mark → keys."""
    marks: dict[str, set[str]] = {"T": set(), "A": set(), "R": set(), "E": set()}
    for file in home.glob("diary-*"):
        for line in file.read_text().splitlines():
            mark, _, key = line.partition(" ")
            marks[mark].add(key)
    return marks


def judge(home: Path) -> dict[str, Any]:
    """Compare what was acknowledged with what is there, and verify every promise."""
    from django.db import connections

    from timebank.ledger.models import Transfer, Unsealed
    from timebank.ledger.services import seal_all
    from timebank.ledger.verify import verify

    connections.close_all()
    marks = read_diaries(home)
    there = Counter(Transfer.objects.exclude(key__startswith="open:").values_list("key", flat=True))
    lost = sorted(key for key in marks["A"] if not there[key])
    twice = sorted(key for key, count in there.items() if count > 1)
    refused_but_there = sorted(marks["R"] & set(there))
    seal_all()
    report = verify(most=5)
    connections.close_all()
    return {
        "tried": len(marks["T"]),
        "acknowledged": len(marks["A"]),
        "refused": len(marks["R"]),
        "database_errors": len(marks["E"]),
        "unanswered_but_whole": len((marks["T"] - marks["A"] - marks["R"]) & set(there)),
        "transfers": sum(there.values()),
        "unsealed": Unsealed.objects.count(),
        "seals": report.seals,
        "lost": lost[:5],
        "twice": twice[:5],
        "refused_but_there": refused_but_there[:5],
        "findings": [str(one) for one in report.findings[:5]],
    }


def kills(place: Place, home: Path, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Kill clients (and, on PostgreSQL, every third time the server) in the middle of their work."""
    from tests.faults.ledger import workers

    killed = Counter()
    for number in range(rounds):
        until = time.monotonic() + 60
        pids = [
            workers.spawn(workers.post_for_ever, home / f"diary-{number}-{n}", f"{number}-{n}", number * 10 + n, until)
            for n in range(4)
        ]
        pids += [workers.spawn(workers.seal_for_ever, until) for _ in range(2)]
        _wait_for_work(home, number)
        time.sleep(dice.uniform(0.05, 0.6))
        if place.kind == "postgresql" and number % 3 == 2:
            place.kill()
            killed["server"] += 1
            time.sleep(dice.uniform(0, 0.2))
            end(pids)
            place.server = place.start()
        else:
            end(pids)
            killed["clients"] += len(pids)
        if number % 10 == 9:
            print(f"round {number + 1} of {rounds}: {dict(killed)}", flush=True)
    return {"rounds": rounds, "killed": dict(killed), **judge(home)}


def _wait_for_work(home: Path, number: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any("A " in file.read_text() for file in home.glob(f"diary-{number}-*")):
            return
        time.sleep(0.02)
    raise SystemExit("the workers do not get anything done")


def overdraft(place: Place, home: Path, rounds: int, dice: random.Random) -> dict[str, Any]:
    """400 attempts of 8 processes on 100 points."""
    from tests.faults.ledger import workers
    from timebank.ledger import selectors as read
    from timebank.ledger import services as ledger
    from timebank.ledger.types import Leg, TransferSpec

    ledger.post(TransferSpec("open:one", "mint", (Leg("issuance", "one", 100),)))
    pids = [workers.spawn(workers.spend_all, home / f"diary-{n}", f"s{n}", 50) for n in range(8)]
    codes = [os.waitpid(pid, 0)[1] for pid in pids]
    answer = judge(home)
    marks = sum(len(file.read_text().splitlines()) for file in home.glob("diary-*"))
    answer |= {"attempts": marks, "succeeded": answer["acknowledged"], "left": read.balance_of("one").total}
    if answer["succeeded"] != 100 or answer["left"] or marks != 400 or any(codes):
        answer["findings"].append(f"{answer['succeeded']} of {marks} succeeded, {answer['left']} left, ended {codes}")
    answer["lost"] = [] if not answer["lost"] else answer["lost"]
    return answer


def control(place: Place, home: Path, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Kill code that does not post in one transaction: the judge must find what it left half done."""
    from tests.faults.ledger import workers

    pid = workers.spawn(workers.careless_for_ever, home / "diary-0-0", "careless", time.monotonic() + 60)
    _wait_for_work(home, 0)
    end([pid])
    from django.db import connections

    from timebank.ledger.verify import verify

    connections.close_all()
    found = [str(one) for one in verify().findings]
    return {"found_by_the_judge": found[:3], "findings": [] if found else ["the judge saw nothing: it proves nothing"]}


def full(place: Place, home: Path, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Let the disk run full while posting, make app, and look what is left."""
    from django.db import DatabaseError, connection

    from tests.faults.ledger import workers

    if place.kind == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 30}")
    else:
        free = shutil.disk_usage(place.home).free
        ballast = place.home / "ballast"
        with ballast.open("wb") as file:
            file.write(b"\0" * max(0, free - 2_500_000))
    diary, generator, paid, errors = workers.Diary(home / "diary-0-0"), random.Random(1), [], 0
    for number in range(20_000):
        key = f"full:{number}"
        diary.note("T", key)
        try:
            workers._one(generator, key, paid)
            diary.note("A", key)
        except workers.LedgerError:
            diary.note("R", key)
        except DatabaseError as error:
            diary.note("E", key)
            errors += 1
            last = str(error).strip()
            with contextlib.suppress(DatabaseError):
                connection.close()
            if place.kind == "sqlite" or errors > 5:
                break
            time.sleep(0.2)
    if place.kind == "postgresql":
        ballast.unlink()
        with contextlib.suppress(Exception):
            place.kill()
        place.server = place.start()
    connection.close()
    answer = {"errors_while_full": errors, "last_error": last[:120] if errors else "", **judge(home)}
    if not errors:
        answer["findings"].append("the disk never ran full")
    return answer


def main() -> int:
    """Run one attack on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["kills", "overdraft", "control", "full"])
    parser.add_argument("--db", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="where the database lives (a small disk for `full`)")
    given = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="attack-", dir=given.home))
    base.chmod(0o755)
    diaries = Path(tempfile.mkdtemp(prefix="attack-diaries-"))
    place = Place(given.db, base)
    try:
        prepare(place)
        answer = globals()[given.what](place, diaries, given.rounds, random.Random(given.seed))
    finally:
        place.close()
        shutil.rmtree(base, ignore_errors=True)
        shutil.rmtree(diaries, ignore_errors=True)
    broken = [name for name in ("lost", "twice", "refused_but_there", "findings") if answer.get(name)]
    print(f"{given.what} on {given.db}: {'BROKEN: ' + ', '.join(broken) if broken else 'every promise held'}")
    print(json.dumps(answer))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
