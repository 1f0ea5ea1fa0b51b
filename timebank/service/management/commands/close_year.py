"""Close a year's standings."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from timebank.common.errors import DomainError
from timebank.service.services.years import close_year


class Command(BaseCommand):
    help = "Carry over what the stars of a year bring to the next; a second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("year", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = close_year(year=options["year"])
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{changed} changed")
