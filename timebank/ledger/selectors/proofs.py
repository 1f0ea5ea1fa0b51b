"""Proofs that anybody can check without us: a transfer, its way up the tree, and the seal above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timebank.ledger.canon import canonical, leaf_hash, merkle_path, node_hash, parse_digest, seal_hash, short_digest
from timebank.ledger.models import Seal, SealMember
from timebank.ledger.reading import read_content
from timebank.ledger.services.sealing import header


def receipt_of(transfer_id: int) -> dict[str, Any] | None:
    """Make the receipt of a sealed transfer: what was posted, its path, its seal. None while it is not sealed.

    It shows keys, memo and actor: hand it out only to who may see the transfer.
    """
    member = SealMember.objects.filter(transfer_id=transfer_id).select_related("seal").first()
    content = read_content(transfer_id)
    if member is None or content is None:
        return None
    leaves = [
        bytes(leaf)
        for leaf in SealMember.objects.filter(seal_id=member.seal.number)
        .order_by("position")
        .values_list("leaf", flat=True)
    ]
    return {
        "transfer": content,
        "path": [[side, node.hex()] for side, node in merkle_path(leaves, member.position)],
        "seal": header(member.seal),
        "hash": member.seal.hash,
        "digest": short_digest(member.seal.number, member.seal.hash),
    }


def receipt_text(transfer_id: int) -> str | None:
    """Return the receipt as the file that ``check_receipt.py`` reads."""
    receipt = receipt_of(transfer_id)
    return None if receipt is None else canonical(receipt).decode()


def sealed_among(transfer_ids: Sequence[int]) -> set[int]:
    """Say of which of these transfers a receipt can be made already."""
    return set(SealMember.objects.filter(transfer_id__in=transfer_ids).values_list("transfer_id", flat=True))


def receipt_for(account_key: str, transfer_id: int) -> str | None:
    """Return the receipt of a transfer that moved this account; None for any other, and until it is sealed."""
    receipt = receipt_of(transfer_id)
    if receipt is None or not any(account_key in leg[1:3] for leg in receipt["transfer"]["postings"]):
        return None
    return canonical(receipt).decode()


def receipt_holds(receipt: dict[str, Any]) -> bool:
    """Check a receipt as a stranger would, and that its seal is one of ours. Never raises on a malformed one."""
    try:
        node = leaf_hash(receipt["transfer"])
        for side, other in receipt["path"]:
            sibling = bytes.fromhex(other)
            node = node_hash(sibling, node) if side == "L" else node_hash(node, sibling)
        seal = receipt["seal"]
        if node.hex() != seal["root"] or seal_hash(seal) != receipt["hash"]:
            return False
        number = seal["number"]
        return type(number) is int and Seal.objects.filter(number=number, hash=receipt["hash"]).exists()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return False


def seal_by_digest(digest: str) -> Seal | None:
    """Find the seal that a short digest names; None when it is not ours. ``ValueError`` when it is no digest."""
    number, start = parse_digest(digest)
    if number >= 1 << 63:
        return None
    return Seal.objects.filter(number=number, hash__startswith=start).first()


def latest_seals(count: int = 10) -> Sequence[Seal]:
    """List the newest seals."""
    return list(Seal.objects.order_by("-number")[:count])
