"""What follows a list: the town's yes or no, the file of refused rows, the end of what it said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from timebank.registry.errors import ListClosed, OwnList
from timebank.registry.interests import other_person
from timebank.registry.models import Resident, ResidentImport, ResidentImportRow, User
from timebank.registry.rules import CONFIRM_LIST, REGISTER_RESIDENT, require
from timebank.registry.services.audit import record_audit
from timebank.registry.services.resident_imports.reading import unpack

Outcome = ResidentImportRow.Outcome
Status = ResidentImport.Status
KEPT_DAYS = 60  # what an abandoned list said is erased then


def refused_rows(source: ResidentImport) -> Iterator[list[str]]:
    """Give the refused rows as they stand, each with its number and what is wrong, to be mended and handed in again."""
    width = len(source.header)
    for row in source.rows.filter(outcome=Outcome.REFUSED).order_by("number").iterator(chunk_size=500):
        line = unpack(row.content)["line"][:width]
        problem = f"{row.column}: {row.reason}" if row.column else row.reason
        yield [*line, *[""] * (width - len(line)), str(row.number), problem]


def refused_header(source: ResidentImport) -> list[str]:
    """Name the columns of the file of refused rows: those of the list, the row, the problem."""
    return [*source.header, _("Row"), _("Problem")]


@transaction.atomic
def confirm_import(
    *, source: ResidentImport, actor: User, without: Collection[int] = (), now: dt.datetime | None = None
) -> int:
    """Let the town confirm everybody on a loaded list but ``without`` (keys of residents); return how many.

    Nobody confirms a list that they handed in themselves.
    """
    source = _locked(source)
    _require_town(source, actor)
    if source.status != Status.LOADED:
        raise ListClosed
    now = now or timezone.now()
    loaded = source.rows.filter(outcome=Outcome.LOADED).exclude(resident__in=without)
    confirmed = Resident.objects.filter(
        pk__in=loaded.values("resident"), confirmed_at__isnull=True, status=Resident.Status.ACTIVE
    ).update(confirmed_at=now, confirmed_by=actor, confirmed_how=Resident.Confirmation.LIST)
    _close(source, Status.CONFIRMED, actor=actor, reason="", now=now)
    record_audit(
        actor=actor,
        action="confirm_resident_list",
        subject=f"resident_list:{source.pk}",
        region=source.village,
        facts={"confirmed": confirmed, "without": sorted(without)},
        now=now,
    )
    return confirmed


@transaction.atomic
def return_import(
    *, source: ResidentImport, actor: User, reason: str, now: dt.datetime | None = None
) -> ResidentImport:
    """Let the town say no, with a reason: the people stay registered and unconfirmed until each is looked at."""
    source = _locked(source)
    _require_town(source, actor)
    if source.status != Status.LOADED:
        raise ListClosed
    now = now or timezone.now()
    _close(source, Status.RETURNED, actor=actor, reason=reason, now=now)
    record_audit(
        actor=actor,
        action="return_resident_list",
        subject=f"resident_list:{source.pk}",
        region=source.village,
        reason=reason,
        now=now,
    )
    return source


@transaction.atomic
def discard_import(*, source: ResidentImport, actor: User | None, now: dt.datetime | None = None) -> ResidentImport:
    """Put a list aside: nothing more of it is loaded, and what it said is erased."""
    source = _locked(source)
    if actor is not None:
        require(actor, REGISTER_RESIDENT, source.village)
    if source.status not in {Status.READING, Status.PREVIEW, Status.LOADING}:
        raise ListClosed
    now = now or timezone.now()
    loaded = source.rows.filter(outcome=Outcome.LOADED).exists()
    _close(source, Status.LOADED if loaded else Status.DISCARDED, actor=None, reason="", now=now)
    record_audit(
        actor=actor,
        action="discard_resident_list",
        subject=f"resident_list:{source.pk}",
        region=source.village,
        now=now,
    )
    return source


def erase_old_lists(*, now: dt.datetime | None = None) -> int:
    """Erase what abandoned lists said; return how many."""
    before = (now or timezone.now()) - dt.timedelta(days=KEPT_DAYS)
    done = 0
    for source in ResidentImport.objects.filter(created_at__lt=before).filter(rows__content__gt="").distinct():
        source.rows.exclude(content="").update(content="")
        done += 1
    return done


def _locked(source: ResidentImport) -> ResidentImport:
    return ResidentImport.objects.select_for_update(of=("self",)).select_related("village").get(pk=source.pk)


def _require_town(source: ResidentImport, actor: User) -> None:
    require(actor, CONFIRM_LIST, source.village)
    if source.uploaded_by_id == actor.pk:
        raise OwnList
    other_person(actor, source.uploaded_by_id)


def _close(source: ResidentImport, status: str, *, actor: User | None, reason: str, now: dt.datetime) -> None:
    source.status = status
    if actor is not None:
        source.answered_at, source.answered_by, source.answer_reason = now, actor, reason[:200]
    source.save(update_fields=["status", "answered_at", "answered_by", "answer_reason"])
    source.rows.exclude(content="").update(content="")
