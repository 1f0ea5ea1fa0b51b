"""What flowed into and out of a set of accounts, month by month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from timebank.ledger.models import Account, Posting

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Flow:
    """All postings of one kind in one month: what came in, what went out (both positive), how many transfers."""

    month: dt.date
    kind: str
    into: int
    out: int
    count: int


def flows_of(keys: Iterable[str]) -> list[Flow]:
    """Sum up the postings of a set of accounts by month (of ``effective_on``) and kind, oldest first."""
    sums: dict[tuple[dt.date, str], list[int]] = {}
    for ids in _ids(keys):
        for place, side in enumerate(("credit_id__in", "debit_id__in")):
            rows = (
                Posting.objects.filter(**{side: ids})
                .annotate(month=TruncMonth("transfer__effective_on"))
                .values_list("month", "transfer__kind")
                .annotate(total=Sum("amount"), count=Count("transfer", distinct=True))
                .order_by("month", "transfer__kind")
            )
            for month, kind, total, count in rows:
                cell = sums.setdefault((month, kind), [0, 0, 0])
                cell[place] += int(total)
                cell[2] += count
    return [Flow(month, kind, *cell) for (month, kind), cell in sorted(sums.items())]


def _ids(keys: Iterable[str]) -> Iterator[list[int]]:
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _CHUNK):
        yield list(Account.objects.filter(key__in=wanted[start : start + _CHUNK]).values_list("pk", flat=True))


def moved_by(transfers: Iterable[int]) -> int:
    """Return what a set of transfers moved, debts aside."""
    wanted = list(transfers)
    total = 0
    for start in range(0, len(wanted), _CHUNK):
        part = Posting.objects.filter(transfer__in=wanted[start : start + _CHUNK], leg__gte=0)
        total += part.aggregate(total=Sum("amount"))["total"] or 0
    return int(total)
