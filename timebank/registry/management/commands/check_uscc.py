"""`manage.py check_uscc FILE`: compare a file of unified social credit codes with what Shanji thinks of them."""

from __future__ import annotations

import csv
import io
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from timebank.registry import uscc


class Command(BaseCommand):
    help = "Check the codes of a CSV file (columns code, expected: valid, valid-after-normalise or invalid)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError(f"{file} is not UTF-8.") from None
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more")
        if not {"code", "expected"} <= set(reader.fieldnames or ()):
            raise CommandError(f"{file} needs the columns code and expected.")
        passed = failed = 0
        for row in reader:
            got = uscc.verdict(row["code"] or "")
            if got == (row["expected"] or "").strip():
                passed += 1
            else:
                failed += 1
                self.stdout.write(f"row {reader.line_num}: {row['code']}: expected {row['expected']}, got {got}")
        self.stdout.write(f"{passed} passed, {failed} failed")
        if failed:
            sys.exit(1)
