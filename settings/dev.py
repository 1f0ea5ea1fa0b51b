"""`make run`: one machine, SQLite, a broker without a server, demo people on the sign-in page."""

from __future__ import annotations

import os

from settings import safety

os.environ.setdefault("DEMO", "1")
os.environ.setdefault("SECRET_KEY", safety.DEMO_SECRET_KEY)
os.environ.setdefault("ID_NUMBER_KEYS", safety.DEMO_ID_NUMBER_KEY)

from settings.base import *

SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "axes.W003"]
DEBUG = env.flag("DEBUG")
if DEBUG:
    STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    WHITENOISE_USE_FINDERS = True
    if not DEMO:
        INSTALLED_APPS += ["timebank.ui.styleguide"]
