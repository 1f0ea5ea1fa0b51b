"""`make test`: fast hashing, eager tasks, plain static files."""

from __future__ import annotations

import os

os.environ.setdefault("SECRET_KEY", "tests-only-0123456789012345678901234567890123456789")
os.environ.setdefault("ID_NUMBER_KEYS", "c2hhbmppLXRlc3Qta2V5LW5vdC1mb3ItcHJvZHVjdGk=")
os.environ.setdefault("DEMO", "1")

from settings.base import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
AXES_ENABLED = False
# Tests travel through weeks with one client: the limits of a staff session are for tests/registry/test_accounts.py.
STAFF_IDLE_SECONDS = STAFF_SESSION_SECONDS = CONFIRM_SECONDS = 10**9
SHELF_SECONDS = 0  # tests/catalogue/test_kept_shelf.py keeps it
SITE_URL = "https://shanji.example"
WHITENOISE_AUTOREFRESH = True  # straight from the apps: nothing is collected for a test
WHITENOISE_USE_FINDERS = True
INSTALLED_APPS += ["tests.contract_app"]  # declares one of each thing of the contract, for tests/contract_app
