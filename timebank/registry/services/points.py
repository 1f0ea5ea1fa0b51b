"""Points of a person that go to another: to kin, to the village's pool, to the same person's other number."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

from django.db.models import CharField, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat

from timebank.common.sweeps import Sweep
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry.errors import PointsHeld
from timebank.registry.models import Region, Resident, ResidentCase, User
from timebank.registry.models.people import WALLET


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


def follow(resident: Resident, *, actor: User | None = None) -> int:
    """Let what came to an earlier registration of a person come to them, points and debts; return the points moved.

    Also for a resident who died: what comes back afterwards goes where the rest went. Call it after what may have
    given points back to a closed registration, in its transaction; a sweep does it for all.
    """
    moved = 0
    by = f"user:{actor.pk}" if actor is not None else "system"
    for gone in Resident.objects.filter(merged_into=resident.pk):
        balance = ledger_read.balance_of(gone.wallet_key)
        if balance.debt:
            ledger.assume_debt(
                debtor=gone.wallet_key,
                payer=resident.wallet_key,
                key=f"follow:{uuid.uuid4()}",
                reason="merge",
                actor=by,
                source=f"resident:{gone.pk}",
            )
        if balance.spendable or balance.restricted:
            moved += _pass_on(gone, resident.wallet_key, "merge", "merge", actor)
    if resident.died_on is not None and resident.merged_into_id is None:
        balance = ledger_read.balance_of(resident.wallet_key)
        if balance.spendable or balance.restricted:
            moved += _pass_on(resident, _left_to(resident), "inherit", "death", actor)
    return moved


def _pass_on(resident: Resident, to: str, kind: str, reason: str, actor: User | None) -> int:
    return move_all_points(
        resident=resident, to=to, kind=kind, key=f"follow:{uuid.uuid4()}", reason=reason, actor=actor
    )


def _left_to(resident: Resident) -> str:
    """Return the wallet of who inherited from somebody, while they are here, else that of the village's pool."""
    death = ResidentCase.objects.filter(
        resident=resident, kind=ResidentCase.Kind.DEATH, status=ResidentCase.Status.DONE
    ).select_related("other__merged_into", "other")
    heir = next((case.other for case in death), None)
    heir = heir.merged_into or heir if heir is not None else None
    if heir is not None and heir.status == Resident.Status.ACTIVE:
        return heir.wallet_key
    return pool_key(resident.village)


def _left_behind(now: dt.datetime) -> Iterator[int]:  # noqa: ARG001
    """Give the people whose closed registration has points, or debts that are another's."""
    ended = Resident.objects.filter(Q(merged_into__isnull=False) | Q(died_on__isnull=False)).order_by("pk")
    # Of all who ever ended, the few whose wallet is not empty: their number does not grow with the years.
    wallet = Concat(Value(WALLET), Cast(OuterRef("pk"), CharField()))
    left = ended.filter(ledger_read.holds_or_owes(wallet)).only("pk", "merged_into", "died_on")
    people = {row.wallet_key: row for row in left}
    for key, balance in ledger_read.balances_of(people).items():
        row = people[key]
        if balance.spendable or balance.restricted or (balance.debt and row.merged_into_id is not None):
            yield row.merged_into_id or row.pk


def _follow(pk: int, now: dt.datetime) -> int:  # noqa: ARG001
    return follow(Resident.objects.select_for_update(of=("self",)).select_related("village").get(pk=pk))


SWEEPS = [Sweep("pass points of closed registrations on", due=_left_behind, handle=_follow, every=60 * 60)]
