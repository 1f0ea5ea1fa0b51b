"""Settings of our shop as B3 and B4 serve it: as in production, static files by their plain names, as the peer's."""

from __future__ import annotations

from bench.settings import *
from settings import base

ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
STORAGES = {**base.STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
