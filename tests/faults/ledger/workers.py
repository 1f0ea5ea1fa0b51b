"""Processes that post until they are killed, and write down what they tried and what was acknowledged."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import sys
import time
from pathlib import Path

from django.db import DatabaseError, connection, connections

from timebank.ledger import services as ledger
from timebank.ledger.errors import LedgerError
from timebank.ledger.types import Leg, TransferSpec

WALLETS = [f"wallet:{n}" for n in range(12)]
FAR = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


class Diary:
    """An append-only file; what was written to it survives the death of its writer."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, mark: str, key: str) -> None:
        """Write one line: T tried, A acknowledged, R refused, E database error."""
        os.write(self.file, f"{mark} {key}\n".encode())


def spawn(work, *args) -> int:
    """Fork a process that runs ``work``; the caller has no open connection, so none is shared."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work(*args)
        code = 0
    except BaseException as error:  # noqa: BLE001 (whatever it is, the process ends here)
        sys.stderr.write(f"worker: {type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def post_for_ever(path: Path, name: str, seed: int, until: float) -> None:
    """Post a random mix of everything; say before what will be tried, and after what was acknowledged."""
    dice, diary, number, paid = random.Random(seed), Diary(path), 0, []
    while time.monotonic() < until:
        number += 1
        key = f"{name}:{number}"
        diary.note("T", key)
        try:
            _one(dice, key, paid)
        except LedgerError:
            diary.note("R", key)
        except DatabaseError:
            diary.note("E", key)
            with contextlib.suppress(DatabaseError):
                connection.close()
            time.sleep(0.05)
        else:
            diary.note("A", key)


def _one(dice: random.Random, key: str, paid: list[int]) -> None:
    wallet, other = dice.sample(WALLETS, 2)
    amount, choice = dice.randint(1, 50), dice.randrange(8)
    if choice in {0, 1}:
        legs = (Leg("issuance", wallet, amount * 3, dt.date(2099, 1 + dice.randrange(12), 28)),)
        ledger.post(TransferSpec(key, "mint", legs))
    elif choice in {2, 3}:
        legs = (Leg(wallet, "shop", amount), Leg(wallet, "bath", 1))
        paid.append(ledger.post(TransferSpec(key, "redeem", legs)).id)
    elif choice == 4:
        ledger.post(TransferSpec(key, "gift", (Leg(wallet, other, amount),)))
    elif choice == 5 and paid:
        ledger.refund(dice.choice(paid), amount=1, key=key, reason="", actor="")
    elif choice == 6:
        held = ledger.hold(key=key, wallet=wallet, amount=amount, expires_at=FAR)
        ledger.capture(held.pk, to="shop", amount=max(1, amount // 2), key=f"{key}:capture", actor="")
    else:
        specs = [TransferSpec(f"{key}:{n}", "mint", (Leg("issuance", wallet, 1),)) for n in range(9)]
        ledger.post_many([*specs, TransferSpec(key, "mint", (Leg("issuance", other, 1),))])


def seal_for_ever(until: float) -> None:
    """Seal again and again."""
    while time.monotonic() < until:
        try:
            ledger.seal(limit=40)
        except DatabaseError:
            with contextlib.suppress(DatabaseError):
                connection.close()
        time.sleep(0.01)


def careless_for_ever(path: Path, name: str, until: float) -> None:
    """The control: post without one transaction around it, as code without our ledger does."""
    diary, number = Diary(path), 0
    while time.monotonic() < until:
        number += 1
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_transfer (uuid, key, request_hash, content_hash, unit, kind, posted_at, "
                "effective_on, reason, memo, actor, on_behalf_of, source, rule) VALUES (%s, %s, '', '', 1, 'x', "
                "'2030-01-01 00:00:00', '2030-01-01', '', '', '', '', '', '')",
                [f"{number:032x}", f"{name}:{number}"],
            )
            diary.note("A", f"{name}:{number}")
            time.sleep(0.05)  # the rest of the work, in its own transactions


def spend_all(path: Path, name: str, times: int) -> None:
    """Try to spend 1 so often; note each success."""
    diary = Diary(path)
    for number in range(times):
        try:
            ledger.post(TransferSpec(f"{name}:{number}", "redeem", (Leg("one", "shop", 1),)))
            diary.note("A", f"{name}:{number}")
        except LedgerError as refusal:
            diary.note("R", refusal.code)
