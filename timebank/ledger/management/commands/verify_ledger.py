"""Prove the ledger's promises; exit 1 and name the first wrong row when one is broken."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from timebank.ledger.verify import Report, verify


class Command(BaseCommand):
    help = (
        "Check every promise of the ledger. Exit code 0: all hold; 1: not, and the first wrong rows are named; "
        "130: broken off."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=int, default=0, help="only transfers with a higher id than this")
        parser.add_argument("--seal", action="append", default=[], help="a digest from outside (notice board, print)")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--resume",
            type=Path,
            metavar="FILE",
            help="keep the place in this file; go on there when a run was broken off (only the verifier may write it)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        watched = self.stderr.isatty()
        file: Path | None = options["resume"]
        try:
            report = verify(
                since=options["since"],
                digests=options["seal"],
                resume=file,
                report_progress=self._report_progress if watched else _quiet,
            )
        except KeyboardInterrupt:
            kept = f"; --resume {file} goes on where it was" if file and file.exists() else ""
            self.stderr.write(f"broken off{kept}")
            raise SystemExit(130) from None
        if watched:
            self.stderr.write("\r", ending="")
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=1))
        else:
            for finding in report.findings:
                self.stderr.write(str(finding))
            self.stdout.write(_words(report))
        if not report.clean:
            raise SystemExit(1)

    def _report_progress(self, report: Report) -> None:
        self.stderr.write(f"\r{report.seals} seals, {report.transfers} transfers ", ending="")


def _quiet(report: Report) -> None:
    """Nobody watches."""


def _words(report: Report) -> str:
    earlier = (
        f" (seals 1 to {report.resumed_after} were looked at by a run of {report.resumed_from} that was broken off)"
        if report.resumed_after
        else ""
    )
    return (
        f"{'verified' if report.clean else 'WRONG'}: {report.transfers} transfers, {report.postings} postings, "
        f"{report.seals} seals, {report.unsealed} not sealed yet, {report.seconds} s; last transfer "
        f"{report.last_transfer_id}, last seal {report.last_digest or '-'}{earlier}"
    )
