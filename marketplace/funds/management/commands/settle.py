"""``manage.py settle [--month 2026-10] [--today]``: issue the suppliers' statements; again does nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.funds import rules
from marketplace.funds.services.statements import issue_statements
from timebank.common.numbers import format_money


class Command(BaseCommand):
    help = "Issue the statements of all suppliers for a month (default: the last one)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the month, or "up to today"."""
        parser.add_argument("--month", help="for example 2026-10")
        parser.add_argument("--today", action="store_true", help="this month, up to today")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue and say how many and how much."""
        today = timezone.localdate()
        if options["today"]:
            first, last = today.replace(day=1), today
        else:
            try:
                text = options["month"]
                day = dt.date.fromisoformat(f"{text}-01") if text else today.replace(day=1) - dt.timedelta(days=1)
            except ValueError as error:
                raise CommandError("A month reads like 2026-10.") from error
            first, last = rules.month_of(day)
        if first > today:
            raise CommandError("This month has not begun.")
        made = issue_statements(first_day=first, last_day=min(last, today))
        total = format_money(sum(item.fen for item in made))
        self.stdout.write(self.style.SUCCESS(f"{len(made)} statements, {total}"))
