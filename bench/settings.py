"""Settings of the processes that are measured: the whole application as it runs, on the benchmark's database."""

from __future__ import annotations

import os

from bench.keys import KEYS

os.environ.setdefault("SECRET_KEY", KEYS["SECRET_KEY"])
os.environ.setdefault("ID_NUMBER_KEYS", KEYS["ID_NUMBER_KEYS"])

from settings import env
from settings.base import *

LOGGING = {"version": 1, "disable_existing_loggers": False}

if env.flag("BENCH_LEAN"):  # the toy size: start in a moment, measure nothing that counts
    INSTALLED_APPS = ["timebank.common", "timebank.ledger"]
    AUTH_USER_MODEL = "auth.User"
