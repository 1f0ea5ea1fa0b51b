"""How high a resident stands in a year."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class LapseWarning(models.Model):
    """That somebody was told so many days before that points of theirs end on a day: once for each of the steps.

    Nobody reads it; kept until the day has passed by a year (``services.lapsing`` deletes it); at most three a person
    and a day on which points end.
    """

    wallet = models.CharField(_("wallet"), max_length=120)
    expires_on = models.DateField(_("end on"))
    days = models.PositiveSmallIntegerField(_("days before"))
    warned_at = models.DateTimeField(_("told at"))

    class Meta:
        verbose_name = _("warning that points end")
        verbose_name_plural = _("warnings that points end")
        constraints = [models.UniqueConstraint(fields=["wallet", "expires_on", "days"], name="lapse_warned_once")]
        indexes = [models.Index(fields=["expires_on"], name="lapse_warning_day")]

    def __str__(self) -> str:
        return f"{self.wallet} {self.expires_on} {self.days}"


class Standing(models.Model):
    """A resident's star in a year, from points earned, never spent. Kept up by every credit and reversal."""

    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="standings", verbose_name=_("resident")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    earned_points = models.BigIntegerField(_("points earned (1/100)"), default=0)
    # What the star of the year before brought along (Wendeng art. 41 and the like); set by the close of that year.
    carried_points = models.BigIntegerField(_("carried over (1/100)"), default=0)
    minutes = models.PositiveIntegerField(_("minutes credited"), default=0)
    score = models.BigIntegerField(_("score (1/100)"), default=0)
    tier = models.CharField(_("level"), max_length=20, blank=True)
    star = models.PositiveSmallIntegerField(_("stars"), default=0)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)

    class Meta:
        verbose_name = _("standing")
        verbose_name_plural = _("standings")
        constraints = [models.UniqueConstraint(fields=["resident", "year"], name="standing_once_per_year")]

    def __str__(self) -> str:
        return f"{self.resident_id} {self.year}"
