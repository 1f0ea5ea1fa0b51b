"""Ask the provider for events that were never told, and process them."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payments import providers
from marketplace.payments.errors import PaymentsError
from marketplace.payments.services import events, recon


class Command(BaseCommand):
    """Pull and process."""

    help = "Fetch events that the payment service could not deliver (kept 30 days there) and process them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the choice."""
        parser.add_argument("--hours", type=int, help="look back so far; default: 72 hours before the last good run")

    def handle(self, *args: Any, **options: Any) -> None:
        """Pull, process, say how many."""
        provider = providers.online()
        if not provider:
            raise CommandError("No payment service is set up (STRIPE_SECRET_KEY).")
        now = timezone.now()
        hours = options["hours"]
        since = now - dt.timedelta(hours=hours) if hours else recon.since_when(provider, now=now)
        try:
            new = events.pull_events(provider=provider, since=since)
        except PaymentsError as refusal:
            raise CommandError(f"{refusal.code}: {refusal}") from refusal
        while events.process_waiting():
            pass
        self.stdout.write(f"{new} new events.")
