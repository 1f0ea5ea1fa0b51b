"""Encrypt every stored ID number with the newest key of ``ID_NUMBER_KEYS``; afterwards old keys may go."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from timebank.registry.services import rotate_id_numbers
from timebank.registry.services.second_factor import rotate_secrets


class Command(BaseCommand):
    help = "Encrypt every ID number with the newest key of ID_NUMBER_KEYS. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate and say how many changed."""
        self.stdout.write(f"{rotate_id_numbers()} ID numbers encrypted anew")
        self.stdout.write(f"{rotate_secrets()} secrets of sign-in codes encrypted anew")
