"""The lowest app: what every other may use. It knows no other app."""

from __future__ import annotations

from django.core.checks import Tags, register
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class CommonConfig(AppContract):
    """Refusals, input, guards, sweeps, once-only keys, events, health, the process tree."""

    name = "timebank.common"
    label = "common"
    verbose_name = _("common")
    default_auto_field = "django.db.models.BigAutoField"
    urls_at = {"": "timebank.common.urls"}
    health_checks = {
        "database": "timebank.common.health.check_database",
        "migrations": "timebank.common.health.check_migrations",
        "broker": "timebank.common.health.check_broker",
        "guards": "timebank.common.guards.check_ready",
        "sweeps": "timebank.common.sweeps.check_sweeps",
    }
    append_only = "timebank.common.events.APPEND_ONLY"
    sweeps = "timebank.common.retention.SWEEPS"
    beat = {"sweep": ("timebank.common.tasks.task_sweep", 60)}

    def ready(self) -> None:
        from timebank.common import contract, converters, guards

        converters.register()
        register(guards.check, Tags.database)
        register(contract.check_settings)
        pre_migrate.connect(guards.before_migrate, sender=self, dispatch_uid="timebank.common.guards.before")
        post_migrate.connect(guards.after_migrate, sender=self, dispatch_uid="timebank.common.guards.after")
