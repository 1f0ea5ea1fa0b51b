"""Places: a tree of province > city > county > town > village, whose codes change while the place stays."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from treebeard.mp_tree import MP_Node


def paths_up(path: str) -> list[str]:
    """List the path of a place and of all above it, nearest first."""
    return [path[:end] for end in range(len(path), 0, -Region.steplen)]


class Region(MP_Node):
    """A place. Its key never changes; its code is an attribute with dates (see ``RegionCode``)."""

    class Level(models.TextChoices):
        PROVINCE = "province", _("Province")
        CITY = "city", _("City")
        COUNTY = "county", _("County")
        TOWN = "town", _("Town")
        VILLAGE = "village", _("Village")

    code = models.CharField(_("current code"), max_length=12, unique=True)
    name = models.CharField(_("official name"), max_length=80)  # 辛旺庄村委会
    short_name = models.CharField(_("short name"), max_length=80)  # 辛旺庄
    level = models.CharField(_("level"), max_length=10, choices=Level.choices)
    kind = models.CharField(_("kind"), max_length=12, blank=True)  # 村委会, 居委会, 街道, 镇 …
    is_active = models.BooleanField(_("active"), default=True)
    successor = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="predecessors", verbose_name=_("merged into")
    )

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")
        indexes = [models.Index(fields=["level", "short_name"], name="region_level_name")]

    def __str__(self) -> str:
        return self.short_name


class RegionCode(models.Model):
    """A twelve-digit code that a place has, or had, between two days."""

    region = models.ForeignKey(Region, models.PROTECT, related_name="codes", verbose_name=_("region"))
    code = models.CharField(_("code"), max_length=12, unique=True)
    name = models.CharField(_("official name"), max_length=80)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)

    class Meta:
        verbose_name = _("region code")
        verbose_name_plural = _("region codes")

    def __str__(self) -> str:
        return self.code
