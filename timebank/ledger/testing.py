"""What the suite asks of the ledger."""

from __future__ import annotations

from timebank.ledger.models import Transfer
from timebank.ledger.verify import verify


def assert_ledger_clean() -> None:
    """Fail with the first wrong rows unless every promise holds."""
    if not Transfer.objects.exists():
        return
    report = verify()
    if not report.clean:
        raise AssertionError("the ledger does not verify:\n" + "\n".join(map(str, report.findings)))
