"""Run a verification."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import timezone

from timebank.ledger import guards
from timebank.ledger.models import Transfer, Unsealed
from timebank.ledger.verify.arithmetic import arithmetic
from timebank.ledger.verify.report import Finding, Report
from timebank.ledger.verify.seals import outside, sealed, unsealed


def verify(*, since: int = 0, digests: Sequence[str] = (), most: int = 3, using: str = DEFAULT_DB_ALIAS) -> Report:
    """Check every promise and report the first wrong rows of each kind.

    ``since``: only transfers with a higher id are looked at again (the chain of seals always is); pass the
    ``last_transfer_id`` of an earlier clean report to go on from there. ``digests``: seals known from outside.
    """
    report = Report(timezone.now(), since)
    start = time.monotonic()
    connection = connections[using]
    for table, name in guards.missing(using):
        report.findings.append(Finding(2, table, name, "what refuses changes is missing or not as it was written"))
    nested = connection.in_atomic_block
    with transaction.atomic(using=using):
        if connection.vendor == "postgresql" and not nested:
            with connection.cursor() as cursor:  # all checks look at one moment, whatever is posted meanwhile
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        report.last_transfer_id = (
            Transfer.objects.using(using).order_by("-pk").values_list("pk", flat=True).first() or since
        )
        report.unsealed = Unsealed.objects.using(using).count()
        report.findings.extend(arithmetic(since, most, using))
        report.findings.extend(sealed(report, since, most, using))
        report.findings.extend(unsealed(report, since, using))
        for digest in digests:
            report.findings.extend(outside(digest, using))
    report.seconds = round(time.monotonic() - start, 3)
    return report
