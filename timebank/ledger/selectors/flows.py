"""What flowed into and out of a set of accounts, month by month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Sum
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


def flows_of(keys: Iterable[str] | QuerySet[Any, str]) -> list[Flow]:
    """Sum up the postings of a set of accounts by month (of ``effective_on``) and kind, oldest first.

    ``keys`` as a queryset of one column stay in the database: two statements, however many accounts.
    """
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


def _ids(keys: Iterable[str] | QuerySet[Any, str]) -> Iterator[Any]:
    if isinstance(keys, QuerySet):
        yield Account.objects.filter(key__in=keys).values("pk")
        return
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _CHUNK):
        yield list(Account.objects.filter(key__in=wanted[start : start + _CHUNK]).values_list("pk", flat=True))


def moved_by(transfers: Iterable[int] | QuerySet[Any, int]) -> int:
    """Return what a set of transfers moved, debts aside; a queryset of ids stays in the database."""
    if isinstance(transfers, QuerySet):
        return int(_moved(transfers))
    wanted = list(transfers)
    return sum(int(_moved(wanted[start : start + _CHUNK])) for start in range(0, len(wanted), _CHUNK))


def _moved(transfers: Any) -> int:
    total: int = Posting.objects.filter(transfer__in=transfers, leg__gte=0).aggregate(total=Sum("amount", default=0))[
        "total"
    ]
    return total
