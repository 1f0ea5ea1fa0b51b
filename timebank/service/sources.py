"""What a record of service is in a statement of points."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from timebank.common.numbers import format_minutes
from timebank.ledger.describing import Description
from timebank.policy import words
from timebank.service.models import Record

EARNED = frozenset({"mint"})


def describe_records(keys: Iterable[str]) -> dict[str, Description]:
    """Describe records by id: what was done, how long, and the steps of their price."""
    ids = [int(key) for key in keys if key.isdecimal()]
    reasons = {"repriced": _("An earlier record of the same period was reversed; what came after it was priced again.")}
    return {
        str(pk): Description(
            title=f"{record.what} · {format_minutes(record.minutes)}",
            icon="hours",
            explanation=tuple(words.explain((record.quote or {}).get("steps", []))),
            kinds=EARNED,
            reasons=reasons,
            minutes=record.minutes,
            brief=record.what,
        )
        for pk, record in Record.objects.in_bulk(ids).items()
    }
