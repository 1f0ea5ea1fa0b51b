"""Replay a past period of a region under a scheme."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from timebank.common.errors import DomainError
from timebank.common.numbers import format_points
from timebank.policy.selectors import version_by_code
from timebank.registry.models import Region
from timebank.service.selectors.simulation import simulate


class Command(BaseCommand):
    help = (
        "Price what a region was credited in a past period again under a scheme (slug@number), or as it was priced "
        "then. Prints who gains, who loses and the sums, in points."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("region", help="12-digit code of the region")
        parser.add_argument("first", type=dt.date.fromisoformat)
        parser.add_argument("last", type=dt.date.fromisoformat)
        parser.add_argument("--scheme", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        region = Region.objects.filter(code=options["region"]).first()
        if region is None:
            raise CommandError(f"no region has the code {options['region']}")
        try:
            version = version_by_code(options["scheme"]) if options["scheme"] else None
        except DomainError as error:
            raise CommandError(str(error)) from error
        begun = time.monotonic()
        result = simulate(region, options["first"], options["last"], version)
        self.stdout.write(f"people {len(result.people)}, minted then {format_points(result.before)}")
        self.stdout.write(f"under {options['scheme'] or 'the schemes of the time'} {format_points(result.after)}")
        self.stdout.write(
            f"{len(result.gains)} gain, {len(result.loses)} lose, {result.same} as before, "
            f"difference {format_points(result.change, sign=True)}, {time.monotonic() - begun:.1f} s"
        )
