"""Seal what was posted and print the digest for the notice board."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from timebank.ledger.canon import short_digest
from timebank.ledger.errors import NotSealable
from timebank.ledger.models import Seal
from timebank.ledger.services.sealing import LIMIT, anchor, seal_all


class Command(BaseCommand):
    help = "Seal all transfers that wait, print the short digest of the last seal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=LIMIT, help="most transfers in one seal")
        parser.add_argument("--anchor", default="", metavar="PLACE", help="record that the digest is made known there")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = seal_all(limit=options["limit"])
        except NotSealable as refusal:
            raise CommandError(f"{refusal} {refusal.params}") from refusal
        last = made[-1] if made else Seal.objects.order_by("-number").first()
        self.stdout.write(f"{sum(item.count for item in made)} transfers in {len(made)} seals")
        if last is not None:
            if options["anchor"]:
                anchor(number=last.number, place=options["anchor"])
            self.stdout.write(short_digest(last.number, last.hash))
