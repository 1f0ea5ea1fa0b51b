"""`manage.py start_county`: print the address, good once, at which an empty installation is set up in the browser."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from timebank.villages import errors, selectors, services
from timebank.villages.services.founding import VOID


class Command(BaseCommand):
    help = "Print the one-time address of the setup. Every call makes a new one; the one before is void."

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        is_renewed = selectors.setup_is_open()
        try:
            token = services.open_setup()
        except errors.SetupClosed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(services.setup_url(token))
        if is_renewed:  # apart from the address, which a script may read
            self.stderr.write(VOID)
