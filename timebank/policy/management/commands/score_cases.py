"""Check worked examples of published rules against the engine."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from timebank.policy.cases import Stored, same, score
from timebank.policy.published import rows
from timebank.policy.services import import_table, load_published
from timebank.policy.tables import read_table

COLUMNS = {"rule", "input", "unit", "expected"}


class Command(BaseCommand):
    help = (
        "Read rule,input,unit,expected from a CSV file, score each row with the stored schemes; "
        "print a line per failing row and 'N passed, N failed'."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} can't be read as UTF-8: {error}") from error
        reader = csv.DictReader(text.splitlines())
        missing = COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise CommandError(f"{path} lacks the column(s) {', '.join(sorted(missing))}.")
        # Price with what the database gives back, and leave the database as it was found.
        with transaction.atomic():
            load_published()
            for table in ("earning_rules.csv", "tiers.csv"):
                import_table(report=read_table(list(rows(table))))
            stored = Stored()
            transaction.set_rollback(True)
        passed = failed = 0
        for row in reader:
            problem = self._problem(stored, row)
            if problem:
                failed += 1
                self.stdout.write(f"row {reader.line_num}: {row['rule']} {row['input']} {row['unit']}: {problem}")
            else:
                passed += 1
        self.stdout.write(f"{passed} passed, {failed} failed")
        if failed:
            raise SystemExit(1)

    @staticmethod
    def _problem(stored: Stored, row: dict[str, str]) -> str:
        try:
            got = score(stored, row["rule"], row["input"], (row["unit"] or "").strip())
        except KeyError as error:
            return f"no published rule or unit of that name ({error.args[0]})"
        except (ValueError, ZeroDivisionError, TypeError) as error:
            return f"input can't be read ({error})"
        return "" if same(got, row["expected"] or "") else f"got {got}, expected {row['expected']}"
