"""The slip that a clerk is filling in: kept in the session, one a counter, until it is paid or thrown away."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest

from marketplace.partner.models import Partner

MOST_LINES = 40
MOST_OF_ONE = 99


class Till:
    """Card number, what is wanted, and the key under which it will be paid once."""

    def __init__(self, request: HttpRequest, partner: Partner):
        self._session: Any = request.session
        self._name = f"till:{partner.pk}"
        kept = self._session.get(self._name) or {}
        self.card: str = kept.get("card", "")
        self.key: str = kept.get("key", "")
        self.wants: dict[int, int] = {int(pk): count for pk, count in kept.get("lines", {}).items()}

    def take_card(self, number: str) -> None:
        """Begin a slip for a card."""
        self.card, self.key, self.wants = number, str(uuid.uuid4()), {}
        self._keep()

    def set(self, record_id: int, quantity: int) -> None:
        """Want so many of one thing; none takes it off the slip."""
        if quantity <= 0:
            self.wants.pop(record_id, None)
        elif record_id in self.wants or len(self.wants) < MOST_LINES:
            self.wants[record_id] = min(quantity, MOST_OF_ONE)
        self._keep()

    def clear(self) -> None:
        """Throw the slip away."""
        self._session.pop(self._name, None)

    @property
    def lines(self) -> list[tuple[int, int]]:
        return sorted(self.wants.items())

    def _keep(self) -> None:
        self._session[self._name] = {
            "card": self.card,
            "key": self.key,
            "lines": {str(pk): count for pk, count in self.wants.items()},
        }
