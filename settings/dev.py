"""`make run`: one machine, SQLite, a broker without a server, demo people on the sign-in page."""

from __future__ import annotations

import os

os.environ.setdefault("DEMO", "1")
os.environ.setdefault("SECRET_KEY", "only-for-a-demo-on-this-machine-never-in-production-0123456789")
os.environ.setdefault("ID_NUMBER_KEYS", "c2hhbmppLWRlbW8ta2V5LW5vdC1mb3ItcHJvZHVjdGk=")

from settings.base import *

SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "axes.W003"]
DEBUG = env.flag("DEBUG")
if DEBUG:
    STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    WHITENOISE_USE_FINDERS = True
    if not DEMO:
        INSTALLED_APPS += ["timebank.ui.styleguide"]
