"""What anybody may know: what is on in the villages, and how much was given and handed over in all."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum

from marketplace.rewards.models import Ticket
from timebank.common import figures
from timebank.service.models import Activity, Record


@dataclass(frozen=True, slots=True)
class PublicFigures:
    """Sums over everybody; ``minutes`` of service credited, tickets handed over, people who served."""

    minutes: int
    people: int
    handed_over: int

    @property
    def whole_hours(self) -> int:
        """The same without what is left of the last hour, in minutes: a large sum needs no minutes."""
        return self.minutes // 60 * 60


def activities_anywhere(now: dt.datetime, limit: int) -> QuerySet[Activity]:
    """Select the next open activities of all villages."""
    activities = Activity.objects.filter(status=Activity.Status.OPEN, ends_at__gt=now).select_related("team", "village")
    return activities.order_by("starts_at", "pk")[:limit]


def public_figures() -> PublicFigures:
    """Return what was given and what was handed over, as the sweep last added it up: one statement."""
    return PublicFigures(**figures.read(PUBLIC).value)


def _add_up(_scope: str) -> dict[str, int]:
    served = Record.objects.filter(state=Record.State.CREDITED).aggregate(
        sum=Sum("minutes", default=0), people=Count("resident", distinct=True)
    )
    return {
        "minutes": served["sum"],
        "people": served["people"],
        "handed_over": Ticket.objects.filter(state=Ticket.State.HANDED_OVER).count(),
    }


PUBLIC = figures.Figure("public", _add_up)
