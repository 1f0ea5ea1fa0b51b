"""`manage.py import_regions FILE`: load places from a CSV file, all of them or none."""

from __future__ import annotations

import csv
import io
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from tqdm import tqdm

from timebank.registry.errors import BrokenFile
from timebank.registry.services import import_regions
from timebank.registry.services.regions import COLUMNS, RECODED_COLUMNS, Row

RECODED = "division_recoded.csv"


def read_rows(file: Path, columns: tuple[str, ...]) -> list[Row]:
    """Read a CSV file in UTF-8; every row knows its number, counting the header as row 1."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"Nothing was loaded: {file.name} is not UTF-8 (row {row}). Save it again as UTF-8."
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in columns if name not in header]
    if missing or len(set(header)) != len(header):
        result = ",".join(header) or "nothing"
        raise CommandError(
            f"Nothing was loaded: row 1 of {file.name} must name the columns {', '.join(columns)}; it says {result}."
        )
    rows: list[Row] = []
    number = reader.line_num
    try:
        for fields in reader:
            number = reader.line_num
            if not any(value.strip() for value in fields):
                continue
            row: Row = dict.fromkeys(header)
            row.update(zip(header, (value.strip() for value in fields), strict=False))
            row["surplus"] = len(fields) > len(header)
            row["row"] = number
            rows.append(row)
    except csv.Error as error:
        raise CommandError(f"Nothing was loaded: row {number + 1} of {file.name} is broken: {error}.") from None
    return rows


class Command(BaseCommand):
    help = "Load regions from a CSV file (code, name, level, parent_code, kind). The second run changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--recoded", type=Path, help=f"which codes replaced which (default: {RECODED} beside FILE, if it is there)"
        )
        parser.add_argument("--dry-run", action="store_true", help="check and report, change nothing")

    @no_translations
    def handle(self, *args: Any, file: Path, recoded: Path | None, dry_run: bool, **options: Any) -> None:
        rows = read_rows(file, COLUMNS)
        beside = file.with_name(RECODED)
        recoded = recoded or (beside if beside.exists() and beside != file else None)
        renewals = read_rows(recoded, RECODED_COLUMNS) if recoded else []
        show = options["verbosity"] > 0 and sys.stderr.isatty()
        try:
            with tqdm(total=len(rows), unit="", desc="regions", disable=not show, file=sys.stderr) as bar:
                report = import_regions(rows=rows, recoded=renewals, dry_run=dry_run, progress=bar.update)
        except BrokenFile as error:
            broken = error.params["rows"]
            for row in broken:
                self.stderr.write(f"row {row}")
            raise CommandError(f"Nothing was loaded: {len(broken)} broken rows in {file.name}.") from None
        if options["verbosity"] > 1:
            for code, old, new in report.renamed:
                self.stdout.write(f"renamed {code}: {old} -> {new}")
            for old, new in report.merged:
                self.stdout.write(f"merged {old} -> {new}")
        if options["verbosity"] > 0:
            self.stdout.write(
                ("Dry run, nothing changed: " if dry_run else "")
                + f"{len(rows)} rows: {len(report.added)} added, {len(report.renamed)} renamed, "
                f"{len(report.merged)} merged, {report.unchanged} unchanged"
            )
