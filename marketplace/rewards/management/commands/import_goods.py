"""A list of goods put on the shelves of a place and priced, as its page does."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import transaction
from tqdm import tqdm

from marketplace.rewards.services.goods_imports import BATCH
from marketplace.rewards.services.goods_lists import GoodsReport, import_goods, read_goods, without_doubles
from timebank.common.errors import DomainError
from timebank.common.sheets.errors import SheetError
from timebank.registry.backends import account_of
from timebank.registry.models import Region

SHOWN = 200


class Command(BaseCommand):
    help = (
        "Put a list of goods (XLSX or CSV) on the shelves of a place's suppliers and price it, as far as the actor may"
        " do either: who lists does not price. Rows that can't be used are named. The second run changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--village", required=True, help="code of the place whose suppliers the list names")
        parser.add_argument(
            "--actor", required=True, help="act with the rights of this member of staff (phone, e-mail)"
        )
        parser.add_argument("--reason", default="", help="why these prices; needed where the list has prices")
        parser.add_argument("--dry-run", action="store_true", help="only say what the list would do")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        region = Region.objects.filter(code=options["village"]).first()
        if region is None:
            raise CommandError(f"no place has the code {options['village']}")
        actor = account_of(options["actor"])
        if actor is None:
            raise CommandError(f"nobody signs in as {options['actor']}")
        begun = time.monotonic()
        try:
            with options["file"].open("rb") as file:
                show = options["verbosity"] > 0 and sys.stderr.isatty()
                with tqdm(unit=" rows", desc="reading", disable=not show, file=sys.stderr) as bar:
                    lines = without_doubles(read_goods(file, progress=bar.update))
            report = GoodsReport()
            with (
                tqdm(total=len(lines), unit=" rows", desc="loading", disable=not show, file=sys.stderr) as bar,
                transaction.atomic(),  # all of it or nothing
            ):
                for first in range(0, len(lines), BATCH):
                    part = import_goods(
                        region=region,
                        lines=lines[first : first + BATCH],
                        reason=options["reason"],
                        actor=actor,
                        dry_run=options["dry_run"],
                    )
                    report = report.plus(part)
                    bar.update(len(lines[first : first + BATCH]))
        except (DomainError, SheetError, OSError) as error:
            raise CommandError(str(error)) from error
        for number, problem in report.refused[:SHOWN]:
            self.stdout.write(f"row {number}: {problem}")
        if options["dry_run"]:
            self.stdout.write("Dry run, nothing changed:")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.stdout.write(
            f"{len(lines)} rows in {time.monotonic() - begun:.1f} s, {peak} MB: {report.changed} changed"
            f" ({report.listed} listed, {report.priced} priced), {report.unchanged} unchanged,"
            f" {report.unpriced} left to the admin, {len(report.refused)} refused"
        )
