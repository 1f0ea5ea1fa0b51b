"""Load tables of earning rules, ladders and benefits."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from timebank.policy.services import import_table
from timebank.policy.tables import TableReport, read_table
from timebank.policy.units import NotReadable


class Command(BaseCommand):
    help = (
        "Load rule tables (earning rules, ladders, benefits of a level) as drafts. Prints what became of each scheme, "
        "each refused row with its reason, and a last line 'N loaded, N refused'."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--scheme", default="", help="name of the scheme, for tables without that column")
        parser.add_argument("--dry-run", action="store_true", help="only report")

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = refused = 0
        for path in options["files"]:
            report = self._read(path, options["scheme"])
            if not options["dry_run"]:
                result = import_table(report=report)
                for version in result.drafts:
                    self.stdout.write(f"{path.name}: {version} " + _("stored as a draft"))
                for slug in result.unchanged:
                    self.stdout.write(f"{path.name}: {slug} " + _("is stored already"))
            for row in report.refused:
                reason = row.refusal.reason if row.refusal else ""
                self.stdout.write(f"{path.name}:{row.number}: {row.scheme} {row.text}: {reason}")
            self.stdout.write(f"{path.name}: {report.loaded} loaded, {len(report.refused)} refused")
            loaded += report.loaded
            refused += len(report.refused)
        self.stdout.write(f"{loaded} loaded, {refused} refused")

    @staticmethod
    def _read(path: Path, scheme: str) -> TableReport:
        try:
            text = path.read_text(encoding="utf-8-sig")
            return read_table(list(csv.DictReader(text.splitlines())), default_scheme=scheme)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} can't be read as UTF-8: {error}") from error
        except NotReadable as error:
            raise CommandError(f"{path}: {error}") from error
