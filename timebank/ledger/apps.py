from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


def install_guards(sender: Any, using: str = "default", **kwargs: Any) -> None:
    """Make partitions ahead and guard the new ones, after every migration, whichever app it was for."""
    from timebank.ledger import guards, partitions

    if "ledger_posting" in guards.tables_present(using):
        partitions.ensure_partitions(alias=using)
        guards.install(using)


def prefer_generic_plans(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Let PostgreSQL plan our prepared statements once per connection, not at every use.

    Statements of the ORM are not prepared and keep being planned for their values.
    """
    if connection.vendor == "postgresql" and settings.LEDGER_FAST_PATH:
        connection.connection.pgconn.exec_(b"SET plan_cache_mode = force_generic_plan")


class LedgerConfig(AppContract):
    name = "timebank.ledger"
    label = "ledger"
    verbose_name = _("ledger")
    default_auto_field = "django.db.models.BigAutoField"
    urls_at = {"": "timebank.ledger.urls"}
    append_only = "timebank.ledger.guards.APPEND_ONLY"
    health_checks = {"ledger": "timebank.ledger.ready.check_ledger"}
    beat = {"seal the ledger": ("timebank.ledger.tasks.task_seal", 2 * 60)}
    sweeps = "timebank.ledger.sweeps.SWEEPS"

    def ready(self) -> None:
        from timebank.ledger import checks  # noqa: F401  registers the system checks

        connection_created.connect(prefer_generic_plans, dispatch_uid="timebank.ledger.plans")
        post_migrate.connect(install_guards, sender=self, dispatch_uid="timebank.ledger.guards")
