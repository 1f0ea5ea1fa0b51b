"""Run a verification."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import timezone

from timebank.ledger import guards
from timebank.ledger.models import Seal, Transfer, Unsealed
from timebank.ledger.verify.arithmetic import arithmetic
from timebank.ledger.verify.place import Place
from timebank.ledger.verify.report import Finding, Report
from timebank.ledger.verify.seals import outside, sealed, totals_before, totals_hash, unsealed


def verify(
    *,
    since: int = 0,
    digests: Sequence[str] = (),
    most: int = 3,
    using: str = DEFAULT_DB_ALIAS,
    resume: Path | None = None,
    report_progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Check every promise and report the first wrong rows of each kind.

    ``since``: only transfers with a higher id are looked at again (the chain of seals always is); pass the
    ``last_transfer_id`` of an earlier clean report to go on from there. ``digests``: seals known from outside.

    ``resume``: a file that keeps the place while the run goes along the seals. When it is there, a run was broken off:
    this one goes on after the seals that one had looked at, keeps what it had found, and does everything else
    afresh. It is gone when a run came to its end. ``tell`` hears now and then how far the run is.
    """
    report = Report(timezone.now(), since)
    start = time.monotonic()
    for table, name in guards.missing(using):
        report.findings.append(Finding(2, table, name, "what refuses changes is missing or not as it was written"))
    with _one_moment(using):
        report.last_transfer_id = (
            Transfer.objects.using(using).order_by("-pk").values_list("pk", flat=True).first() or since
        )
        report.unsealed = Unsealed.objects.using(using).count()
        place = _go_on(Place.load(resume, since), report, using)
        # the long part, which keeps its place, comes first; what the database says of itself is told first all the same
        chain = list(sealed(report, since, using, place, report_progress))
        report.findings.extend(arithmetic(since, most, using))
        report.findings.extend(chain)
        report.findings.extend(unsealed(report, using))
        for digest in digests:
            report.findings.extend(outside(digest, using))
    place.done()
    report.seconds = round(time.monotonic() - start, 3)
    return report


def _go_on(place: Place, report: Report, alias: str) -> Place:
    """Go on at a place only if the seals up to there, and what they add up to, are still what they were."""
    if not place.seal:
        return place
    known = Seal.objects.using(alias).filter(number=place.seal, hash=place.hash).exists()
    if not known or totals_hash(totals_before(place.seal + 1, alias)) != place.totals:
        return Place(place.path, place.since)
    report.resumed_after, report.resumed_from = place.seal, place.started_at
    report.transfers, report.postings = place.transfers, place.postings
    return place


@contextlib.contextmanager
def _one_moment(alias: str) -> Iterator[None]:
    """Let all checks look at one moment, whatever is posted meanwhile, and let nobody who posts wait for them."""
    connection = connections[alias]
    if connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    mode = getattr(connection, "transaction_mode", None)
    if mode:  # SQLite: ours begin as the one writer; who only reads begins without
        connection.transaction_mode = None  # type: ignore[attr-defined]
    try:
        with transaction.atomic(using=alias):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    finally:
        if mode:
            connection.transaction_mode = mode  # type: ignore[attr-defined]
