"""What a village asks for, and who takes it on under its name."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import person_field
from marketplace.sponsors.models.base import above_zero, known_state


class Need(models.Model):
    """A project or purchase for which a village looks for a sponsor."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Looking for a sponsor")
        CLAIMED = "claimed", _("Claimed")
        FUNDED = "funded", _("Funded")
        REPORTED = "reported", _("Reported")
        WITHDRAWN = "withdrawn", pgettext_lazy("gift", "Withdrawn")

    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="needs", verbose_name=_("village"))
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="needs", verbose_name=_("fund"))
    purpose = models.OneToOneField(
        "funds.Purpose", models.PROTECT, null=True, blank=True, related_name="need", verbose_name=_("purpose")
    )
    title = models.CharField(_("title"), max_length=80)
    title_en = models.CharField(_("English title"), max_length=120, blank=True)
    text = models.TextField(_("what it is for"), max_length=1000)
    target = models.CharField(_("whom it reaches"), max_length=200)
    place = models.CharField(_("place"), max_length=120, blank=True)
    budget_fen = models.BigIntegerField(_("budget"))
    deadline = models.DateField(_("until"))
    pays_tickets = models.BooleanField(_("pays for rewards"), default=False)  # else: approved expenses
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    received_fen = models.BigIntegerField(_("received"), default=0)
    report = models.TextField(_("report"), max_length=2000, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_by = person_field(_("written by"))
    created_at = models.DateTimeField(_("written at"), default=timezone.now)
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    reported_at = models.DateTimeField(_("reported at"), null=True, blank=True)

    class Meta:
        verbose_name = _("need")
        verbose_name_plural = _("needs")
        ordering = ["deadline", "pk"]
        indexes = [models.Index(fields=["state", "deadline"], name="sponsors_need_state")]
        constraints = [
            known_state("need", "draft published claimed funded reported withdrawn"),
            above_zero("need", "budget_fen"),
            models.CheckConstraint(condition=Q(received_fen__gte=0), name="sponsors_need_received"),
            models.CheckConstraint(condition=~Q(state="reported") | ~Q(report=""), name="sponsors_need_report"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"published": "warn", "claimed": "wheat", "funded": "good", "reported": "good"}.get(self.state, "quiet")


class Claim(models.Model):
    """A sponsor takes a need on under its name. The village moderates the name; one claim of a need is granted."""

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        GRANTED = "granted", _("Granted")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", pgettext_lazy("gift", "Withdrawn")

    need = models.ForeignKey(Need, models.PROTECT, related_name="claims", verbose_name=_("need"))
    enterprise = models.ForeignKey(
        "sponsors.Enterprise", models.PROTECT, related_name="claims", verbose_name=_("sponsor")
    )
    wished_name = models.CharField(_("name wished for"), max_length=60)
    shown_name = models.CharField(_("name as it is shown"), max_length=60, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.ASKED)
    asked_by = person_field(_("asked by"))
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    decided_by = person_field(_("decided by"), required=False)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        ordering = ["asked_at", "pk"]
        constraints = [
            known_state("claim", "asked granted done refused withdrawn"),
            models.UniqueConstraint(
                fields=["need"], condition=Q(state__in=["granted", "done"]), name="sponsors_need_claimed_once"
            ),
            models.UniqueConstraint(
                fields=["need", "enterprise"], condition=Q(state="asked"), name="sponsors_claim_asked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.need_id} {self.enterprise_id}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"asked": "warn", "granted": "good", "done": "good", "refused": "bad"}.get(self.state, "quiet")
