"""``manage.py check_funds``: print where all money is, to the fen; exit 1 with the first difference."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.funds.selectors.equation import differences, equation
from timebank.common.numbers import format_money


class Command(BaseCommand):
    help = "Compare all money in the ledger with the rows of funds, tickets and payments."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the equation, then the first difference if there is one."""
        made = equation()
        parts = (
            "funds",
            "owed",
            "suspense",
            "transit",
            "shortfall",
            "settled",
            "projects",
            "refunded",
            "disputed",
            "fees",
        )
        width = max(len(format_money(getattr(made, name))) for name in (*parts, "money_in"))
        self.stdout.write(f"{'money in':<12}{format_money(made.money_in):>{width}}")
        for name in parts:
            self.stdout.write(
                f"{'= ' if name == 'funds' else '+ '}{name:<10}{format_money(getattr(made, name)):>{width}}"
            )
        first = next(iter(differences()), None)
        if first is not None:
            raise CommandError(f"difference: {first}", returncode=1)
        self.stdout.write(self.style.SUCCESS("All money adds up."))
