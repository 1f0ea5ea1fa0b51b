"""Settings of the processes that are measured: the whole application as it runs, on the benchmark's database."""

from __future__ import annotations

import os

os.environ.setdefault("SECRET_KEY", "bench-only-012345678901234567890123456789012345678")
os.environ.setdefault("ID_NUMBER_KEYS", "c2hhbmppLXRlc3Qta2V5LW5vdC1mb3ItcHJvZHVjdGk=")

from settings import env
from settings.base import *

LOGGING = {"version": 1, "disable_existing_loggers": False}

if env.flag("BENCH_LEAN"):  # the toy size: start in a moment, measure nothing that counts
    INSTALLED_APPS = ["timebank.common", "timebank.ledger"]
    AUTH_USER_MODEL = "auth.User"
