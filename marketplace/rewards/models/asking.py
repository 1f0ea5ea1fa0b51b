"""What one person asks and another decides; who asked may withdraw it before."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import Prepared


class Asked(Prepared):
    """Asked with a reason; approved, declined or withdrawn once. ``decision_reason`` says why in each case."""

    class State(models.TextChoices):
        PREPARED = "prepared", _("Waiting for approval")
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.PREPARED)
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        abstract = True

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return "quiet" if self.state == self.State.WITHDRAWN else super().tone


def asked_and_decided(name: str) -> list[models.CheckConstraint]:
    """Return the constraints of a row that one person asks and another decides, or the first one withdraws."""
    return [
        models.CheckConstraint(
            condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("prepared_by")), name=f"{name}_two_persons"
        ),
        models.CheckConstraint(
            condition=Q(state__in=["prepared", "withdrawn"], approved_by__isnull=True, approved_at__isnull=True)
            | Q(state__in=["approved", "declined"], approved_by__isnull=False, approved_at__isnull=False),
            name=f"{name}_decided_by",
        ),
    ]
