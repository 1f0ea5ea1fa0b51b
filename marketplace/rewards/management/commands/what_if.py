"""A past period of a region under another scheme or price list."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.rewards.selectors.what_if import what_if
from marketplace.rewards.services.goods_lists import prices_in, read_goods
from timebank.common.errors import DomainError
from timebank.common.numbers import format_money, format_points
from timebank.common.sheets.errors import SheetError
from timebank.policy.selectors import version_by_code
from timebank.registry.models import Region


class Command(BaseCommand):
    help = (
        "Reckon a past period of a region again under a scheme (slug@number), a price list, or both; without either as "
        "it was. Prints who gains and loses, what it costs the fund, and how many afford what. Nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("region", help="12-digit code of the region")
        parser.add_argument("first", type=dt.date.fromisoformat)
        parser.add_argument("last", type=dt.date.fromisoformat)
        parser.add_argument("--scheme", default="")
        parser.add_argument("--prices", type=Path, help="a list of goods as the shelf of that place gives it")

    def handle(self, *args: Any, **options: Any) -> None:
        region = Region.objects.filter(code=options["region"]).first()
        if region is None:
            raise CommandError(f"no region has the code {options['region']}")
        prices: dict[int, int] = {}
        try:
            version = version_by_code(options["scheme"]) if options["scheme"] else None
            if options["prices"]:
                with options["prices"].open("rb") as file:
                    prices, refused = prices_in(region=region, lines=read_goods(file))
                for number, problem in refused:
                    self.stdout.write(f"row {number}: {problem}")
        except (DomainError, SheetError, OSError) as error:
            raise CommandError(str(error)) from error
        begun = time.monotonic()
        result = what_if(region, options["first"], options["last"], version=version, prices=prices)
        earning = result.earning
        self.stdout.write(f"earned {format_points(earning.before)} -> {format_points(earning.after)}")
        paid = f"{format_points(result.paid_before)} -> {format_points(result.paid_after)}"
        self.stdout.write(f"paid {paid} for {result.tickets} tickets, {len(prices)} prices of the list")
        self.stdout.write(f"{len(result.gains)} gain, {len(result.loses)} lose, {result.same} as before")
        cost = "no fund" if result.fund_fen is None else f"{format_money(result.fund_fen)} more to cover"
        self.stdout.write(f"left with the people {format_points(result.outstanding, sign=True)}, {cost}")
        for row in result.rewards:
            price = format_points(row.points)
            self.stdout.write(f"  {row.title} from {price}: {row.before} -> {row.after} of {row.of}")
        self.stdout.write(f"{time.monotonic() - begun:.1f} s")
