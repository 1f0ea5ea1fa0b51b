"""The demo people: who they are on the sign-in page, only when ``settings.DEMO``."""

from __future__ import annotations

PREFIX = "demo-"  # of the usernames that the demo loader gives to the people it lists
PASSWORD = "shanji-demo"  # noqa: S105 - printed on the sign-in page of every demo
