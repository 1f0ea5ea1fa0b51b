"""Writing messages from events, and marking them as seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from timebank.common.input import read_id
from timebank.common.models import Event
from timebank.messages import sending
from timebank.messages.kinds import KINDS
from timebank.messages.models import Message, SendingChoice
from timebank.messages.selectors import inbox
from timebank.registry.models import Resident, User


def deliver(event: Event) -> None:
    """Write one message to each whom an event concerns (a listener: runs in the delivery's transaction).

    What differs from one to the next is in the event's facts under ``each``, by recipient; it may name a subject, too.

    Whoever died or left is told nothing; a resident without a sign-in keeps the message for the day there is one.
    """
    residents, users = _keys(event.recipients, "resident"), _keys(event.recipients, "user")
    facts = {"event_number": event.pk, "kind": event.kind, "occurred_at": event.occurred_at}
    personal = event.facts.get("each", {})
    common = {name: value for name, value in event.facts.items() if name != "each"}
    living = Resident.objects.filter(pk__in=residents, died_on__isnull=True, merged_into__isnull=True)
    if event.kind not in KEPT_OPEN:
        living = living.exclude(status=Resident.Status.CLOSED)
    rows = []
    for pk in living.order_by("pk").values_list("pk", flat=True):
        own = dict(personal.get(f"resident:{pk}", {}))
        subject = own.pop("subject", event.subject)
        rows.append(Message(resident_id=pk, subject=subject, facts={**common, **own}, **facts))
    active = User.objects.filter(pk__in=users, is_active=True).order_by("pk").values_list("pk", flat=True)
    rows += [Message(user_id=pk, subject=event.subject, facts=common, **facts) for pk in active]
    Message.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    sending.plan(event)


KEPT_OPEN = ("account_refused",)  # told to somebody whose account closes by it


def _keys(recipients: Iterable[str], kind: str) -> list[int]:
    references = (reference.partition(":") for reference in recipients)
    return [pk for name, _colon, key in references if name == kind and (pk := read_id(key))]


@transaction.atomic
def mark_seen(*, user: User, message: int | None = None, now: dt.datetime | None = None) -> int:
    """Mark one message of a person, or all of them, as seen; return how many were new."""
    rows = inbox(user).filter(seen_at__isnull=True)
    if message is not None:
        rows = rows.filter(pk=message)
    return rows.update(seen_at=now or timezone.now())


@transaction.atomic
def choose_channels(
    *,
    user: User,
    email_kinds: Iterable[str],
    sms_kinds: Iterable[str],
    quiet_from: dt.time | None = None,
    quiet_until: dt.time | None = None,
    digest_hour: int | None = None,
    now: dt.datetime | None = None,
) -> SendingChoice:
    """Keep what a person wants sent, and when not. Nothing chosen: nothing is sent, what waits is dropped."""
    choice, _made = SendingChoice.objects.update_or_create(
        user=user,
        defaults={
            "email_kinds": sorted(set(email_kinds) & set(KINDS)),
            "sms_kinds": sorted(set(sms_kinds) & set(KINDS)),
            "quiet_from": quiet_from,
            "quiet_until": quiet_until,
            "digest_hour": digest_hour,
            "changed_at": now or timezone.now(),
        },
    )
    return choice
