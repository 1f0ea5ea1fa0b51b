"""django-hordak as somebody uses it who may not overdraw: lock both accounts, look at the balance, ``transfer_to``.

Without that it does not do the work that is compared: it would overdraw. It has no idempotency, no lots and no seal.
"""

from __future__ import annotations

import os
import random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.worker import timed

state: dict[str, Any] = {}


def setup() -> None:
    """Start Django with hordak alone."""
    import django
    from django.conf import settings

    url = urlsplit(os.environ["DATABASE_URL"])
    settings.configure(
        SECRET_KEY="bench",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": url.path[1:],
                "USER": url.username,
                "HOST": dict(parse_qsl(url.query))["host"],
                "CONN_MAX_AGE": None,
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        DEFAULT_CURRENCY="EUR",
        CURRENCIES=["EUR"],
        LOGGING_CONFIG=None,
    )
    django.setup()


def seed(accounts: int) -> None:
    """Make the tables and the accounts."""
    from django.core.management import call_command
    from hordak.models import Account, AccountType

    call_command("migrate", verbosity=0, interactive=False)
    for number in range(accounts):
        Account.objects.create(name=f"a{number}", code=str(number), type=AccountType.asset, currencies=["EUR"])


def transfer(start: float, seconds: float, seed: int, case: str) -> dict[str, float]:
    """Transfer as fast as one client can; the accounts are at hand, only the transfer counts."""
    from django.db import transaction
    from hordak.models import Account
    from hordak.utilities.currency import Balance
    from moneyed import Money

    if "accounts" not in state:
        state["accounts"] = list(Account.objects.order_by("pk"))
    accounts, rng, price = state["accounts"], random.Random(seed), Money("7.00", "EUR")
    floor = Balance([Money("-1000000000", "EUR")])

    def once() -> None:
        number = rng.randrange(1, len(accounts))
        other = 0 if case == "hot" else (number + 1 + rng.randrange(len(accounts) - 1)) % len(accounts)
        source, target = accounts[number], accounts[other]
        with transaction.atomic():
            wanted = Account.objects.select_for_update().filter(pk__in=[source.pk, target.pk]).order_by("pk")
            found = {one.pk: one for one in wanted}
            source, target = found[source.pk], found[target.pk]
            if source.get_balance() < floor:
                raise AssertionError("the bench's accounts never run dry")
            source.transfer_to(target, price)

    return timed(once, start, seconds)
