"""Events of Stripe: stored at once, processed later, any number of times. An event is a hint to look."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from collections import defaultdict
from typing import Any, NamedTuple

from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from marketplace.funds.rules import APPROVE_PAYMENT, RECORD_BANK
from marketplace.payments import providers
from marketplace.payments.errors import PaymentsError
from marketplace.payments.models import Payment, StripeEvent
from marketplace.payments.providers.base import RemoteEvent
from marketplace.payments.services import payouts, strays
from marketplace.payments.services.syncing import sync_payment
from timebank.common.sweeps import Sweep
from timebank.registry.errors import NotAllowed
from timebank.registry.models import User
from timebank.registry.rules import can

log = logging.getLogger(__name__)

UNKNOWN_FOR = dt.timedelta(hours=24)  # so long an event may come before the payment that it is about
MOST_TRIES = 12
BATCH = 200


class Hint(NamedTuple):
    """Where an event says that something happened."""

    kind: str  # payment, payout or ""
    session: str = ""
    intent: str = ""
    reference: str = ""
    payout: str = ""


def hint_of(kind: str, thing: dict[str, Any]) -> Hint:
    """Read from an event's object whose payment or payout it is about."""
    reference = str((thing.get("metadata") or {}).get("payment") or thing.get("client_reference_id") or "")
    intent = thing.get("payment_intent")
    intent = intent.get("id", "") if isinstance(intent, dict) else str(intent or "")
    if kind.startswith("checkout.session."):
        return Hint("payment", session=str(thing.get("id", "")), intent=intent, reference=reference)
    if kind.startswith("payment_intent."):
        return Hint("payment", intent=str(thing.get("id", "")), reference=reference)
    if kind.startswith(("charge.", "refund.")):
        return Hint("payment", intent=intent, reference=reference)
    if kind.startswith("payout."):
        return Hint("payout", payout=str(thing.get("id", "")))
    return Hint("")


def store_event(*, provider: str, event: dict[str, Any], body: str, ignored: bool = False, pulled: bool = False) -> int:
    """Keep a verified event; return its id if it is new and to be processed, else 0. Two statements."""
    thing = event["data"]["object"]
    state = StripeEvent.State.IGNORED if ignored else StripeEvent.State.RECEIVED
    row = StripeEvent(
        provider=provider,
        event=event["id"],
        type=event["type"][:80],
        body=body,
        livemode=bool(event.get("livemode")),
        object_id=str(thing.get("id", ""))[:255],
        state=state,
        pulled=pulled,
    )
    StripeEvent.objects.bulk_create([row], ignore_conflicts=True)
    kept = StripeEvent.objects.filter(event=event["id"], state=StripeEvent.State.RECEIVED).values_list("pk", flat=True)
    return next(iter(kept), 0)


def count_refused(reason: str) -> None:
    """Count a refused call of the webhook, by day and reason. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO payments_refusedhookcount (day, reason, count) VALUES (%s, %s, 1)"
            " ON CONFLICT (day, reason) DO UPDATE SET count = payments_refusedhookcount.count + 1",
            [timezone.localdate(), reason[:20]],
        )


def process_event(pk: int) -> None:
    """Process one event, and all that wait for the same payment."""
    event = StripeEvent.objects.filter(pk=pk, state=StripeEvent.State.RECEIVED).first()
    if event is not None:
        _process([event])


def process_waiting(*, now: dt.datetime | None = None) -> int:
    """Process the events that are due; return how many were looked at."""
    now = now or timezone.now()
    waiting = StripeEvent.objects.filter(state=StripeEvent.State.RECEIVED)
    due = list(waiting.filter(Q(next_at__isnull=True) | Q(next_at__lte=now)).order_by("received_at", "pk")[:BATCH])
    _process(due)
    return len(due)


def _process(events: list[StripeEvent]) -> None:
    hints = {event.pk: hint_of(event.type, json.loads(event.body)["data"]["object"]) for event in events}
    known = _payments_of(list(hints.values()))
    groups: dict[int, list[StripeEvent]] = defaultdict(list)
    for event in events:
        hint = hints[event.pk]
        payment = _payment_of(hint, known)
        if payment is not None:
            groups[payment].append(event)
        else:
            _guarded([event], lambda event=event, hint=hint: _other(event, hint))
    for pk, group in groups.items():
        first = [hints[event.pk] for event in group]
        session = next((hint.session for hint in first if hint.session), "")
        intent = next((hint.intent for hint in first if hint.intent), "")
        keys = [event.pk for event in group]
        _guarded(
            group,
            lambda pk=pk, session=session, intent=intent, keys=keys: sync_payment(
                pk, session=session, intent=intent, events=keys
            ),
        )


def _payments_of(hints: list[Hint]) -> dict[str, int]:
    """Find the payments that hints name, with one statement: session, intent or reference → payment."""
    references = []
    for hint in hints:
        try:
            references.append(uuid.UUID(hint.reference))
        except ValueError:
            continue
    payments = Payment.objects.filter(
        Q(session__in=[hint.session for hint in hints if hint.session])
        | Q(intent__in=[hint.intent for hint in hints if hint.intent])
        | Q(public_id__in=references)
    )
    known: dict[str, int] = {}
    for pk, session, intent, public_id in payments.values_list("pk", "session", "intent", "public_id"):
        known |= {name: pk for name in (session, intent) if name}
        # A reference alone is believed only while the page's own number never reached us.
        known[f"{public_id} {session}"] = pk
    return known


def _payment_of(hint: Hint, known: dict[str, int]) -> int | None:
    for name in (hint.session, hint.intent):
        if name and name in known:
            return known[name]
    for session in {hint.session, ""}:
        if hint.reference and f"{hint.reference} {session}" in known:
            return known[f"{hint.reference} {session}"]
    if not hint.session and hint.reference:  # an intent of a session that we opened: its number comes with the sync
        return next((pk for name, pk in known.items() if name.startswith(f"{hint.reference} ")), None)
    return None


def _other(event: StripeEvent, hint: Hint) -> None:
    """Process an event that belongs to no payment of ours: a payout, or money that nobody asked for."""
    if hint.kind == "payout":
        payouts.sync_payout(event.provider, hint.payout)
        _done(event)
    elif hint.kind != "payment":
        _done(event, StripeEvent.State.IGNORED)
    elif timezone.now() - event.received_at >= UNKNOWN_FOR:
        strays.record_strays(event.provider, hint.intent)
        _done(event)
    else:
        _later(event, "no payment yet")


def _done(event: StripeEvent, state: StripeEvent.State = StripeEvent.State.DONE) -> None:
    event.state, event.processed_at, event.error = state, timezone.now(), ""
    event.save(update_fields=["state", "processed_at", "error"])


def _later(event: StripeEvent, reason: str) -> None:
    event.attempts += 1
    event.error = reason[:200]
    event.next_at = timezone.now() + dt.timedelta(minutes=min(2 ** min(event.attempts, 6), 60))
    event.save(update_fields=["attempts", "error", "next_at"])


def _guarded(events: list[StripeEvent], act: Any) -> None:
    """Run one step; what goes wrong is kept with its events, and the others go on."""
    try:
        act()
    except PaymentsError as refusal:  # the provider is away: nothing is lost, it is asked again
        for event in events:
            _later(event, f"{refusal.code}: {refusal.params.get('detail', '')}")
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("payments: events %s can't be processed", [event.event for event in events])
        for event in events:
            _later(event, f"{type(error).__name__}: {error}")
            if event.attempts >= MOST_TRIES:
                event.state = StripeEvent.State.FAILED
                event.save(update_fields=["state"])


def _overdue(now: dt.datetime) -> QuerySet[Any, Any]:
    """Select the payments that should have ended by now; nothing while no provider is set."""
    quiet = now - dt.timedelta(minutes=10)
    unfinished = Payment.objects.filter(provider__in=("stripe", "practice")).filter(
        Q(state__in=("creating", "open"), expires_at__lte=now)
        | Q(state="processing", created_at__lte=quiet)
        | Q(state="paid", paid_at__lte=quiet, failure="", currency="CNY")
    )
    unfinished = unfinished if providers.online() else unfinished.none()
    return unfinished.order_by("created_at").values_list("pk", flat=True)


#: A lost event costs minutes, not a day. No transaction around it: the provider is called.
LOOK_AFTER = Sweep(
    "look after payments",
    due=_overdue,
    handle=lambda pk, _now: sync_payment(pk).state,
    every=5 * 60,
    most=50,
    atomic=False,
)


def pull_events(*, provider: str, since: dt.datetime) -> int:
    """Ask for the events since then and keep those that were never told; return how many were new."""
    new = 0
    for remote in providers.of(provider).events(since):
        new += _keep_pulled(provider, remote)
    return new


def _keep_pulled(provider: str, remote: RemoteEvent) -> int:
    if StripeEvent.objects.filter(event=remote.id).exists():
        return 0
    event = json.loads(remote.body)
    with transaction.atomic():
        return int(bool(store_event(provider=provider, event=event, body=remote.body, pulled=True)))


def retry_event(*, pk: int, actor: User) -> None:
    """Take up a failed event again: by whoever records or approves money somewhere. Raises ``NotAllowed``."""
    if not (can(actor, RECORD_BANK) or can(actor, APPROVE_PAYMENT)):
        raise NotAllowed
    StripeEvent.objects.filter(pk=pk, state=StripeEvent.State.FAILED).update(
        state=StripeEvent.State.RECEIVED, next_at=None, attempts=0
    )
    process_event(pk)
