"""`manage.py import_regions FILE`: load places from a table, all of them or none."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, no_translations
from tqdm import tqdm

from timebank.common.input import clean_text, digits
from timebank.common.sheets.errors import CellProblem, SheetError
from timebank.common.sheets.reading import Column, open_table
from timebank.common.sheets.reading import Row as TableRow
from timebank.common.sheets.sources import Limits
from timebank.registry.errors import BrokenFile
from timebank.registry.services import import_regions
from timebank.registry.services.regions import COLUMNS, RECODED_COLUMNS, Row

RECODED = "division_recoded.csv"


LIMITS = Limits(bytes=300 << 20, rows=1_000_000, unpacked=600 << 20)
_CODES = frozenset({"code", "parent_code", "old_code", "new_code"})
_DAYS = frozenset({"old_last_seen", "new_first_seen"})


def read_rows(file: Path, columns: tuple[str, ...], more: tuple[str, ...] = ()) -> list[Row]:
    """Read a table of places in any form that offices keep it; every row knows its number in the file."""
    wanted = [Column(name, (), required=True) for name in columns] + [Column(name, ()) for name in more]
    with _opened(file) as opened:
        try:
            table = open_table(opened, wanted, limits=LIMITS)
            return [_row(row, [column.key for column in wanted]) for row in table]
        except SheetError as error:
            raise CommandError(f"Nothing was loaded: {file.name}: {error}") from None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from None


def _row(row: TableRow, keys: list[str]) -> Row:
    made: Row = {"row": row.number, "surplus": row.surplus}
    for key in keys:
        try:
            if not row.reaches(key):
                made[key] = None
            elif key in _DAYS:
                day = row.date(key)
                made[key] = day.isoformat() if day else ""
            else:
                made[key] = row.digits(key) if key in _CODES else clean_text(row.text(key))
        except CellProblem as problem:
            made[key] = row.raw(key)
            made["problem"] = f"{key}: {problem}"
    return made


class Command(BaseCommand):
    help = (
        "Load regions from a table (CSV or XLSX: code, name, level, parent_code, kind). Places that merged take their"
        " residents along, what vanished is named, what divided is asked. The second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--recoded", type=Path, help=f"which codes replaced which (default: {RECODED} beside FILE, if it is there)"
        )
        parser.add_argument(
            "--continued-by",
            action="append",
            default=[],
            metavar="OLD=NEW",
            help="for a place that divided: which of its new codes takes over the residents",
        )
        parser.add_argument("--dry-run", action="store_true", help="check and report, change nothing")

    @no_translations
    def handle(self, *args: Any, file: Path, recoded: Path | None, dry_run: bool, **options: Any) -> None:
        heirs = _heirs(options["continued_by"])
        rows = read_rows(file, COLUMNS, ("kind",))
        beside = file.with_name(RECODED)
        recoded = recoded or (beside if beside.exists() and beside != file else None)
        renewals = read_rows(recoded, RECODED_COLUMNS) if recoded else []
        show = options["verbosity"] > 0 and sys.stderr.isatty()
        try:
            with tqdm(total=len(rows), unit="", desc="regions", disable=not show, file=sys.stderr) as bar:
                report = import_regions(rows=rows, recoded=renewals, heirs=heirs, dry_run=dry_run, progress=bar.update)
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
        for region, count in report.vanished:
            self.stdout.write(f"vanished {region.code} {region.name}: {count} residents stay there until it is decided")
        for old, news in report.divided:
            self.stdout.write(f"asked {old}: divided into {', '.join(news)}; say --continued-by {old}=NEW")
        if options["verbosity"] > 0:
            self.stdout.write(
                ("Dry run, nothing changed: " if dry_run else "")
                + f"{len(rows)} rows: {len(report.added)} added, {len(report.renamed)} renamed, "
                f"{len(report.merged)} merged, {report.unchanged} unchanged"
                + (f", {len(report.divided)} asked" if report.divided else "")
            )
        if report.divided:
            sys.exit(1)


def _heirs(pairs: list[str]) -> dict[str, str]:
    heirs = {}
    for pair in pairs:
        old, sign, new = pair.partition("=")
        if not sign or len(digits(old)) != 12 or len(digits(new)) != 12:
            raise CommandError(f"--continued-by takes OLD=NEW, two codes of 12 digits, not {pair}.")
        heirs[digits(old)] = digits(new)
    return heirs
