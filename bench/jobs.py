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


# -- B2 ----------------------------------------------------------------------------------------------------------------
def open_wallets(count: int) -> None:
    """Open the accounts of a month close."""
    from timebank.ledger import services
    from timebank.ledger.services.accounts import NewAccount
    from timebank.ledger.types import Kind

    services.open_accounts(accounts=[NewAccount("issuance:region:1", Kind.SYSTEM)])
    services.open_accounts(accounts=[NewAccount(wallet(n), Kind.WALLET) for n in range(count)])


def close_month(records: int, wallets: int, month: int) -> dict[str, float]:
    """Mint for each verified record of a month; return the seconds ``post_many`` took and the ids it wrote between."""
    from timebank.ledger import services
    from timebank.ledger.types import Leg, TransferSpec

    day = month_ends(month + 1)[-1]
    specs = [
        TransferSpec(
            f"mint:record:{month}-{n}",
            "mint",
            (Leg("issuance:region:1", wallet(n % wallets), 100 + n % 900, expires_on=day),),
            reason="service",
            actor="month close",
            source=f"record:{month}-{n}",
            rule="hours:1",
        )
        for n in range(records)
    ]
    began = time.perf_counter()
    results = services.post_many(specs)
    spent = time.perf_counter() - began
    ids = [one.posted.id for one in results if one.posted]
    assert len(ids) == records
    return {"seconds": spent, "first": min(ids), "last": max(ids)}


# -- B5 and B6 ---------------------------------------------------------------------------------------------------------
BUSY = 200  # wallets that carry the history


def grow(transfers: int, wallets: int, part: str) -> int:
    """Write history: points earned and redeemed in turn by the busy wallets, half of it at one partner."""
    from timebank.ledger import services
    from timebank.ledger.types import Leg, TransferSpec

    rng = random.Random(part)
    days = month_ends(LOTS)
    for start in range(0, transfers, 2000):  # credits and payments by turns, a batch of each
        count = min(2000, transfers - start)
        credits_ = []
        payments = []
        for n in range(start, start + count, 2):
            number = rng.randrange(min(BUSY, wallets))
            leg = Leg("issuance:region:1", wallet(number), PRICE, expires_on=days[n // 2 % LOTS])
            credits_.append(TransferSpec(f"grow:{part}:{n}", "mint", (leg,), reason="service", rule="hours:1"))
        for n in range(start + 1, start + count, 2):
            number = rng.randrange(min(BUSY, wallets))
            leg = Leg(wallet(number), partner(0 if n % 4 == 1 else rng.randrange(PARTNERS)), PRICE)
            payments.append(TransferSpec(f"grow:{part}:{n}", "redeem", (leg,), reason="order"))
        assert all(one.posted for specs in (credits_, payments) for one in services.post_many(specs))
    return transfers


def seal_timed() -> list[tuple[int, float]]:
    """Seal all that waits; return count and seconds of each seal."""
    from timebank.ledger import services

    found = []
    while True:
        began = time.perf_counter()
        made = services.seal()
        if made is None:
            return found
        found.append((made.count, time.perf_counter() - began))


def read(start: float, seconds: float, seed: int, case: str, wallets: int) -> dict[str, float]:
    """Read pages or balances as fast as one client can."""
    from timebank.ledger import selectors

    rng, many = random.Random(seed), min(BUSY, wallets)

    def once() -> None:
        if case == "page":
            assert selectors.statement(wallet(rng.randrange(many)), limit=30).lines
        elif case == "page-hot":
            assert selectors.statement(partner(0), limit=30).lines
        elif case == "balance":
            assert selectors.balance_of(wallet(rng.randrange(many))).total > 0
        else:
            assert selectors.balance_of(partner(0)).total > 0

    return timed(once, start, seconds)


# Each names the row that somebody with all rights spoils, and the statements by which it is done.
TAMPERING = {
    "changed": ("transfer {a}", ["UPDATE ledger_posting SET amount = amount + 100 WHERE transfer_id = {a}"]),
    "removed": (
        "transfer {a}",
        ["DELETE FROM ledger_posting WHERE transfer_id = {a}", "DELETE FROM ledger_transfer WHERE id = {a}"],
    ),
    "added": (
        "transfer {new}",
        [
            "CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT * FROM ledger_transfer WHERE id = {a}",
            "UPDATE copied SET id = {new}, uuid = gen_random_uuid()",
            "INSERT INTO ledger_transfer SELECT * FROM copied",
            "CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT * FROM ledger_posting WHERE transfer_id = {a}",
            "UPDATE moved SET transfer_id = {new}, id = nextval(pg_get_serial_sequence('ledger_posting', 'id'))",
            "INSERT INTO ledger_posting SELECT * FROM moved",
        ],
    ),
    "added to a sealed transfer": (
        "transfer {a}",
        [
            "CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT * FROM ledger_posting WHERE transfer_id = {a}",
            "UPDATE moved SET id = nextval(pg_get_serial_sequence('ledger_posting', 'id'))",
            "INSERT INTO ledger_posting SELECT * FROM moved",
        ],
    ),
    "swapped": (
        "transfer {a}",
        [
            (
                "UPDATE ledger_posting SET transfer_id = CASE transfer_id WHEN {a} THEN {b} ELSE {a} END "
                "WHERE transfer_id IN ({a}, {b})"
            )
        ],
    ),
    "swapped in a seal": (
        "seal {seal}",
        [
            "UPDATE ledger_sealmember SET position = -1 - position WHERE transfer_id IN ({a}, {b})",
            (
                "UPDATE ledger_sealmember m SET position = -1 - o.position FROM ledger_sealmember o "
                "WHERE m.transfer_id = {a} AND o.transfer_id = {b}"
            ),
            "UPDATE ledger_sealmember SET position = {place} WHERE transfer_id = {b}",
        ],
    ),
    "cut off at the end": (
        "seal {last}",
        [
            "INSERT INTO ledger_unsealed SELECT transfer_id FROM ledger_sealmember WHERE seal_id = {last}",
            "DELETE FROM ledger_sealmember WHERE seal_id = {last}",
            "DELETE FROM ledger_checkpoint WHERE seal_id = {last}",
            "DELETE FROM ledger_seal WHERE number = {last}",
        ],
    ),
}


def tamper(kind: str) -> dict[str, Any]:
    """Spoil one row with all guards taken away, put the guards back, verify, and undo all that.

    The end can only be seen to be cut off by who knows a digest from outside, so that case is given one.
    """
    from django.db import connection, transaction

    from timebank.ledger import guards
    from timebank.ledger.canon import short_digest
    from timebank.ledger.models import Seal, SealMember, Transfer
    from timebank.ledger.verify import verify as run

    last = Seal.objects.latest("number")
    full = Seal.objects.filter(count__gte=40).latest("number")  # a slow machine may have sealed only a few at last
    members = list(SealMember.objects.filter(seal_id=full.number).order_by("position")[:40])
    a, b = members[10], members[30]
    names = {"a": a.transfer_id, "b": b.transfer_id, "seal": full.number, "last": last.number}
    names |= {"place": a.position, "new": Transfer.objects.latest("id").pk + 1000}
    digests = [short_digest(last.number, last.hash)] if kind.startswith("cut") else []
    expected, statements = TAMPERING[kind][0].format(**names), TAMPERING[kind][1]
    with transaction.atomic():
        guards.remove()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.format(**names))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        guards.install()
        findings = [str(one) for one in run(most=20, digests=digests).findings]
        without = len(run().findings) if digests else 0
        transaction.set_rollback(True)
    return {"expected": expected, "findings": findings, "without": without}
