"""What the measured processes do: calls of the ledger's public services and selectors, nothing else."""

from __future__ import annotations

import calendar
import datetime as dt
import random
import time
from typing import Any

from bench.worker import timed

WALLETS, PARTNERS, LOTS = 2000, 200, 4
PRICE = 700  # 7 points


def setup() -> None:
    """Start the application."""
    import django

    django.setup()


def wallet(number: int) -> str:
    """Name a wallet."""
    return f"wallet:resident:{number}"


def partner(number: int) -> str:
    """Name the account that a partner's redemptions are paid to."""
    return f"redeemed:partner:{number}"


def month_ends(count: int) -> list[dt.date]:
    """List the ends of the coming months: the days on which lots expire."""
    today = dt.datetime.now(dt.UTC).date()
    found = []
    for ahead in range(1, count + 1):
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        found.append(dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1]))
    return found


def migrate() -> None:
    """Make the ledger's tables, triggers and partitions."""
    from django.core.management import call_command

    call_command("migrate", "ledger", verbosity=0, interactive=False)


def seed(wallets: int = WALLETS, lot: int = 100_000, lots: int = LOTS) -> None:
    """Open the accounts, fill every wallet with lots of different months, seal that."""
    from timebank.ledger import services
    from timebank.ledger.services.accounts import NewAccount
    from timebank.ledger.types import Kind, Leg, TransferSpec

    services.open_accounts(
        accounts=[
            NewAccount("issuance:region:1", Kind.SYSTEM),
            *(NewAccount(partner(n), Kind.SYSTEM) for n in range(PARTNERS)),
            NewAccount("wallet:hot", Kind.WALLET),
            *(NewAccount(wallet(n), Kind.WALLET) for n in range(wallets)),
        ]
    )
    days = month_ends(lots)
    specs = [
        TransferSpec(
            f"seed:{n}", "mint", tuple(Leg("issuance:region:1", wallet(n), lot, expires_on=day) for day in days)
        )
        for n in range(wallets)
    ]
    assert all(one.posted for one in services.post_many(specs))
    services.seal_all()


def statements() -> int:
    """Count the data statements of one redemption."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from timebank.ledger import services

    services.post(redemption(0, partner(0), "statements:warm"))
    with CaptureQueriesContext(connection) as seen:
        services.post(redemption(0, partner(0), "statements:counted"))
    return len([one for one in seen.captured_queries if one["sql"] not in {"BEGIN", "COMMIT"}])


def redemption(number: int, to: str, key: str) -> Any:
    """Describe a redemption as the shop does."""
    from timebank.ledger.types import Leg, TransferSpec

    return TransferSpec(
        key,
        "redeem",
        (Leg(wallet(number), to, PRICE),),
        reason="order",
        actor=f"resident:{number}",
        source=f"order:{key}",
    )


def redeem(start: float, seconds: float, seed: int, case: str, run: str, wallets: int = WALLETS) -> dict[str, float]:
    """Redeem as fast as one client can. ``case``: who is paid, or ``gift``: another wallet."""
    from timebank.ledger import services

    rng = random.Random(f"{run} {seed}")
    post, pick = services.post, rng.randrange
    count = 0

    def once() -> None:
        nonlocal count
        count += 1
        number = pick(wallets)
        if case == "hot":
            to = partner(0)
        elif case == "spread":
            to = partner(pick(PARTNERS))
        elif case == "running":  # the same code, but the account that everybody pays keeps a running balance
            to = "wallet:hot"
        else:
            to = wallet((number + 1 + pick(wallets - 1)) % wallets)
        post(redemption(number, to, f"redemption:{run}-{seed}-{count}:pay"))

    return timed(once, start, seconds)


def seal_beside(start: float, seconds: float, every: float = 1.0) -> dict[str, float]:
    """Seal what waits, every second, as a worker beside the clients does."""
    from timebank.ledger import services

    time.sleep(max(0.0, start - time.time()))
    until, cpu, sealed = time.time() + seconds, time.process_time(), 0
    while (left := until - time.time()) > 0:
        began = time.time()
        sealed += sum(one.count for one in services.seal_all())
        time.sleep(max(0.0, min(left, every - (time.time() - began))))
    return {"sealed": sealed, "cpu": time.process_time() - cpu}


def seal_rest() -> int:
    """Seal what is left."""
    from timebank.ledger import services

    return sum(one.count for one in services.seal_all())


def verify(digests: list[str] | None = None) -> dict[str, Any]:
    """Verify everything and say how much memory this process needed at most (MB)."""
    from timebank.ledger.verify import verify as run

    report = run(digests=digests or [])
    return {**report.as_dict(), "peak": peak(), "findings": [str(one) for one in report.findings]}


def peak() -> float:
    """Return the most memory this process ever held, in MB (Linux)."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
