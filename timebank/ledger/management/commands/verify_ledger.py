"""Prove the ledger's promises; exit 1 and name the first wrong row when one is broken."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from timebank.ledger.verify import verify


class Command(BaseCommand):
    help = "Check every promise of the ledger. Exit code 0: all hold; 1: not, and the first wrong rows are named."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=int, default=0, help="only transfers with a higher id than this")
        parser.add_argument("--seal", action="append", default=[], help="a digest from outside (notice board, print)")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify(since=options["since"], digests=options["seal"])
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=1))
        else:
            for finding in report.findings:
                self.stderr.write(str(finding))
            word = "verified" if report.clean else "WRONG"
            self.stdout.write(
                f"{word}: {report.transfers} transfers, {report.postings} postings, {report.seals} seals, "
                f"{report.unsealed} not sealed yet, {report.seconds} s; last transfer {report.last_transfer_id}, "
                f"last seal {report.last_digest or '-'}"
            )
        if not report.clean:
            raise SystemExit(1)
