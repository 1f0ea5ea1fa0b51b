"""Sending messages by e-mail and SMS: planned with the message, handed over by a sweep, at most once.

The claim is committed before anything leaves: a worker that dies in between leaves a row that says "being sent", which
becomes "perhaps sent" and is never sent again (docs/adr/0050-channels.md).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from timebank.common.models import Event
from timebank.common.sweeps import Sweep
from timebank.messages.channels import NotSent, adapter
from timebank.messages.models import Channel, Message, Sending, SendingChoice
from timebank.messages.selectors import show
from timebank.registry.models import User

logger = logging.getLogger(__name__)
State = Sending.State

STALE = dt.timedelta(minutes=10)
ATTEMPTS = 5
PAUSE = dt.timedelta(minutes=5)  # doubled after each attempt
MOST_IN_ONE = 50


# -- When --------------------------------------------------------------------------------------------------------------
def quiet_end(choice: SendingChoice, now: dt.datetime) -> dt.datetime | None:
    """Return when a person's quiet hours end, if ``now`` lies in them."""
    begin, end = choice.quiet_from, choice.quiet_until
    if begin is None or end is None or begin == end:
        return None
    local = timezone.localtime(now)
    clock = local.time()
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not inside:
        return None
    day = local.date() + dt.timedelta(days=1 if clock >= end else 0)
    return timezone.make_aware(dt.datetime.combine(day, end))


def due_at(choice: SendingChoice, channel: str, now: dt.datetime) -> dt.datetime:
    """Return when a message that comes now is to be sent: at once, at the hour of the digest, after quiet hours."""
    when = now
    if channel == Channel.EMAIL and choice.digest_hour is not None:
        local = timezone.localtime(now)
        when = timezone.make_aware(dt.datetime.combine(local.date(), dt.time(choice.digest_hour)))
        if when <= now:
            when = timezone.make_aware(
                dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(choice.digest_hour))
            )
    return quiet_end(choice, when) or when


def address_of(user: User, channel: str) -> str:
    """Return where a person is reached on this way, or nothing."""
    return str((user.email if channel == Channel.EMAIL else user.phone) or "")


def plan(event: Event, now: dt.datetime | None = None) -> int:
    """Plan the sendings of an event's messages, in the transaction that wrote them; again it plans nothing new."""
    now = now or timezone.now()
    told = Q(user__resident__inbox_messages__event_number=event.pk) | Q(user__inbox_messages__event_number=event.pk)
    choices = {row.user_id: row for row in SendingChoice.objects.filter(told).select_related("user").distinct()}
    if not choices:
        return 0
    messages = Message.objects.filter(event_number=event.pk).annotate(reader=Coalesce("user", "resident__user"))
    rows = [
        Sending(
            message_id=pk,
            user_id=reader,
            channel=channel,
            is_digest=channel == Channel.EMAIL and choices[reader].digest_hour is not None,
            due_at=due_at(choices[reader], channel, now),
        )
        for pk, reader in messages.filter(reader__in=choices).order_by("pk").values_list("pk", "reader")
        for channel in Channel.values
        if choices[reader].wants(event.kind, channel) and address_of(choices[reader].user, channel)
    ]
    Sending.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return len(rows)


# -- Handing over ------------------------------------------------------------------------------------------------------
def _due(now: dt.datetime) -> Iterator[int]:
    waiting = Q(state=State.WAITING, due_at__lte=now)
    stale = Q(state=State.SENDING, started_at__lte=now - STALE)
    return iter(Sending.objects.filter(waiting | stale).order_by("due_at", "pk").values_list("pk", flat=True))


def send_due(pk: int, now: dt.datetime) -> int:
    """Send one row, with a digest all that go with it; return how many messages left. It may be called by many."""
    claimed = _claim(pk, now)
    if not claimed:
        return 0
    first, user = claimed[0], claimed[0].user
    with translation.override(user.language or settings.LANGUAGE_CODE):
        subject, text = _written([row.message for row in claimed])
    rows = Sending.objects.filter(pk__in=[row.pk for row in claimed], state=State.SENDING)
    try:
        adapter(first.channel).send(
            to=address_of(user, first.channel), subject=subject, text=text, key=f"sending-{first.pk}-{first.attempts}"
        )
    except NotSent as error:
        logger.warning("sending %s: not taken: %s", first.pk, _problem(error))
        if first.attempts < ATTEMPTS:
            rows.update(state=State.WAITING, due_at=now + PAUSE * 2 ** (first.attempts - 1), problem=_problem(error))
        else:
            rows.update(state=State.FAILED, ended_at=now, problem=_problem(error))
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows; its class only: servers repeat addresses
        logger.warning("sending %s: nobody knows: %s", first.pk, _problem(error))
        rows.update(state=State.PERHAPS, ended_at=now, problem=_problem(error))
        return 0
    return rows.update(state=State.SENT, ended_at=now, problem="")


def _problem(error: Exception) -> str:
    """Name what went wrong without what the other side said: it may repeat the address."""
    return type(error.__cause__ or error).__name__


@transaction.atomic
def _claim(pk: int, now: dt.datetime) -> list[Sending]:
    """Mark what is sent now, if it is still to be sent: of two who ask at once, one gets it."""
    # What the person chose is the gate: two who send one digest never wait for each other's rows.
    choice = (
        SendingChoice.objects.select_for_update().filter(user__in=Sending.objects.filter(pk=pk).values("user")).first()
    )
    row = Sending.objects.select_for_update(of=("self",)).select_related("user").filter(pk=pk).first()
    if row is None:
        return []
    if row.state == State.SENDING and row.started_at is not None and row.started_at <= now - STALE:
        Sending.objects.filter(pk=pk).update(state=State.PERHAPS, ended_at=now, problem="stopped")
        return []
    if row.state != State.WAITING or row.due_at > now:
        return []
    if choice is None or not row.user.is_active or not address_of(row.user, row.channel):
        Sending.objects.filter(pk=pk).update(state=State.DROPPED, ended_at=now)
        return []
    quiet = quiet_end(choice, now)
    if quiet is not None:  # the worker stood still until now
        Sending.objects.filter(pk=pk).update(due_at=quiet)
        return []
    together = Sending.objects.filter(pk=pk)
    if row.is_digest:
        together = Sending.objects.filter(
            user=row.user_id, channel=row.channel, is_digest=True, state=State.WAITING, due_at__lte=now
        )
    rows = list(together.select_for_update(of=("self",)).select_related("user", "message").order_by("pk")[:MOST_IN_ONE])
    keep = [item for item in rows if item.message.seen_at is None and choice.wants(item.message.kind, item.channel)]
    kept = {item.pk for item in keep}
    Sending.objects.filter(pk__in=[item.pk for item in rows if item.pk not in kept]).update(
        state=State.DROPPED, ended_at=now
    )
    Sending.objects.filter(pk__in=kept).update(state=State.SENDING, started_at=now, attempts=F("attempts") + 1)
    for item in keep:
        item.attempts += 1
    return keep


def _written(messages: list[Message]) -> tuple[str, str]:
    """Put messages into a subject and a text, in the language that is active."""
    shown = [show(message) for message in messages]
    parts = []
    for row in shown:
        lines = [f"{row.kind.title}: {row.text}" if row.text else str(row.kind.title)]
        parts.append("\n".join([*lines, f"{settings.SITE_URL}{row.url}"] if row.url else lines))
    if len(shown) == 1:
        return str(shown[0].kind.title), parts[0]
    return _("%(count)d messages") % {"count": len(shown)}, "\n\n".join(parts)


SEND = Sweep("send messages", due=_due, handle=send_due, every=60, atomic=False)
SWEEPS = [SEND]
