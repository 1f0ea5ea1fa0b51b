"""What belongs to a resident anywhere in the product, found by its foreign keys; moved when two become one.

Nothing has to be listed: a new app's rows move as soon as they point to a resident. What can't move stays with the old
registration, which leads to the person: history that is never changed, and rows of which the person has one already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.apps import apps
from django.db import IntegrityError, models, transaction

from timebank.common import contract
from timebank.common.guards import Guarded
from timebank.registry.models import (
    AuditEntry,
    Card,
    Consent,
    DistinctPair,
    Residence,
    Resident,
    ResidentCase,
    ResidentImportRow,
)

#: These tell of the old registration itself.
_STAY: tuple[type[models.Model], ...] = (
    AuditEntry,
    Consent,
    DistinctPair,
    Residence,
    Resident,
    ResidentCase,
    ResidentImportRow,
)


def _frozen() -> dict[str, Guarded]:
    return {guard.table: guard for guard in contract.items("append_only") if isinstance(guard, Guarded)}


def belongings() -> Iterator[tuple[type[models.Model], str, bool]]:
    """Give every place that points to a resident: model, field, and whether history keeps it as it was written."""
    frozen = _frozen()
    for model in apps.get_models():
        if model in _STAY or model._meta.proxy or not model._meta.managed:
            continue
        guard = frozen.get(model._meta.db_table)
        for field in model._meta.concrete_fields:
            if field.related_model is Resident:
                column = str(field.column)
                stays = guard is not None and (guard.frozen is None or column in guard.frozen)
                yield model, field.name, stays


def preview(resident: Resident) -> list[tuple[str, int]]:
    """Count what would move, by the plural name of what it is."""
    counted: dict[str, int] = {}
    for model, name, stays in belongings():
        if not stays:
            count = model._base_manager.filter(**{name: resident}).count()
            if count:
                label = str(model._meta.verbose_name_plural)
                counted[label] = counted.get(label, 0) + count
    return sorted(counted.items())


def move_everything(gone: Resident, stays: Resident) -> dict[str, int]:
    """Let everything that pointed to ``gone`` point to ``stays``; return how many rows of each table moved."""
    moved: dict[str, int] = {}
    for model, name, frozen in belongings():
        if frozen:
            continue
        rows = model._base_manager.filter(**{name: gone})
        table = model._meta.db_table
        count = _move(rows, name, stays)
        if count:
            moved[table] = moved.get(table, 0) + count
    return moved


def _move(rows: models.QuerySet[models.Model], name: str, stays: Resident) -> int:
    """Move rows in one statement, or one by one where the person has some of them already."""
    try:
        with transaction.atomic():
            return rows.update(**{name: stays})
    except IntegrityError:
        pass
    count = 0
    for pk in list(rows.values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                count += rows.filter(pk=pk).update(**{name: stays})
        except IntegrityError:
            continue
    return count


def live_card_first(gone: Resident, stays: Resident, now: dt.datetime) -> None:
    """Block the card of the old registration where both have a live one: a person has one card."""
    if stays.cards.filter(status=Card.Status.ACTIVE).exists():
        gone.cards.filter(status=Card.Status.ACTIVE).update(
            status=Card.Status.BLOCKED, blocked_at=now, blocked_reason="merged"
        )
