"""Schemes and their versions: data, approved by a named person, never edited after use."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.policy import codec
from timebank.policy.engine import Scheme as EngineScheme
from timebank.policy.ladders import Ladder
from timebank.policy.questions import Content
from timebank.policy.tables import Benefit


class Scheme(models.Model):
    """An earning scheme by name; what it says is in its versions."""

    slug = models.SlugField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    source = models.CharField(_("source"), max_length=300, blank=True)
    # Whose scheme it is; empty: published by somebody else, in the library of every region.
    region = models.ForeignKey(
        "registry.Region", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("region")
    )

    class Meta:
        verbose_name = _("scheme")
        verbose_name_plural = _("schemes")

    def __str__(self) -> str:
        return self.name


class SchemeVersion(models.Model):
    """One version of a scheme, in force from a day until a later approved version takes over."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        APPROVED = "approved", _("Approved")
        DISCARDED = "discarded", _("Discarded")

    scheme = models.ForeignKey(Scheme, models.PROTECT, related_name="versions", verbose_name=_("scheme"))
    number = models.PositiveIntegerField(_("version"))
    effective_from = models.DateField(_("in force from"))
    rules = models.JSONField(_("rules"))
    ladder_data = models.JSONField(_("ladder"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    # What a level opens, without points: [{level, title, value, source, organisations}]
    benefits = models.JSONField(_("benefits"), default=list, blank=True)
    # What the published text leaves open, and how whoever approved it chose.
    questions = models.JSONField(_("open choices"), default=list, blank=True)
    answers = models.JSONField(_("choices made"), default=dict, blank=True)
    drafted_at = models.DateTimeField(_("drafted at"), default=timezone.now)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("drafted by")
    )
    copied_from = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("copied from")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    approved_as = models.CharField(_("name and office, or document"), max_length=120, blank=True)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("scheme version")
        verbose_name_plural = _("scheme versions")
        constraints = [
            models.UniqueConstraint(fields=["scheme", "number"], name="scheme_version_once"),
            models.CheckConstraint(
                condition=~Q(status="approved")
                | (Q(approved_at__isnull=False) & ~Q(approved_as="") & ~Q(content_hash="")),
                name="scheme_approved_by_a_named_person",
            ),
            models.CheckConstraint(
                condition=Q(drafted_by__isnull=True) | Q(approved_by__isnull=True) | ~Q(drafted_by=F("approved_by")),
                name="scheme_approved_by_a_second_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scheme.slug}@{self.number}"

    @property
    def code(self) -> str:
        """Name of this version on every quote and mint, e.g. ``wendeng-rural@1``."""
        return str(self)

    def spec(self) -> EngineScheme:
        """Return the scheme that the engine prices with."""
        return codec.scheme_from_json(self.rules, version=self.code)

    def ladder(self) -> Ladder | None:
        """Return the star ladder, if the scheme has one."""
        return codec.ladder_from_json(self.ladder_data) if self.ladder_data else None

    def content(self) -> Content:
        """Return all that this version says."""
        return Content(self.spec(), self.ladder(), tuple(self.benefit_list()))

    def benefit_list(self) -> list[Benefit]:
        """Return what each level opens."""
        return [Benefit(**benefit) for benefit in self.benefits]
