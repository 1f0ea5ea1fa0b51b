"""The ledger alone, on a database that really keeps what it acknowledged."""

from __future__ import annotations

from settings import env

SECRET_KEY = "attack"
LEDGER_FAST_PATH = True
DATABASE_APP_ROLE = ""
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "timebank.common", "timebank.ledger"]
DATABASES = {"default": env.database("DATABASE_URL", "")}
