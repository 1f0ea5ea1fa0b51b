"""Compare our books with the provider's, line by line and both ways."""

from __future__ import annotations

import datetime as dt
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payments import providers
from marketplace.payments.services import recon


class Command(BaseCommand):
    """Compare and name what differs."""

    help = "Compare our books with the payment service's; exit 1 if anything differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the choice."""
        parser.add_argument(
            "--days", type=int, help="look back so many days; default: 72 hours before the last good run"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare; print each difference."""
        provider = providers.online()
        if not provider:
            raise CommandError("No payment service is set up (STRIPE_SECRET_KEY).")
        since = timezone.now() - dt.timedelta(days=options["days"]) if options["days"] else None
        run = recon.reconcile(provider=provider, since=since)
        for item in run.items.order_by("pk"):
            self.stdout.write(f"{item.kind} {item.reference} ours={item.ours} theirs={item.theirs} {item.detail}")
        self.stdout.write(
            f"{run.lines_seen} lines, {run.events_found} missed events: {'agrees' if run.ok else 'DIFFERS'}"
        )
        if run.error:
            self.stderr.write(run.error)
        if not run.ok:
            sys.exit(1)
