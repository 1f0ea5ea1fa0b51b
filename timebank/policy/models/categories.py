"""What can be done for the village: a category is data, and each scheme says what it is worth."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from timebank.policy import categories


class Category(models.Model):
    """A kind of service or deed. The code is what rules and records name; it never changes."""

    class Unit(models.TextChoices):
        MINUTES = "minutes", _("minutes")
        TIMES = "times", _("times")
        PIECES = "pieces", _("pieces")
        ML = "ml", _("millilitres")
        FEN = "fen", _("money")

    class Entry(models.TextChoices):
        LEADER = "leader", _("team leaders and village staff")
        STAFF = "staff", _("village staff only")
        NOBODY = "nobody", _("nobody by hand")

    code = models.CharField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    family = models.CharField(_("family"), max_length=40, blank=True)
    unit = models.CharField(_("counted in"), max_length=8, choices=Unit.choices, default=Unit.MINUTES)
    picture = models.CharField(_("picture"), max_length=20, default="other")
    entered_by = models.CharField(_("who may enter it"), max_length=8, choices=Entry.choices, default=Entry.LEADER)
    order = models.PositiveSmallIntegerField(_("order"), default=500)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["order", "code"]
        constraints = [models.CheckConstraint(condition=~models.Q(code=""), name="category_has_a_code")]

    def __str__(self) -> str:
        return categories.name_of(self.code, self.name)
