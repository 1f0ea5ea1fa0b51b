"""What ``/readyz`` asks of the ledger."""

from __future__ import annotations

from timebank.common.health import NotReady
from timebank.ledger import guards, partitions
from timebank.ledger.models import Unsealed
from timebank.ledger.services.sealing import seal_age


def check_ledger() -> str:
    """Refuse while history could be changed; else say how old the last seal is and how many transfers wait for one."""
    if gone := guards.missing():
        raise NotReady(f"{len(gone)} triggers that protect history are missing")
    left = partitions.postings_left()
    if left is not None and left < partitions.ROWS_PER_PARTITION:
        raise NotReady("the last partition of the postings is in use: run migrate, which makes more")
    age = seal_age()
    sealed = "never sealed" if age is None else f"sealed {int(age.total_seconds())} s ago"
    return f"{sealed}, {Unsealed.objects.count()} waiting"
