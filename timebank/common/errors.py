"""The one shape of refusal: a machine code, a sentence for people and, where there is one, the field it belongs to."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _


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


# What every app refuses in the same words. (``tests/project/test_errors.py``: one code has one meaning.)
class NotFound(DomainError):
    """Also what a stranger is told: whether a thing exists is not theirs to know."""

    code = "not_found"
    message = _("There is no such thing here.")
    status = 404


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Please say why, in a few words: it stays in the history.")
    status = 400


class SamePerson(DomainError):
    code = "same_person"
    message = _("A second person must do this: you prepared it yourself.")


class WrongState(DomainError):
    """``params["state"]`` is how it stands now."""

    code = "wrong_state"
    message = _("This was decided already. Please look at the page again.")


class KeyConflict(DomainError):
    """The same key with other content, or by another person: it can't be a repetition."""

    code = "key_conflict"
    message = _("This form was sent already, with other content. What was sent first stands: look at it first.")
