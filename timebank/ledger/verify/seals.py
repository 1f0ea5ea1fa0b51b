"""Check the chain of seals, every sealed transfer against its leaf, and what is not sealed against its own hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from django.conf import settings

from timebank.ledger.canon import GENESIS, key_uuid, leaf_hash, merkle_root, parse_digest, seal_hash, short_digest
from timebank.ledger.models import Anchor, Checkpoint, Seal, SealMember
from timebank.ledger.reading import Read, read_sealed, read_unsealed
from timebank.ledger.services.sealing import checkpoints_hash, header, turnover
from timebank.ledger.verify.report import Finding, Report

CHUNK = 20_000


def sealed(report: Report, since: int, most: int, alias: str) -> Iterator[Finding]:
    """Walk the chain from the first seal; recompute each seal that holds a transfer later than ``since``."""
    previous = GENESIS
    number = 0
    portion: list[Seal] = []
    for seal in Seal.objects.using(alias).order_by("number").iterator(chunk_size=1000):
        number += 1
        if seal.number != number:
            yield Finding(7, "seal", str(number), "is missing: the chain has a gap")
            number = seal.number
        if seal.previous_hash != previous:
            yield Finding(7, "seal", str(seal.number), "does not follow from the seal before it")
        if seal_hash(header(seal)) != seal.hash:
            yield Finding(7, "seal", str(seal.number), "its hash is not the hash of its header")
        yield from _signature(seal)
        previous = seal.hash
        report.seals += 1
        report.last_digest = short_digest(seal.number, seal.hash)
        if seal.last_transfer_id > since:
            portion.append(seal)
            if sum(one.count for one in portion) >= CHUNK:
                yield from _portion(report, portion, alias)
                portion = []
    yield from _portion(report, portion, alias)
    yield from _strangers(number, most, alias)


def _portion(report: Report, seals: list[Seal], alias: str) -> Iterator[Finding]:
    if not seals:
        return
    by_number = {seal.number: seal for seal in seals}
    rows = read_sealed(seals[0].number, seals[-1].number, alias)
    for number, group in groupby(rows, key=lambda read: int(read.extra[0])):
        if number in by_number:
            yield from _members(report, by_number.pop(number), list(group), alias)
    for number in by_number:
        yield Finding(7, "seal", str(number), "all its transfers are missing")


def _members(report: Report, seal: Seal, reads: list[Read], alias: str) -> Iterator[Finding]:
    leaves: list[bytes] = []
    broken = False
    for place, read in enumerate(reads):
        position, leaf, transfer_id = int(read.extra[1]), bytes(read.extra[2]), int(read.extra[3])
        if position != len(leaves):
            broken = True
            yield Finding(7, "sealmember", f"{seal.number}/{place}", "a transfer was taken out of this seal, or put in")
            break
        report.transfers += 1
        report.postings += len(read.postings)
        what = _wrong(read, leaf)
        if what:
            broken = True
            yield Finding(7, "transfer", str(transfer_id), f"{what} (seal {seal.number}, place {position})")
        leaves.append(leaf)
    if broken:
        return
    if len(leaves) != seal.count:
        yield Finding(
            7, "sealmember", f"{seal.number}/{len(leaves)}", "a transfer was taken out of this seal, or put in"
        )
    elif merkle_root(leaves).hex() != seal.root:
        yield Finding(7, "seal", str(seal.number), "its transfers do not make its root: one was changed or moved")
    yield from _totals(seal, reads, alias)


def _wrong(read: Read, leaf: bytes) -> str:
    if not read.content:
        return "is sealed but was removed"
    actual = leaf_hash(read.content) if None not in _names(read) else b""
    if actual != leaf or actual != read.content_hash:
        return "is not what was sealed"
    return "" if str(key_uuid(read.content["key"])) == read.content["uuid"] else "its uuid is not made from its key"


def _names(read: Read) -> list[str | None]:
    return [name for row in read.content["postings"] for name in row[1:3]]


def _totals(seal: Seal, reads: Iterable[Read], alias: str) -> Iterator[Finding]:
    totals, accounts = turnover(reads)
    if totals != header(seal)["totals"]:
        yield Finding(7, "seal", str(seal.number), "its totals are not those of its transfers")
    rows = list(
        Checkpoint.objects.using(alias)
        .filter(seal_id=seal.number)
        .values_list("account_id", "debit_total", "credit_total")
    )
    if checkpoints_hash(rows) != seal.checkpoints_hash:
        yield Finding(7, "checkpoint", f"seal {seal.number}", "a checkpoint was changed, removed or added")
    before = _checkpoints_before(seal.number, [row[0] for row in rows], alias)
    for account, debit, credit in sorted(rows):
        earlier = before.get(account, (0, 0))
        moved = accounts.pop(account, [0, 0])
        if debit != earlier[0] + moved[0] or credit != earlier[1] + moved[1]:
            yield Finding(6, "checkpoint", f"account {account} at seal {seal.number}", "is not what the transfers make")
    for account in sorted(accounts):
        yield Finding(6, "checkpoint", f"account {account} at seal {seal.number}", "is missing")


def _checkpoints_before(number: int, accounts: list[int], alias: str) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for account in accounts:
        row = (
            Checkpoint.objects.using(alias)
            .filter(account_id=account, seal_id__lt=number)
            .order_by("-seal_id")
            .values_list("debit_total", "credit_total")
            .first()
        )
        if row is not None:
            found[account] = (int(row[0]), int(row[1]))
    return found


def _strangers(last: int, most: int, alias: str) -> Iterator[Finding]:
    members = SealMember.objects.using(alias).exclude(seal_id__in=Seal.objects.using(alias).values("number"))
    for member in members.order_by("transfer_id")[:most]:
        yield Finding(
            7, "sealmember", str(member.transfer_id), f"belongs to seal {member.seal_id}, which does not exist"
        )
    for one in Anchor.objects.using(alias).select_related("seal").order_by("id").iterator():
        if one.digest != short_digest(one.seal.number, one.seal.hash):
            yield Finding(7, "seal", str(one.seal_id), f"is not the one that was made known at {one.place}")


def unsealed(report: Report, since: int, alias: str) -> Iterator[Finding]:
    """Check what waits to be sealed against the hash that was written with it."""
    last = since
    while reads := read_unsealed(last, CHUNK, alias):
        for read in reads:
            report.transfers += 1
            report.postings += len(read.postings)
            what = _wrong(read, read.content_hash)
            if what:
                yield Finding(7, "transfer", str(read.id), what.replace("sealed", "posted"))
        last = reads[-1].id


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
    except InvalidSignature:
        yield Finding(7, "seal", str(seal.number), "its signature is not ours")
