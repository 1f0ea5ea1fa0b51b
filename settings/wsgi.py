"""WSGI entry point for gunicorn."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from timebank.common.wsgi import read_as_utf8, refuse_large

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.production")
application = refuse_large(read_as_utf8(get_wsgi_application()))
