"""Who may sign in, and what each may do where."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, name: str, password: str | None = None, **fields: Any) -> User:
        """Create a person who may sign in; ``phone`` and ``email`` are both optional, but one is usual."""
        fields.setdefault("username", "u" + get_random_string(15, "abcdefghjkmnpqrstuvwxyz23456789"))
        fields["phone"] = fields.get("phone") or None
        fields["email"] = self.normalize_email(fields.get("email") or "").lower() or None
        user = self.model(name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> User:
        fields.setdefault("name", username)
        return self.create_user(username=username, password=password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Someone who signs in. Residents without a phone have no user at all: they have a card."""

    class TextSize(models.TextChoices):
        NORMAL = "normal", _("Standard")
        LARGE = "large", _("Large text")
        XLARGE = "xlarge", _("Extra large")

    username = models.CharField(_("opaque key"), max_length=32, unique=True)
    phone = models.CharField(_("mobile number"), max_length=20, unique=True, null=True, blank=True)
    email = models.EmailField(_("e-mail"), unique=True, null=True, blank=True)
    name = models.CharField(_("name"), max_length=60)
    language = models.CharField(_("language"), max_length=10, blank=True)
    text_size = models.CharField(_("text size"), max_length=8, choices=TextSize.choices, default=TextSize.NORMAL)
    is_staff = models.BooleanField(_("platform operator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    # The office knows this password: the next sign-in leads to nothing but choosing an own one.
    must_change_password = models.BooleanField(_("must choose a new password"), default=False)
    # Part of what a session is checked against: raising it signs the person out everywhere.
    sign_in_epoch = models.PositiveIntegerField(_("sign-ins ended so often"), default=0, editable=False)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects = UserManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name

    def can(self, action: str, region: Any = None) -> bool:
        """Say whether a role of this person allows an action in a region (None: anywhere)."""
        from timebank.registry import rules

        return rules.can(self, str(action), region=region)

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Let all sessions end when the password changes (Django's rule) or the person signs out everywhere."""
        return str(super()._get_session_auth_hash(secret)) + (f".{self.sign_in_epoch}" if self.sign_in_epoch else "")

    # Oscar and Django's admin ask for these.
    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    @property
    def first_name(self) -> str:
        return self.name

    @property
    def last_name(self) -> str:
        return ""


class Role(models.Model):
    """A role that some app declares: the database's own copy, filled after migrating (``roles.sync``)."""

    key = models.CharField(_("role"), max_length=20, primary_key=True)
    app = models.CharField(_("app"), max_length=40)
    scope = models.CharField(_("holds in a region or at an organisation"), max_length=12)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")

    def __str__(self) -> str:
        return self.key


class RoleClash(models.Model):
    """Two roles that one person may not hold over the same village; each pair stands both ways round."""

    role = models.CharField(_("role"), max_length=20)
    other = models.CharField(_("other role"), max_length=20)

    class Meta:
        verbose_name = _("clash of roles")
        verbose_name_plural = _("clashes of roles")
        constraints = [models.UniqueConstraint(fields=["role", "other"], name="role_clash_once")]

    def __str__(self) -> str:
        return f"{self.role} × {self.other}"


def validate_role(key: str) -> None:
    """Refuse a role that no app declares."""
    from timebank.registry import roles

    if not roles.is_role(key):
        raise ValidationError(_("Choose a role from the list."))


class RoleGrant(models.Model):
    """A role that a person has, where, from when, given by whom. Ended, never deleted."""

    user = models.ForeignKey(User, models.PROTECT, related_name="role_grants", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=20, validators=[validate_role])
    region = models.ForeignKey(
        "registry.Region", models.PROTECT, null=True, blank=True, related_name="role_grants", verbose_name=_("region")
    )
    organisation = models.ForeignKey(
        "registry.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="role_grants",
        verbose_name=_("organisation"),
    )
    granted_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("granted by")
    )
    granted_at = models.DateTimeField(_("granted at"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ended_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("ended by")
    )

    class Meta:
        verbose_name = _("role grant")
        verbose_name_plural = _("role grants")
        constraints = [
            models.CheckConstraint(
                condition=Q(region__isnull=False) ^ Q(organisation__isnull=False), name="role_in_region_or_organisation"
            ),
            models.UniqueConstraint(
                fields=["user", "role", "region"],
                condition=Q(ended_at__isnull=True, region__isnull=False),
                name="role_once_per_region",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "organisation"],
                condition=Q(ended_at__isnull=True, organisation__isnull=False),
                name="role_once_per_organisation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"

    def get_role_display(self) -> str:
        """Return the role's name on screen, as its app declares it."""
        from timebank.registry import roles

        return roles.label_of(self.role)


class SuccessorProposal(models.Model):
    """Whom the holder of an office proposes to come after; who may appoint there answers. One open for an office.

    However the office ends, what was proposed for it is over with it: only of a live office is it looked for.

    Seen by the holder and by who may appoint. Kept as long as the office's history; a row or two for each change.
    """

    grant = models.ForeignKey(RoleGrant, models.PROTECT, related_name="proposals", verbose_name=_("role grant"))
    successor = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("successor"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    proposed_at = models.DateTimeField(_("proposed at"), default=timezone.now)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("answered by")
    )
    accepted = models.BooleanField(_("accepted"), null=True, blank=True)

    class Meta:
        verbose_name = _("proposed successor")
        verbose_name_plural = _("proposed successors")
        constraints = [
            models.UniqueConstraint(fields=["grant"], condition=Q(answered_at=None), name="successor_proposed_once"),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by=None, accepted=None)
                | Q(answered_at__isnull=False, answered_by__isnull=False, accepted__isnull=False),
                name="successor_answered_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} → {self.successor_id}"
