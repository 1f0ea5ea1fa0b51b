from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def install_guards(sender: Any, using: str = "default", **kwargs: Any) -> None:
    """Put partitions and triggers in place after every migration, whichever room it was for."""
    from timebank.ledger import guards, partitions

    if "ledger_posting" in guards.tables_present(using):
        partitions.ensure_partitions(alias=using)
        guards.install(using)


class LedgerConfig(AppConfig):
    name = "timebank.ledger"
    label = "ledger"
    verbose_name = _("ledger")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from timebank.ledger import checks  # noqa: F401  registers the system checks

        post_migrate.connect(install_guards, sender=self, dispatch_uid="timebank.ledger.guards")
