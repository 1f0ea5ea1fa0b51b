"""`manage.py import_residents FILE --village CODE`: load a list of residents; what is doubtful is asked."""

from __future__ import annotations

import csv
import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import transaction
from tqdm import tqdm

from timebank.common.errors import DomainError
from timebank.common.input import clean_text, digits
from timebank.common.sheets.writing import safe_cell
from timebank.registry import selectors
from timebank.registry.backends import account_of
from timebank.registry.models import Region, ResidentImport, ResidentImportRow, User
from timebank.registry.services.resident_imports import answering, deciding, loading, reading
from timebank.registry.services.residents import CONSENT_VERSION

Outcome = ResidentImportRow.Outcome
SHOWN = 200


class Command(BaseCommand):
    help = (
        "Load a list of residents (CSV or XLSX). Rows that can't be right are refused and named, rows that look like"
        " somebody else are asked; the rest loads. The second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--village", required=True, help="code of the village of rows that name none")
        parser.add_argument("--dry-run", action="store_true", help="read, judge and report; change nothing")
        parser.add_argument(
            "--decide",
            type=Path,
            help="file of decisions: rows, same | different | without-phone; a shared phone that it leaves out is"
            " loaded without the phone",
        )
        parser.add_argument("--refused", type=Path, help="write the refused rows to this CSV file, to be mended")
        parser.add_argument("--actor", default="", help="act with the rights of this member of staff (phone or e-mail)")

    @no_translations
    def handle(self, *args: Any, file: Path, village: str, dry_run: bool, decide: Path | None, **options: Any) -> None:
        place = selectors.region_by_code(digits(village))
        if place is None:
            raise CommandError(f"No place has the code {village}.")
        actor = self._actor(options["actor"]) if options["actor"] else None
        show = options["verbosity"] > 0 and sys.stderr.isatty()
        try:
            decisions = self._decisions(decide)
            with file.open("rb") as opened, transaction.atomic() if dry_run else nullcontext():
                source = self._import(opened, file, place, actor, decisions, show)
                counts = loading.count_outcomes(source)
                self._report(source, options["refused"])
                if dry_run:
                    transaction.set_rollback(True)
                else:
                    self._tidy(source, counts)
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None
        except DomainError as error:
            where = f" (row {error.params['row']})" if "row" in error.params else ""
            raise CommandError(f"Nothing was loaded{where}: {error}") from None
        if dry_run:
            self.stdout.write("Dry run, nothing changed:")
        self.stdout.write(
            f"{counts[Outcome.LOADED]} loaded, {counts[Outcome.REFUSED]} refused, {counts[Outcome.ASKED]} asked, "
            f"{counts[Outcome.UNCHANGED]} unchanged"
        )
        if counts[Outcome.REFUSED] or counts[Outcome.ASKED]:
            sys.exit(1)

    def _import(
        self,
        opened: Any,
        file: Path,
        place: Region,
        actor: User | None,
        decisions: list[deciding.Decision] | None,
        show: bool,
    ) -> ResidentImport:
        with tqdm(unit=" rows", desc="reading", disable=not show, file=sys.stderr) as bar:
            source = reading.read_import(
                file=opened, file_name=file.name, village=place, actor=actor, progress=bar.update
            )
        if decisions is not None:
            unused = deciding.decide(source=source, decisions=decisions, actor=actor, shared_phones_left_out=True)
            for decision in unused:
                rows = ", ".join(str(row) for row in sorted(decision.rows))
                self.stderr.write(f"decisions, row {decision.line}: nothing was asked about rows {rows}")
        total = source.rows.filter(outcome__in=(Outcome.READY, Outcome.ASKED)).count()
        with tqdm(total=total, unit=" rows", desc="loading", disable=not show, file=sys.stderr) as bar:
            return loading.load_import(source=source, actor=actor, consent_version=CONSENT_VERSION, progress=bar.update)

    def _decisions(self, file: Path | None) -> list[deciding.Decision] | None:
        if file is None:
            return None
        try:
            with file.open("rb") as opened:
                return deciding.read_decisions(opened)
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None

    def _report(self, source: ResidentImport, refused: Path | None) -> None:
        for note in source.notes:
            if "row" in note:
                self.stdout.write(f"row {note['row']}: skipped, {note['kind']} row {note['text']}".rstrip())
            elif "column" in note:
                self.stdout.write(f"column {note['column']}: not read")
            else:
                self.stdout.write(note["text"])
        rows = source.rows.filter(outcome__in=(Outcome.REFUSED, Outcome.ASKED)).order_by("number")
        for count, row in enumerate(rows.prefetch_related("questions__other_row", "questions__other")):
            if count == SHOWN:
                self.stdout.write("… and more")
                break
            if row.outcome == Outcome.REFUSED:
                self.stdout.write(f"row {row.number}: refused, {row.column}: {row.reason}")
                continue
            for question in row.questions.all():
                other = (
                    f"row {question.other_row.number}"
                    if question.other_row is not None
                    else f"resident {question.other.volunteer_number}"  # type: ignore[union-attr]
                )
                what = "the same person" if question.kind == deciding.Kind.PERSON else "another person with the phone"
                self.stdout.write(
                    f"row {row.number}: asked, is this {what} as {other}?".replace("phone as", "phone of")
                )
        if refused is not None:
            with refused.open("w", encoding="utf-8-sig", newline="") as out:
                writer = csv.writer(out)
                writer.writerow([safe_cell(name) for name in answering.refused_header(source)])
                writer.writerows([safe_cell(cell) for cell in line] for line in answering.refused_rows(source))
            self.stdout.write(f"refused rows: {clean_text(refused.name)}")

    def _tidy(self, source: ResidentImport, counts: dict[str, int]) -> None:
        """Keep of a list only whom it made: the file itself stays with whoever ran the command."""
        if counts[Outcome.LOADED]:
            source.rows.exclude(outcome=Outcome.LOADED).delete()
        else:
            source.delete()

    def _actor(self, name: str) -> User:
        user = account_of(name)
        if user is None:
            raise CommandError(f"Nobody signs in as {name}.")
        return user
