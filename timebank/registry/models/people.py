"""Residents, their households, cards, helpers and consent."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from timebank.common.folded import FoldedField, KeepsFolded

WALLET = "wallet:resident:"  # of a resident's points in the ledger, before the id


class Household(models.Model):
    """A family at one address. It may pool points, never hours."""

    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="households", verbose_name=_("village"))
    # In the one form in which two are compared (``input.household_number``): "１２号" is kept as "12".
    number = models.CharField(_("household number"), max_length=20)
    address = models.CharField(_("address"), max_length=120, blank=True)
    head = models.ForeignKey(
        "registry.Resident",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("head of the family"),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("household")
        verbose_name_plural = _("households")
        constraints = [models.UniqueConstraint(fields=["region", "number"], name="household_number_once")]
        indexes = [models.Index(fields=["number"], name="household_number")]

    def __str__(self) -> str:
        return self.number


class Resident(KeepsFolded):
    """A person of a village. The volunteer number is the public one; the ID number is encrypted at rest."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for the village")
        ACTIVE = "active", pgettext_lazy("account", "Active")
        CLOSED = "closed", pgettext_lazy("account", "Closed")

    class Confirmation(models.TextChoices):
        """How a registration was confirmed by somebody other than who registered."""

        LIST = "list", _("by the town's yes to a list")
        SIGN_IN = "sign_in", _("by signing in")
        SECOND = "second", _("by a second person")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="resident",
        verbose_name=_("sign-in"),
    )
    volunteer_number = models.CharField(_("volunteer number"), max_length=12, unique=True)
    name = models.CharField(_("name"), max_length=60)
    name_key = FoldedField(of="name", max_length=80)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    phone = models.CharField(_("mobile number"), max_length=20, blank=True)
    id_number_encrypted = models.TextField(_("ID number (encrypted)"), blank=True, editable=False)
    # Keyed digest: finds the same person twice without being able to read the number.
    id_number_digest = models.CharField(max_length=64, blank=True, editable=False)
    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="residents", verbose_name=_("village"))
    household = models.ForeignKey(
        Household, models.PROTECT, null=True, blank=True, related_name="members", verbose_name=_("household")
    )
    emergency_contact = models.CharField(_("emergency contact"), max_length=80, blank=True)
    on_honour_roll = models.BooleanField(_("may appear on the honour roll"), default=False)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.ACTIVE)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("registered by"),
    )
    # Until somebody else has confirmed that this person is there, a first record wants a second pair of eyes.
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("confirmed by"),
    )
    confirmed_how = models.CharField(_("how confirmed"), max_length=8, choices=Confirmation.choices, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_reason = models.CharField(_("why closed"), max_length=200, blank=True)
    died_on = models.DateField(_("died on"), null=True, blank=True)
    # A second registration of the same person leads to the one that stays; both numbers find it.
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged_from", verbose_name=_("merged into")
    )

    class Meta:
        verbose_name = _("resident")
        verbose_name_plural = _("residents")
        indexes = [
            models.Index(fields=["village", "name"], name="resident_village_name"),
            models.Index(fields=["phone"], name="resident_phone"),
            # A town or a county reads its residents in this order, fifty at a time.
            models.Index(fields=["name", "id"], name="resident_name"),
            # Few wait at a time, in whatever county.
            models.Index(fields=["village"], condition=Q(status="pending"), name="resident_pending"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["id_number_digest"], condition=~Q(id_number_digest=""), name="resident_id_number_once"
            ),
            models.CheckConstraint(
                condition=Q(status="closed", closed_at__isnull=False)
                | (~Q(status="closed") & Q(closed_at__isnull=True)),
                name="resident_closed_has_a_day",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, confirmed_how="")
                | (Q(confirmed_at__isnull=False) & ~Q(confirmed_how="")),
                name="resident_confirmed_somehow",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wallet_key(self) -> str:
        """Key of the resident's points account in the ledger."""
        return f"{WALLET}{self.pk}"


class Residence(models.Model):
    """Which village a resident belongs to, from when until when; one at a time."""

    resident = models.ForeignKey(Resident, models.PROTECT, related_name="residences", verbose_name=_("resident"))
    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("village"))
    since = models.DateField(_("since"))
    until = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("residence")
        verbose_name_plural = _("residences")
        constraints = [
            models.UniqueConstraint(
                fields=["resident"], condition=Q(until__isnull=True), name="resident_in_one_village"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="residence_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} {self.village}"


class Consent(models.Model):
    """Informed consent: which text, when, taken by whom. Withdrawn, never deleted."""

    resident = models.ForeignKey(Resident, models.PROTECT, related_name="consents", verbose_name=_("resident"))
    version = models.CharField(_("version of the text"), max_length=20)
    given_at = models.DateTimeField(_("given at"), default=timezone.now)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("taken by")
    )
    on_paper = models.BooleanField(_("signed on paper"), default=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["resident", "version"], condition=Q(withdrawn_at__isnull=True), name="consent_once_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} {self.version}"


class Card(models.Model):
    """A printed card with a QR. It names its holder; only with the PIN does it spend."""

    class Status(models.TextChoices):
        ACTIVE = "active", pgettext_lazy("account", "Active")
        BLOCKED = "blocked", _("Blocked")

    resident = models.ForeignKey(Resident, models.PROTECT, related_name="cards", verbose_name=_("resident"))
    number = models.CharField(_("card number"), max_length=12, unique=True)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.ACTIVE)
    pin_hash = models.CharField(max_length=128, blank=True, editable=False)
    # Who knows the PIN besides the holder: they neither sell by this card nor act by it.
    pin_set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    pin_failures = models.PositiveSmallIntegerField(_("wrong PINs in a row"), default=0, editable=False)
    pin_locked_until = models.DateTimeField(_("PIN locked until"), null=True, blank=True, editable=False)
    issued_at = models.DateTimeField(_("issued at"), default=timezone.now)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("issued by")
    )
    blocked_at = models.DateTimeField(_("blocked at"), null=True, blank=True)
    blocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("blocked by")
    )
    blocked_reason = models.CharField(_("why blocked"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        constraints = [
            models.UniqueConstraint(
                fields=["resident"], condition=Q(status="active"), name="one_active_card_per_resident"
            ),
            models.CheckConstraint(
                condition=Q(status="active", blocked_at__isnull=True) | Q(status="blocked", blocked_at__isnull=False),
                name="card_blocked_has_a_day",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Proxy(models.Model):
    """A named helper who may act for a resident; every action keeps both names."""

    class Relation(models.TextChoices):
        KIN = "kin", _("Family")
        VILLAGE = "village", _("Village staff")

    resident = models.ForeignKey(Resident, models.PROTECT, related_name="proxies", verbose_name=_("resident"))
    helper = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="helps", verbose_name=_("helper"))
    relation = models.CharField(_("relation"), max_length=8, choices=Relation.choices)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("granted by")
    )
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("helper")
        verbose_name_plural = _("helpers")
        constraints = [
            models.UniqueConstraint(
                fields=["resident", "helper"], condition=Q(until__isnull=True), name="helper_once_per_resident"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.helper} → {self.resident}"


class HelperRequest(models.Model):
    """That somebody is asked to become a helper: both sides must agree before anybody acts for anybody.

    Seen by the two and by the desk of the resident's village; kept as the proof of the consent; one open one a pair.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Waits for an answer")
        AGREED = "agreed", _("Agreed")
        DECLINED = "declined", _("Declined")

    resident = models.ForeignKey(Resident, models.PROTECT, related_name="helper_requests", verbose_name=_("resident"))
    helper = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="helper_requests", verbose_name=_("helper")
    )
    relation = models.CharField(_("relation"), max_length=8, choices=Proxy.Relation.choices)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    resident_agreed_at = models.DateTimeField(_("the resident agreed at"), null=True, blank=True)
    # Of somebody without a sign-in: the second person at the desk who saw the signed paper.
    paper_seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("paper seen by"),
    )
    helper_agreed_at = models.DateTimeField(_("the helper agreed at"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    ended_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("request for help")
        verbose_name_plural = _("requests for help")
        constraints = [
            models.UniqueConstraint(
                fields=["resident", "helper"], condition=Q(state="open"), name="one_open_helper_request"
            ),
            models.CheckConstraint(
                condition=~Q(state="agreed") | Q(resident_agreed_at__isnull=False, helper_agreed_at__isnull=False),
                name="helper_agreed_by_both",
            ),
            models.CheckConstraint(
                condition=Q(paper_seen_by__isnull=True) | ~Q(paper_seen_by=F("asked_by")),
                name="helper_paper_seen_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.helper_id} → {self.resident_id}: {self.state}"
