"""Seal what was posted: Merkle root, totals, hash of the seal before. The writing path never waits for it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import timezone

from timebank.ledger import guards, partitions
from timebank.ledger.canon import GENESIS, canonical, instant, merkle_root, seal_hash, short_digest
from timebank.ledger.errors import NotSealable, UnknownTransfer
from timebank.ledger.models import Anchor, Seal
from timebank.ledger.reading import Read, read_unsealed
from timebank.ledger.units import is_guarded

LIMIT = 10_000
ADVISORY = 0x5348414E4A49  # "SHANJI": one sealer at a time


def header(seal: Seal) -> dict[str, Any]:
    """Describe a seal as it is hashed."""
    return {
        "number": seal.number,
        "previous": seal.previous_hash,
        "root": seal.root,
        "count": seal.count,
        "first": seal.first_transfer_id,
        "last": seal.last_transfer_id,
        "totals": json.loads(seal.totals),
        "checkpoints": seal.checkpoints_hash,
        "sealed_at": instant(seal.sealed_at),
    }


def checkpoints_hash(rows: Iterable[tuple[int, int, int]]) -> str:
    """Hash the totals of the system accounts that a seal touched: (account id, debits, credits), cumulative."""
    return hashlib.sha256(canonical(sorted([list(row) for row in rows]))).hexdigest()


class Turnover:
    """What some transfers moved: the sum by unit, and the debits and credits of each system account."""

    def __init__(self) -> None:
        self.units: defaultdict[str, int] = defaultdict(int)
        self.accounts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, read: Read) -> None:
        """Count a transfer."""
        for row in read.postings:
            debit, credit, amount = row[2:5]
            self.units[read.unit] += amount
            if not is_guarded(debit):
                self.accounts[debit][0] += amount
            if not is_guarded(credit):
                self.accounts[credit][1] += amount

    def totals(self) -> dict[str, int]:
        """Return the sums by unit as the header of a seal lists them."""
        return dict(sorted(self.units.items()))


def seal(*, limit: int = LIMIT) -> Seal | None:
    """Seal the transfers that wait, oldest first, at most ``limit``; None when none waits or another sealer is at work.

    Raises ``NotSealable`` when a trigger is missing or a transfer is not what was posted.
    """
    alias = DEFAULT_DB_ALIAS
    connection = connections[alias]
    gone = guards.missing(alias)
    if gone:
        raise NotSealable(triggers=gone)
    with transaction.atomic(using=alias):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY])
                if not cursor.fetchone()[0]:
                    return None
        ids: list[int] = []
        leaves: list[bytes] = []
        moved = Turnover()
        for read in read_unsealed(0, limit, alias):
            ids.append(read.id)
            leaves.append(_checked(read))
            moved.add(read)
        if not ids:
            return None
        last = Seal.objects.order_by("-number").first()
        cumulative = _cumulative(moved.accounts)
        made = Seal(
            number=last.number + 1 if last else 1,
            previous_hash=last.hash if last else GENESIS,
            root=merkle_root(leaves).hex(),
            count=len(leaves),
            first_transfer_id=ids[0],
            last_transfer_id=ids[-1],
            totals=json.dumps(moved.totals(), separators=(",", ":")),
            checkpoints_hash=checkpoints_hash(cumulative),
            sealed_at=timezone.now(),
        )
        made.hash = seal_hash(header(made))
        made.signature = _sign(made.hash)
        made.save(force_insert=True)
        _write_members(alias, made.number, ids, leaves, cumulative)
    return made


def seal_all(*, limit: int = LIMIT) -> list[Seal]:
    """Seal until nothing waits."""
    made = []
    while result := seal(limit=limit):
        made.append(result)
        if result.count < limit:
            break
    with transaction.atomic():  # nobody sees a partition without its guard: no sealer would go on
        if partitions.ensure_partitions():
            guards.install()
    return made


def anchor(*, number: int, place: str, receipt: str = "") -> Anchor:
    """Record where outside the database a seal was made known (notice board, mail, print)."""
    seal = Seal.objects.filter(number=number).first()
    if seal is None:
        raise UnknownTransfer(seal=number)
    return Anchor.objects.create(
        seal=seal,
        digest=short_digest(seal.number, seal.hash),
        place=place,
        receipt=receipt,
        anchored_at=timezone.now(),
    )


def _checked(read: Read) -> bytes:
    if not read.postings or not read.leaf or read.leaf != read.content_hash:
        raise NotSealable(transfer=read.id)
    return read.leaf


def _cumulative(accounts: dict[int, list[int]]) -> list[tuple[int, int, int]]:
    """Add the turnover of a seal to the latest checkpoint of each account it touches."""
    connection = connections[DEFAULT_DB_ALIAS]
    before: dict[int, tuple[int, int]] = {}
    ids = sorted(accounts)
    with connection.cursor() as cursor:
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ", ".join(["%s"] * len(part))
            cursor.execute(
                "SELECT a.id, c.debit_total, c.credit_total FROM ledger_account a JOIN ledger_checkpoint c "
                "ON c.account_id = a.id AND c.seal_id = (SELECT max(x.seal_id) FROM ledger_checkpoint x "
                f"WHERE x.account_id = a.id) WHERE a.id IN ({marks})",
                part,
            )
            before.update((row[0], (int(row[1]), int(row[2]))) for row in cursor.fetchall())
    return [
        (id_, before.get(id_, (0, 0))[0] + accounts[id_][0], before.get(id_, (0, 0))[1] + accounts[id_][1])
        for id_ in ids
    ]


def _write_members(
    alias: str, number: int, ids: list[int], leaves: list[bytes], cumulative: list[tuple[int, int, int]]
) -> None:
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "INSERT INTO ledger_sealmember (transfer_id, seal_id, position, leaf) "
                "SELECT v.id, %s, v.place - 1, v.leaf FROM unnest(%s::bigint[], %s::bytea[]) "
                "WITH ORDINALITY AS v(id, leaf, place)",
                [number, ids, leaves],
            )
        else:
            cursor.executemany(
                "INSERT INTO ledger_sealmember (transfer_id, seal_id, position, leaf) VALUES (%s, %s, %s, %s)",
                [(id_, number, place, leaf) for place, (id_, leaf) in enumerate(zip(ids, leaves, strict=True))],
            )
        cursor.executemany(
            "INSERT INTO ledger_checkpoint (account_id, seal_id, debit_total, credit_total) VALUES (%s, %s, %s, %s)",
            [(id_, number, debit, credit) for id_, debit, credit in cumulative],
        )
        cursor.execute(
            "DELETE FROM ledger_unsealed WHERE transfer_id IN "
            "(SELECT transfer_id FROM ledger_sealmember WHERE seal_id = %s)",
            [number],
        )


def _sign(text: str) -> str:
    """Sign with the key that lives outside the database (``LEDGER_SEAL_KEY``, Ed25519, hex), if there is one."""
    key = getattr(settings, "LEDGER_SEAL_KEY", "")
    if not key:
        return ""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)).sign(text.encode()).hex()


def seal_age() -> dt.timedelta | None:
    """Say how long ago the last seal was made."""
    last = Seal.objects.order_by("-number").values_list("sealed_at", flat=True).first()
    return None if last is None else timezone.now() - last
