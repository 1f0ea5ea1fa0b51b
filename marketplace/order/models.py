"""An order is what one supplier owes for one redemption."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from oscar.apps.order.abstract_models import AbstractOrder
from oscar.apps.order.exceptions import InvalidOrderStatus

STATUS_LABELS = {
    "placed": _("Waiting to be collected"),
    "partly_handed_over": _("Partly handed over"),
    "handed_over": _("Handed over"),
    "cancelled": _("Cancelled"),
    "expired": _("Expired"),
    "returned": _("Returned"),
}


def label_of(status: str) -> str:
    """Return the name of a state on screen."""
    return str(STATUS_LABELS.get(status, status))


class Order(AbstractOrder):
    redemption = models.ForeignKey(
        "rewards.Redemption",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("redemption"),
    )
    partner = models.ForeignKey(
        "partner.Partner",
        models.PROTECT,
        related_name="orders",
        verbose_name=_("supplier"),
    )
    # The village of the resident at the time of the redemption.
    village = models.ForeignKey(
        "registry.Region",
        models.PROTECT,
        related_name="orders",
        verbose_name=_("village"),
    )

    class Meta(AbstractOrder.Meta):
        indexes = [
            models.Index(fields=["partner", "status"], name="order_partner_status"),
            models.Index(fields=["village", "date_placed"], name="order_village_placed"),
        ]

    @property
    def status_label(self) -> str:
        return label_of(self.status)

    def set_status(self, new_status: str) -> None:
        """Move to ``new_status`` once: a conditional update, so of two rivals one is refused (InvalidOrderStatus)."""
        if new_status == self.status:
            return
        old = self.status
        allowed = new_status in self.available_statuses()
        if not allowed or not type(self).objects.filter(pk=self.pk, status=old).update(status=new_status):
            raise InvalidOrderStatus(f"order {self.number}: {old} → {new_status}")
        self.status = new_status
        line_status = self.cascade.get(new_status)
        if line_status:
            sources = [status for status, targets in self.lines.model.pipeline.items() if line_status in targets]
            self.lines.filter(status__in=sources).update(status=line_status)
        self._create_order_status_change(old, new_status)

    set_status.alters_data = True


from oscar.apps.order.models import *
