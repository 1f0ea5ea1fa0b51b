"""Every due effect is a row; a sweep finds the due rows and handles each in a transaction of its own.

One bad row stops nothing: what it raised is kept on a ``SweepFailure``, the rest goes on, and it is tried again after
a growing pause until it succeeds. A run is bounded; what is left is due at the next. Whoever handles a row locks it and
looks again whether it is due: another run may have been quicker.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from timebank.common import contract
from timebank.common.batches import batched
from timebank.common.errors import DomainError
from timebank.common.models import SweepFailure, SweepState

logger = logging.getLogger(__name__)

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=12)
RETRIED_SHARE = 4  # at most a quarter of a run goes to rows that failed before


@dataclass(frozen=True)
class Sweep:
    """What is due and how one row is handled.

    ``due(now)`` gives the keys of due rows, oldest first: a queryset of one column, or anything to iterate over.
    ``handle(key, now)`` does one, inside a transaction; it does nothing where the row is due no more.
    ``handle_batch(keys, now)``, if given, does many in one transaction; where it raises, they are done one by one.
    ``atomic`` False: they open and end their own.
    ``every`` in seconds; ``most`` rows a run; ``read_key`` turns a kept key back into what ``due`` gave.
    """

    name: str
    due: Callable[[dt.datetime], Iterable[Any]]
    handle: Callable[[Any, dt.datetime], Any]
    handle_batch: Callable[[list[Any], dt.datetime], Any] | None = None
    every: int = 300
    most: int = 5000
    batch: int = 500
    read_key: Callable[[str], Any] = int
    atomic: bool = True

    def transaction(self) -> AbstractContextManager[Any]:
        """Open what one row, or one batch, stands or falls in."""
        return transaction.atomic(durable=True) if self.atomic else nullcontext()


def forget(name: str, rows: Callable[[dt.datetime], QuerySet[Any]], *, most: int = 50_000) -> Sweep:
    """Return a daily sweep that deletes ``rows(now)``: what was kept long enough. Asked again as each batch goes."""

    def handle(keys: list[int], now: dt.datetime) -> None:
        rows(now).filter(pk__in=keys).delete()

    return Sweep(
        name=name,
        due=lambda now: rows(now).order_by("pk").values_list("pk", flat=True),
        handle=lambda key, now: handle([key], now),
        handle_batch=handle,
        every=24 * 60 * 60,
        most=most,
    )


@dataclass
class Partly:
    """What a handler returns that did only some of its rows, and let that stand: the others, with their reasons."""

    result: Any
    failed: Mapping[Any, Exception]


@dataclass
class SweepReport:
    """How a run went; ``results`` is what the handlers returned."""

    name: str
    handled: int = 0
    failed: int = 0
    results: list[Any] = field(default_factory=list)


def all_sweeps() -> dict[str, Sweep]:
    """Return every declared sweep by its name; ``ValueError`` for a name that two apps claim."""
    named: dict[str, Sweep] = {}
    for sweep in contract.items("sweeps"):
        if sweep.name in named:
            raise ValueError(f"two sweeps are named {sweep.name!r}")
        named[sweep.name] = sweep
    return named


def claim(sweep: Sweep, now: dt.datetime | None = None) -> bool:
    """Say whether it is time to run, and take the turn: of two who ask at once, one gets it."""
    now = now or timezone.now()
    SweepState.objects.get_or_create(name=sweep.name)
    rested = Q(started_at__isnull=True) | Q(started_at__lte=now - dt.timedelta(seconds=sweep.every))
    return SweepState.objects.filter(rested, name=sweep.name).update(started_at=now) == 1


def run(sweep: Sweep, *, now: dt.datetime | None = None, most: int | None = None, at_once: bool = False) -> SweepReport:
    """Handle what is due, each row in a transaction of its own, and keep what failed. Never inside a transaction.

    ``at_once``: somebody asks for it now, so rows that failed before are tried too, whatever their pause.
    """
    now = now or timezone.now()
    most = most or sweep.most
    work = _Work(sweep, now)
    known = dict(SweepFailure.objects.filter(sweep=sweep.name, resolved_at=None).values_list("subject", "next_at"))
    for part in batched(_fresh(sweep, now, {} if at_once else known, most), sweep.batch):
        if sweep.handle_batch is None or not work.all_at_once(list(part)):
            for key in part:
                work.handle(key)
    if not at_once:
        again = sorted((when, subject) for subject, when in known.items() if when <= now)
        for _when, subject in again[: max(1, most // RETRIED_SHARE)]:
            work.handle(sweep.read_key(subject))
    put_right = [subject for subject in known if subject in work.done]
    SweepFailure.objects.filter(sweep=sweep.name, subject__in=put_right).update(resolved_at=now)
    counts = {"finished_at": now, "handled": work.report.handled, "failed": work.report.failed}
    SweepState.objects.update_or_create(name=sweep.name, defaults=counts, create_defaults={"started_at": now, **counts})
    return work.report


def _fresh(sweep: Sweep, now: dt.datetime, failing: dict[str, dt.datetime], most: int) -> list[Any]:
    due = sweep.due(now)
    if isinstance(due, QuerySet):
        due = due[: most + len(failing)]
    keys = dict.fromkeys(due)
    return list(islice((key for key in keys if str(key) not in failing), most))


class _Work:
    """One run of a sweep: what was done, and what failed."""

    def __init__(self, sweep: Sweep, now: dt.datetime) -> None:
        self.sweep = sweep
        self.now = now
        self.report = SweepReport(sweep.name)
        self.done: set[str] = set()

    def all_at_once(self, keys: list[Any]) -> bool:
        """Try a batch; nothing of it stands where it raises."""
        try:
            with self.sweep.transaction():
                result = self.sweep.handle_batch(keys, self.now)  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 (whatever it is: done one by one, the bad row is named)
            logger.info("sweep %s: a batch of %s goes one by one after %r", self.sweep.name, len(keys), error)
            return False
        self._count(keys, result)
        return True

    def handle(self, key: Any) -> None:
        """Do one row, or keep why not."""
        try:
            with self.sweep.transaction():
                result = self.sweep.handle(key, self.now)
        except Exception as error:  # noqa: BLE001 (one bad row, of whatever kind, must not stop the rest)
            self._count([key], Partly(None, {key: error}))
        else:
            self._count([key], result)

    def _count(self, keys: list[Any], result: Any) -> None:
        failed: Mapping[Any, Exception] = {}
        if isinstance(result, Partly):
            result, failed = result.result, result.failed
        for key, error in failed.items():
            _keep(self.sweep, key, error, self.now)
        self.report.failed += len(failed)
        self.report.handled += len(keys) - len(failed)
        self.done |= {str(key) for key in keys if key not in failed}
        if len(failed) < len(keys) or result is not None:
            self.report.results.append(result)


def _keep(sweep: Sweep, key: Any, error: Exception, now: dt.datetime) -> None:
    """Write down that a row failed, and when it is tried again."""
    code = error.code if isinstance(error, DomainError) else type(error).__name__
    logger.warning("sweep %s: %s failed: %s", sweep.name, key, code, exc_info=not isinstance(error, DomainError))
    failure, _made = SweepFailure.objects.get_or_create(
        sweep=sweep.name, subject=str(key), defaults={"first_at": now, "last_at": now, "next_at": now}
    )
    if failure.resolved_at is not None:  # it had recovered in between: this is a new failure
        failure.attempts = 0
        failure.first_at = now
    pause = min(FIRST_PAUSE * 2 ** min(failure.attempts, 12), LONGEST_PAUSE)
    failure.attempts += 1
    failure.code = code[:80]
    failure.sentence = str(error).replace("\0", "")[:500]
    failure.last_at = now
    failure.next_at = now + pause
    failure.resolved_at = None
    failure.save()


# -- Reading -----------------------------------------------------------------------------------------------------------
def open_failures() -> QuerySet[SweepFailure]:
    """Select the rows that still fail, oldest first: for the desk and the alert."""
    return SweepFailure.objects.filter(resolved_at=None).order_by("first_at", "pk")


def check_sweeps() -> str:
    """Say for ``/readyz`` how many rows fail; a bad row is for people to look at, the site stays ready."""
    many = open_failures().count()
    return f"{many} rows fail" if many else "well"


def try_again(failure: SweepFailure, *, now: dt.datetime | None = None) -> None:
    """Let a failed row be tried at the next run, after somebody has put it right."""
    SweepFailure.objects.filter(pk=failure.pk).update(next_at=now or timezone.now())
