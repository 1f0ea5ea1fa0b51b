"""Check the chain of seals, every sealed transfer against its leaf, and what is not sealed against its own hash.

The chain, the members of the seals and their checkpoints are three streams in the order of the seals; what has been
looked at is let go, so that memory does not grow with history.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connections

from timebank.ledger.canon import GENESIS, parse_digest, seal_hash, short_digest
from timebank.ledger.models import Anchor, Checkpoint, Seal
from timebank.ledger.reading import Read, read_sealed, read_unsealed
from timebank.ledger.services.sealing import Turnover, checkpoints_hash, header
from timebank.ledger.verify.place import Place
from timebank.ledger.verify.report import Finding, Report

CHUNK = 20_000  # transfers after which the place is kept
ENOUGH = 1000  # findings after which nobody needs the rest by name

#: Account → debits and credits up to some seal.
Totals = dict[int, tuple[int, int]]


class Tree:
    """The Merkle tree over leaves that come one by one: of what is done only one node for each power of two is kept.

    The same root as ``canon.merkle_root``, by which the sealer makes it.
    """

    def __init__(self) -> None:
        self.count = 0
        self._nodes: list[tuple[int, bytes]] = []

    def add(self, node: bytes) -> None:
        """Add a leaf on the right."""
        self.count += 1
        size = 1
        while self._nodes and self._nodes[-1][0] == size:
            node = hashlib.sha256(b"\1" + self._nodes.pop()[1] + node).digest()
            size *= 2
        self._nodes.append((size, node))

    def root(self) -> str:
        """Return the root of what was added, as hex."""
        node = b""
        for _size, left in reversed(self._nodes):
            node = hashlib.sha256(b"\1" + left + node).digest() if node else left
        return node.hex()


class Walk:
    """The way along the chain: recomputes every seal from the one with the number ``start`` on."""

    def __init__(self, report: Report, start: int, alias: str) -> None:
        self.report, self.start = report, start
        self.totals = totals_before(start, alias)
        self.named: list[Finding] = []  # what was found in seals that a run which goes on will not look at again
        self._seals = Seal.objects.using(alias).order_by("number").iterator(chunk_size=1000)
        self._all_members = read_sealed(start, alias)
        self._all_checkpoints = (
            Checkpoint.objects.using(alias)
            .filter(seal_id__gte=start)
            .order_by("seal_id", "account_id")
            .values_list("seal_id", "account_id", "debit_total", "credit_total")
            .iterator(chunk_size=2000)
        )
        self._members = _by_seal(self._all_members, lambda pair: pair[0].seal)
        self._checkpoints = _by_seal(self._all_checkpoints, lambda row: row[0])

    def close(self) -> None:
        """Let the database go, also when the walk was broken off."""
        streams: tuple[Any, ...] = (self._seals, self._all_members, self._all_checkpoints)
        for stream in streams:
            stream.close()

    def run(self, keep: Callable[[Seal], None]) -> Iterator[Finding]:
        """Walk. ``keep`` is called after each portion of seals with the last one that was looked at."""
        previous, number, kept = GENESIS, 0, self.report.transfers
        for seal in self._seals:
            number += 1
            if seal.number != number:
                yield Finding(7, "seal", str(number), "is missing: the chain has a gap")
                number = seal.number
            yield from _link(seal, previous)
            previous = seal.hash
            self.report.seals += 1
            self.report.last_digest = _digest(seal)
            if seal.number < self.start:
                continue
            for finding in self._seal(seal):
                self.named.append(finding)
                yield finding
            if len(self.named) > ENOUGH:
                yield Finding(7, "seal", str(seal.number), "too much is wrong: what follows was not looked at")
                return
            if self.report.transfers - kept >= CHUNK:
                kept = self.report.transfers
                keep(seal)

    def _seal(self, seal: Seal) -> Iterator[Finding]:
        tree, moved, broken = Tree(), Turnover(), False
        where = str(seal.number)
        for member, read in self._members(seal.number):
            self.report.transfers += 1
            self.report.postings += len(read.postings)
            if member.position != tree.count:
                if not broken:
                    place = f"{where}/{tree.count}"
                    yield Finding(7, "sealmember", place, "a transfer was taken out of this seal, or put in")
                broken = True
                continue
            what = _wrong(read, member.leaf)
            if what:
                broken = True
                yield Finding(7, "transfer", str(read.id), f"{what} (seal {where}, place {member.position})")
            tree.add(member.leaf)
            if not broken:
                moved.add(read)
        rows = [row[1:] for row in self._checkpoints(seal.number)]
        if not broken:
            if not tree.count:
                yield Finding(7, "seal", where, "all its transfers are missing")
            elif tree.count != seal.count:
                place = f"{where}/{tree.count}"
                yield Finding(7, "sealmember", place, "a transfer was taken out of this seal, or put in")
            else:
                if tree.root() != seal.root:
                    yield Finding(7, "seal", where, "its transfers do not make its root: one was changed or moved")
                yield from self._moved(seal, moved, rows)
        self.totals.update((account, (int(debit), int(credit))) for account, debit, credit in rows)

    def _moved(self, seal: Seal, moved: Turnover, rows: list[tuple[int, int, int]]) -> Iterator[Finding]:
        if json.dumps(moved.totals(), separators=(",", ":")) != seal.totals:
            yield Finding(7, "seal", str(seal.number), "its totals are not those of its transfers")
        if checkpoints_hash(rows) != seal.checkpoints_hash:
            yield Finding(7, "checkpoint", f"seal {seal.number}", "a checkpoint was changed, removed or added")
        accounts = moved.accounts
        for account, debit, credit in rows:
            before, now = self.totals.get(account, (0, 0)), accounts.pop(account, [0, 0])
            if debit != before[0] + now[0] or credit != before[1] + now[1]:
                yield Finding(
                    6, "checkpoint", f"account {account} at seal {seal.number}", "is not what the transfers make"
                )
        for account in sorted(accounts):
            yield Finding(6, "checkpoint", f"account {account} at seal {seal.number}", "is missing")


def sealed(
    report: Report, since: int, alias: str, place: Place, report_progress: Callable[[Report], None]
) -> Iterator[Finding]:
    """Walk the whole chain; look at the transfers from the first seal with one later than ``since`` on.

    Every seal after that one is looked at, whatever its ids: a transfer that was committed late has a low one.
    """
    start = place.seal + 1
    if since:
        first = Seal.objects.using(alias).filter(last_transfer_id__gte=since).order_by("number").first()
        start = max(start, first.number if first else (1 << 63) - 1)
    walk = Walk(report, start, alias)
    walk.named = [*place.findings]

    def keep(seal: Seal) -> None:
        place.keep(seal, report, walk.named, totals_hash(walk.totals))
        report_progress(report)

    yield from place.findings
    with contextlib.closing(walk):
        yield from walk.run(keep)
    yield from _anchors(alias)


def totals_before(number: int, alias: str) -> Totals:
    """Read what each system account had moved before this seal: the latest checkpoint of each, in one statement."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT c.account_id, c.debit_total, c.credit_total FROM ledger_checkpoint c JOIN "
            "(SELECT account_id, max(seal_id) AS seal_id FROM ledger_checkpoint WHERE seal_id < %s "
            "GROUP BY account_id) l ON l.account_id = c.account_id AND l.seal_id = c.seal_id",
            [number],
        )
        return {account: (int(debit), int(credit)) for account, debit, credit in cursor.fetchall()}


def totals_hash(totals: Totals) -> str:
    """Hash such totals."""
    return checkpoints_hash((account, *sums) for account, sums in totals.items())


def _by_seal(rows: Iterable[Any], number_of: Callable[[Any], int]) -> Callable[[int], Iterator[Any]]:
    """Return a function that gives the rows of a seal, if it is asked for the seals in their order."""
    groups = groupby(rows, key=number_of)
    ahead = next(groups, None)

    def of(number: int) -> Iterator[Any]:
        nonlocal ahead
        while ahead and ahead[0] < number:  # of seals that do not exist: named by a check of their own
            ahead = next(groups, None)
        if ahead and ahead[0] == number:
            yield from ahead[1]
            ahead = next(groups, None)

    return of


def _link(seal: Seal, previous: str) -> Iterator[Finding]:
    if seal.previous_hash != previous:
        yield Finding(7, "seal", str(seal.number), "does not follow from the seal before it")
    if _hash(seal) != seal.hash:
        yield Finding(7, "seal", str(seal.number), "its hash is not the hash of its header")
    yield from _signature(seal)


def _hash(seal: Seal) -> str:
    try:
        return seal_hash(header(seal))
    except ValueError:  # totals that are no JSON
        return ""


def _digest(seal: Seal) -> str:
    try:
        return short_digest(seal.number, seal.hash)
    except ValueError:  # a hash that is none
        return ""


def _wrong(read: Read, leaf: bytes) -> str:
    if not read.content_hash:
        return "is sealed but was removed"
    if not read.leaf or read.leaf != leaf or read.leaf != read.content_hash:
        return "is not what was sealed"
    return "" if read.named else "its uuid is not made from its key"


def _anchors(alias: str) -> Iterator[Finding]:
    for anchor in Anchor.objects.using(alias).select_related("seal").order_by("id").iterator():
        if anchor.digest != _digest(anchor.seal):
            yield Finding(7, "seal", str(anchor.seal_id), f"is not the one that was made known at {anchor.place}")


def unsealed(report: Report, alias: str) -> Iterator[Finding]:
    """Check what waits to be sealed against the hash that was written with it."""
    named = 0
    for read in read_unsealed(0, None, alias):
        report.transfers += 1
        report.postings += len(read.postings)
        what = _wrong(read, read.content_hash)
        if what:
            named += 1
            yield Finding(7, "transfer", str(read.id), what.replace("sealed", "posted"))
            if named > ENOUGH:
                return


def outside(digest: str, alias: str) -> Iterator[Finding]:
    """Compare with a digest kept outside the database: the only way to see that the end was cut off."""
    try:
        number, start = parse_digest(digest)
    except ValueError:
        yield Finding(7, "seal", digest, "is not a digest")
        return
    seal = Seal.objects.using(alias).filter(number=number).first()
    if seal is None:
        yield Finding(7, "seal", str(number), "was made known outside but does not exist here: the end was cut off")
    elif not seal.hash.startswith(start):
        yield Finding(7, "seal", str(number), "is not the one that was made known outside: history was rewritten")


def _signature(seal: Seal) -> Iterator[Finding]:
    key = getattr(settings, "LEDGER_SEAL_KEY", "")
    if not key or not seal.signature:
        return
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)).public_key()
        public.verify(bytes.fromhex(seal.signature), seal.hash.encode())
    except (InvalidSignature, ValueError):
        yield Finding(7, "seal", str(seal.number), "its signature is not ours")
