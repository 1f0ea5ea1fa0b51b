"""The one shape of refusal: a machine code, a sentence for people and, where there is one, the field it belongs to."""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """Refuse an action for a reason that a person can read and a program can match.

    ``code`` is stable ASCII; ``message`` is a (lazy) translated sentence that says what to do next;
    ``field`` names the form field or the row of a file, if there is one; ``params`` are facts for the page.
    """

    code = "refused"
    message: Any = ""
    status = 409

    def __init__(self, message: Any = None, *, code: str | None = None, field: str | None = None, **params: Any):
        self.code = code or type(self).code
        self.message = message if message is not None else type(self).message
        self.field = field
        self.params = params
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.message) or self.code
