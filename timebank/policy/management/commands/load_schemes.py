"""Load the published earning schemes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from timebank.policy.services import load_published


class Command(BaseCommand):
    help = "Load the published earning schemes as approved versions; a second run changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        new = load_published()
        for version in new:
            self.stdout.write(f"loaded {version}")
        self.stdout.write(f"{len(new)} new")
