"""What the common mechanisms keep: once-only keys, events, failures of sweeps. They know no other app's tables."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class IdempotencyKey(models.Model):
    """A form or call that was carried out: its key, what was in it, and what came of it (``idempotency``)."""

    key = models.CharField(_("once-only key"), max_length=64, unique=True)
    scope = models.CharField(_("what was asked"), max_length=80)
    actor = models.CharField(_("by whom"), max_length=64, blank=True)
    content_hash = models.CharField(_("content"), max_length=64)
    result = models.JSONField(_("result"), null=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("once-only key")
        verbose_name_plural = _("once-only keys")

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class SweepState(models.Model):
    """When a sweep last ran, and how it went (``sweeps``)."""

    name = models.CharField(_("sweep"), max_length=80, primary_key=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    handled = models.PositiveIntegerField(_("handled"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)

    class Meta:
        verbose_name = _("sweep")
        verbose_name_plural = _("sweeps")

    def __str__(self) -> str:
        return self.name


class SweepFailure(models.Model):
    """A row that a sweep could not handle; tried again, with growing pauses, until it succeeds."""

    sweep = models.CharField(_("sweep"), max_length=80)
    subject = models.CharField(_("row"), max_length=120)
    code = models.CharField(_("code"), max_length=80)
    sentence = models.TextField(_("reason"), max_length=500)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    first_at = models.DateTimeField(_("first failed"), default=timezone.now)
    last_at = models.DateTimeField(_("last failed"), default=timezone.now)
    next_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        verbose_name = _("failed row")
        verbose_name_plural = _("failed rows")
        constraints = [models.UniqueConstraint(fields=["sweep", "subject"], name="sweep_failure_once")]
        indexes = [
            models.Index(fields=["sweep", "next_at"], condition=Q(resolved_at__isnull=True), name="sweep_failure_open")
        ]

    def __str__(self) -> str:
        return f"{self.sweep} {self.subject}: {self.code}"


class KeptFigure(models.Model):
    """A sum over much history, worked out by a sweep and read by pages (``figures``). One row by figure and place."""

    name = models.CharField(_("figure"), max_length=80)
    scope = models.CharField(_("of what"), max_length=80, blank=True)
    value = models.JSONField(_("value"), null=True)
    computed_at = models.DateTimeField(_("computed"), default=timezone.now)

    class Meta:
        verbose_name = _("kept figure")
        verbose_name_plural = _("kept figures")
        constraints = [models.UniqueConstraint(fields=["name", "scope"], name="figure_once")]
        indexes = [models.Index(fields=["name", "computed_at"], name="figure_oldest")]

    def __str__(self) -> str:
        return f"{self.name} {self.scope}"


class Attempt(models.Model):
    """How often something was tried under one key in one window of time (``limits``). Forgotten after two days."""

    limit = models.CharField(_("limit"), max_length=40)
    key = models.CharField(_("counted under"), max_length=80)
    window = models.DateTimeField(_("window"))
    count = models.PositiveIntegerField(_("how often"), default=0)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [models.UniqueConstraint(fields=["limit", "key", "window"], name="attempt_once")]
        indexes = [models.Index(fields=["window"], name="attempt_window")]

    def __str__(self) -> str:
        return f"{self.limit} {self.key}"


class Event(models.Model):
    """Something that happened: to what, for whom, where (``events``). Facts hold no secrets and no phone numbers."""

    kind = models.CharField(_("what happened"), max_length=80)
    subject = models.CharField(_("to what"), max_length=120, blank=True)
    recipients = models.JSONField(_("for whom"), default=list)
    region = models.CharField(_("where"), max_length=64, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    occurred_at = models.DateTimeField(_("happened"), default=timezone.now)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["id"], condition=Q(delivered_at__isnull=True), name="event_waiting"),
            models.Index(fields=["subject"], name="event_subject"),
            models.Index(fields=["delivered_at"], name="event_delivered"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


class EventDelivery(models.Model):
    """One listener has been told of one event; the row and what the listener wrote stand or fall together."""

    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries", verbose_name=_("event"))
    listener = models.CharField(_("listener"), max_length=80)
    delivered_at = models.DateTimeField(_("delivered"), default=timezone.now)

    class Meta:
        verbose_name = _("delivery of an event")
        verbose_name_plural = _("deliveries of events")
        constraints = [models.UniqueConstraint(fields=["event", "listener"], name="event_delivered_once")]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.listener}"
