"""What happened, to what, for whom: one call by a service, a row in its transaction, told to whoever listens.

A lower app never calls an upper one. It emits an event; the upper app declares under ``listens_to`` which kinds it
wants to hear. Each listener hears each event exactly once as far as the database goes: that it was told and what it
wrote are one transaction. What a listener does outside (mail, SMS) it does from a row of its own.

Delivered at once after the commit where a worker is free, else by the sweep within a minute; a listener that fails is
told again later, and holds up nobody else. Order is by id, but a late event may come after a younger one.

Kept: events that were delivered for ``KEPT`` (a year and a month, so that a yearly settlement can be explained), those
that wait for as long as they wait. Facts name rows, never secrets, phone or ID numbers: whoever tells a person reads
those when telling.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from timebank.common import contract
from timebank.common.guards import Declaration, Guarded
from timebank.common.models import Event, EventDelivery
from timebank.common.sweeps import Sweep

KEPT = dt.timedelta(days=400)

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded(
        "common_event",
        frozen=("kind", "subject", "recipients", "region", "facts", "occurred_at", "created_at"),
        deletable=True,
        because="what happened stays as it was told",
    ),
)


class Listener(NamedTuple):
    """Who hears a kind of event; its name is that of the app."""

    name: str
    call: Callable[[Event], None]


@lru_cache(maxsize=1)
def _listeners() -> dict[str, tuple[Listener, ...]]:
    kinds: dict[str, tuple[Listener, ...]] = {}
    for declared in contract.declared("listens_to"):
        kinds[declared.name] = (*kinds.get(declared.name, ()), Listener(declared.app, declared.value))
    return kinds


def listeners(kind: str) -> tuple[Listener, ...]:
    """Return who hears events of this kind."""
    return _listeners().get(kind, ())


def reference(row: Any) -> str:
    """Name a row as facts and subjects do: ``record:12``; text stays as it is."""
    return f"{row._meta.model_name}:{row.pk}" if isinstance(row, Model) else str(row or "")


def emit(
    kind: str,
    *,
    subject: Model | str = "",
    recipients: Iterable[Model | str] = (),
    region: Model | str = "",
    facts: Mapping[str, Any] | None = None,
    occurred_at: dt.datetime | None = None,
) -> Event:
    """Write down what happened, in the caller's transaction; ``facts`` is JSON."""
    now = timezone.now()
    heard = bool(listeners(kind))
    event = Event.objects.create(
        kind=kind,
        subject=reference(subject),
        recipients=[reference(item) for item in recipients],
        region=reference(region),
        facts=dict(facts or {}),
        occurred_at=occurred_at or now,
        created_at=now,
        delivered_at=None if heard else now,
    )
    if heard:
        _soon()
    return event


def _soon() -> None:
    """Deliver after the commit; once for however many events a transaction emits."""
    planned = [entry[0] for entry in connection.run_on_commit if entry[1] is _deliver_now]
    if not any(set(savepoints) <= set(connection.savepoint_ids) for savepoints in planned):
        transaction.on_commit(_deliver_now, robust=True)  # where the broker is away, the sweep delivers


def _deliver_now() -> None:
    from timebank.common.tasks import task_sweep

    task_sweep.delay(DELIVER.name)


# -- The sweep ---------------------------------------------------------------------------------------------------------
def _due(now: dt.datetime) -> Iterator[str]:
    last = 0
    while True:
        waiting = Event.objects.filter(delivered_at=None, pk__gt=last).order_by("pk").prefetch_related("deliveries")
        events = list(waiting[:200])
        for event in events:
            told = {delivery.listener for delivery in event.deliveries.all()}
            if all(listener.name in told for listener in listeners(event.kind)):  # an app was taken out
                Event.objects.filter(pk=event.pk).update(delivered_at=now)
            for listener in listeners(event.kind):
                if listener.name not in told:
                    yield f"{event.pk}:{listener.name}"
        if len(events) < 200:
            return
        last = events[-1].pk


def _deliver(key: str, now: dt.datetime) -> None:
    pk, _colon, name = key.partition(":")
    event = Event.objects.select_for_update().filter(pk=int(pk)).first()
    listener = next((item for item in listeners(event.kind) if item.name == name), None) if event is not None else None
    if event is None or listener is None:
        return
    told = set(event.deliveries.values_list("listener", flat=True))
    if name in told:
        return
    EventDelivery.objects.create(event=event, listener=name, delivered_at=now)
    listener.call(event)
    if all(item.name in told | {name} for item in listeners(event.kind)):
        Event.objects.filter(pk=event.pk).update(delivered_at=now)


DELIVER = Sweep(name="deliver events", due=_due, handle=_deliver, every=60, read_key=str)
