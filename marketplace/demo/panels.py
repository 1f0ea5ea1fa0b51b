"""What the demo adds to pages of other apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from marketplace.demo.people import PASSWORD
from marketplace.demo.selectors import accounts


def people_to_try(request: HttpRequest, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """List the demo people on the sign-in page; one tap signs in as one of them."""
    people = accounts()
    if not people:
        return {}
    return {item: {"template": "demo/_people.html", "accounts": people, "password": PASSWORD} for item in ids}
