"""A real deployment: secrets must be given, cookies travel only over TLS."""

from __future__ import annotations

from settings import env, safety

safety.require_safe()

from settings.base import *

SECRET_KEY = env.secret("SECRET_KEY")
ID_NUMBER_KEYS = env.secret("ID_NUMBER_KEYS").split(",")
DATABASES = {"default": {**env.database("DATABASE_URL", env.secret("DATABASE_URL")), "ATOMIC_REQUESTS": False}}
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked from inside, where nobody speaks TLS
SECURE_HSTS_SECONDS = env.whole("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY") else None
