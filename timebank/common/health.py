"""Is it alive, is it ready? Two pages for a load balancer, in machine words.

``/healthz`` answers as long as the process does. ``/readyz`` answers 503 as soon as one thing that a visitor needs is
not there, and names it. An app declares checks of its own (``health_checks`` of its contract).
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection
from kombu.exceptions import KombuError, OperationalError

from timebank.common import contract


class NotReady(Exception):
    """Say what is missing; the text is shown to whoever may read ``/readyz``."""


_migrated = threading.Event()


def check_database() -> str:
    """Ask the database for one row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return connection.vendor


def check_migrations() -> str:
    """Refuse while the database is older than the code; remembered once it fits."""
    if not _migrated.is_set():
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            raise NotReady(f"{len(waiting)} migrations wait")
        _migrated.set()
    return "applied"


def check_broker() -> str:
    """Look whether tasks can be handed over."""
    url = settings.CELERY_BROKER_URL
    if url.startswith("filesystem://"):
        folder = Path(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"]))
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise NotReady("the queue's folder can't be written")
        return "filesystem"
    with Connection(url, connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return url.partition("://")[0]


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer, nothing else: restarting the process would not help anything that is checked elsewhere."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Run every check; 503 and the names of what failed when one does."""
    facts: dict[str, str] = {}
    failed: list[str] = []
    for name, check in contract.by_name("health_checks").items():
        try:
            facts[name] = check()
        except NotReady as error:
            facts[name] = str(error)
            failed.append(name)
        except (OSError, KombuError, OperationalError, DatabaseError) as error:
            facts[name] = type(error).__name__
            failed.append(name)
    return JsonResponse({"ready": not failed, "failed": failed, "checks": facts}, status=503 if failed else 200)
