"""What a view is given once a gate in front of it has refused who is not signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from timebank.registry.models import User


class SignedInRequest(HttpRequest):
    """A request of somebody known: ``login_required`` or the desk's gate stands before the view."""

    user: User
