"""`manage.py import_regions FILE`: load places from a table, all of them or none."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, no_translations
from tqdm import tqdm

from timebank.common.input import digits
from timebank.common.sheets.errors import SheetError
from timebank.registry.errors import BrokenFile
from timebank.registry.imports.places import read_places
from timebank.registry.services import import_regions
from timebank.registry.services.regions import COLUMNS, RECODED_COLUMNS, Row

RECODED = "division_recoded.csv"


def read_rows(file: Path, columns: tuple[str, ...], more: tuple[str, ...] = ()) -> list[Row]:
    """Read a table of places; what can't be read is said in a sentence."""
    with _opened(file) as opened:
        try:
            return read_places(opened, columns, more)
        except SheetError as error:
            raise CommandError(f"Nothing was loaded: {file.name}: {error}") from None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from None


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
