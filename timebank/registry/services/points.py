"""Points of a person that go to another: to kin, to the village's pool, to the same person's other number."""

from __future__ import annotations

from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry.errors import PointsHeld
from timebank.registry.models import Region, Resident, User


def pool_key(village: Region) -> str:
    """Return the key of a village's pool; it is opened when it is first paid into."""
    key = f"pool:region:{village.pk}"
    ledger.open_account(key=key, kind="wallet", owner=f"village:{village.pk}")
    return key


def move_all_points(*, resident: Resident, to: str, kind: str, key: str, reason: str, actor: User | None) -> int:
    """Move everything in a resident's wallet to the account ``to``, each lot with its own day; return how much.

    Raises ``PointsHeld`` while something of it is held for an open ticket.
    """
    balance = ledger_read.balance_of(resident.wallet_key)
    if balance.held:
        raise PointsHeld
    lots = ledger_read.lots_of(resident.wallet_key)
    amount = sum(lot.remaining for lot in lots)
    if not amount:
        return 0
    ledger.post(
        TransferSpec(
            key=key,
            kind=kind,
            legs=(Leg(resident.wallet_key, to, amount),),
            reason=reason,
            actor=f"user:{actor.pk}" if actor is not None else "system",
            source=f"resident:{resident.pk}",
            allow_restrictions=tuple(sorted({lot.restriction for lot in lots if lot.restriction})),
        )
    )
    return amount
