"""Fill an empty database with the demo village life."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation
from tqdm import tqdm

from marketplace.demo.builder import DAYS, DemoBuilder
from marketplace.demo.market import Market
from marketplace.demo.money import Money
from marketplace.demo.people import CAST, PASSWORD
from marketplace.demo.selectors import reach_lines
from timebank.ledger.services import seal
from timebank.registry.models import User


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


class Command(BaseCommand):
    help = "Make three months of life in Zeku and Gaocun towns: real places and rules, invented people, a fixed seed."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--scale", type=at_least_one, default=1, help="so many times as many residents")
        parser.add_argument("--seed", type=int, default=20260101, help="another seed, another story")
        parser.add_argument("--days", type=at_least_one, default=DAYS, help="so many days of life")

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            raise CommandError(
                "There are people in this database already. The demo fills only an empty one: "
                "give another DATABASE_URL, or remove the file of the demo database."
            )
        with (
            translation.override("zh-hans"),
            tqdm(total=options["days"] + 1, unit="day", disable=None if options["verbosity"] else True) as bar,
        ):
            builder = DemoBuilder(
                seed=options["seed"],
                scale=options["scale"],
                days=options["days"],
                now=timezone.now(),
                tick=lambda what: bar.set_postfix_str(what, refresh=False),
            )
            bar.set_description("settle")
            builder.load_places()
            market = Market(builder)
            bar.set_description("stock")
            money = Money(builder, market)
            money.open()
            market.open()
            money.agree()
            builder.plan()
            bar.set_description("live")
            bar.set_postfix_str("")
            for day in builder.days():
                builder.publish_and_credit(day)
                builder.hold(day)
                builder.enter_records(day)
                builder.verify(day)
                market.trade(day)
                money.settle(day)
                bar.update()
            builder.prepare_tomorrow()
            market.finish()
            money.finish()
            seal()
        for line in reach_lines():
            self.stdout.write(line)
        self.stdout.write("Demo people, all with the password " + PASSWORD + ":")
        for person in CAST:
            if person.phone:
                self.stdout.write(f"  {person.phone}  {person.key}  {person.name}")
