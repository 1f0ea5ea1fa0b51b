"""List the published rewards in some villages: ``manage.py load_catalogue 371003104204 …``."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.catalogue.services import load_catalogue
from timebank.registry.models import Region


class Command(BaseCommand):
    help = "List the rewards of data/reward_catalogue.csv in the villages (or towns) with these codes. Idempotent."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("codes", nargs="+", help="12-digit codes of villages or towns")

    def handle(self, *args: Any, **options: Any) -> None:
        regions = list(Region.objects.filter(code__in=options["codes"]).order_by("path"))
        missing = set(options["codes"]) - {region.code for region in regions}
        if missing:
            raise CommandError(f"No region with code {', '.join(sorted(missing))}. Import the regions first.")
        loaded = load_catalogue(villages=regions)
        self.stdout.write(
            f"{len(loaded.products)} rewards ({loaded.created} new) at {len(loaded.partners)} suppliers; "
            f"left out, not for points: {', '.join(loaded.left_out)}"
        )
