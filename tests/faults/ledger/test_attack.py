"""The attacks in a short form; ``make attack`` (``ATTACK=long``) runs the long one: 200 kills on PostgreSQL."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import databases

LONG = os.environ.get("ATTACK") == "long"
KIND = databases.kind()
ROOT = Path(__file__).resolve().parents[3]


def attack(what: str, *more: str, expect: int = 0) -> dict[str, Any]:
    """Run one attack in a process of its own and return what it found."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.ledger.attack", what, "--db", KIND, *more],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr[-2000:])
    assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow("kills processes for a while")
@pytest.mark.timeout(7200)
def test_whoever_is_killed_nothing_acknowledged_is_lost_and_nothing_is_half_there():
    rounds = (200 if KIND == "postgresql" else 60) if LONG else 6
    found = attack("kills", "--rounds", str(rounds))
    assert found["acknowledged"] > rounds
    assert found["unsealed"] == 0


@pytest.mark.timeout(600)
def test_the_judge_sees_what_careless_code_leaves_half_done():
    assert "moves nothing" in " ".join(attack("control")["found_by_the_judge"])


@pytest.mark.timeout(900)
def test_400_attempts_of_8_processes_on_100_points():
    found = attack("overdraft")
    assert (found["attempts"], found["succeeded"], found["left"]) == (400, 100, 0)


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Mount a small disk, where we may."""
    folder = Path(tempfile.mkdtemp(prefix="attack-disk-"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        folder.rmdir()
        pytest.skip("no small disk can be mounted here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        folder.rmdir()


@pytest.mark.timeout(900)
def test_a_full_disk_refuses_and_loses_nothing():
    if KIND == "sqlite":
        found = attack("full")
    else:
        with small_disk(160) as folder:
            found = attack("full", "--home", str(folder))
    assert found["errors_while_full"] > 0
    assert found["acknowledged"] > 0


@pytest.mark.django_db
def test_a_clock_that_jumps_back_breaks_nothing(time_machine):
    from timebank.ledger import selectors as read
    from timebank.ledger import services as ledger
    from timebank.ledger.models import Seal
    from timebank.ledger.types import Leg, TransferSpec
    from timebank.ledger.verify import verify

    ledger.open_account(key="issuance", kind="system")
    ledger.open_account(key="li", kind="wallet")
    noon = dt.datetime(2030, 6, 1, 4, tzinfo=dt.UTC)
    for number, moment in enumerate([noon, noon - dt.timedelta(days=400), noon + dt.timedelta(days=2), noon]):
        time_machine.move_to(moment)
        ledger.post(TransferSpec(f"m{number}", "mint", (Leg("issuance", "li", 1 + number),)))
        ledger.seal()
    assert [line.amount for line in read.statement("li").lines] == [4, 3, 2, 1]
    assert [line.balance_after for line in read.statement("li").lines] == [10, 6, 3, 1]
    assert Seal.objects.count() == 4
    assert verify().clean
