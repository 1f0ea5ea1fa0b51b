"""Run a verification."""

from __future__ import annotations

import time

from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from timebank.ledger import guards
from timebank.ledger.models import Posting, Transfer, Unsealed
from timebank.ledger.verify.arithmetic import arithmetic
from timebank.ledger.verify.report import Finding, Report


def verify(*, since: int = 0, most: int = 3, using: str = DEFAULT_DB_ALIAS) -> Report:
    """Check every promise and report the first wrong rows."""
    report = Report(timezone.now(), since)
    start = time.monotonic()
    for table, name in guards.missing(using):
        report.findings.append(Finding(2, table, name, "the trigger that refuses changes is missing"))
    with transaction.atomic(using=using):
        report.findings.extend(arithmetic(since, most, using))
        report.transfers = Transfer.objects.using(using).filter(pk__gt=since).count()
        report.postings = Posting.objects.using(using).filter(transfer__gt=since).count()
        report.unsealed = Unsealed.objects.using(using).count()
    report.seconds = round(time.monotonic() - start, 3)
    return report
