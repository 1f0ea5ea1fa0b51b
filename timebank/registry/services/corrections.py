"""Correction requests: asked by the resident, done or refused with a reason by the village."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common import events
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.registry.errors import AlreadyAsked, NotAllowed, NotWaiting, ResidentNotActive
from timebank.registry.models import CorrectionRequest, Resident, User
from timebank.registry.rules import REGISTER_RESIDENT, require
from timebank.registry.services.audit import record_audit

Status = CorrectionRequest.Status


@transaction.atomic
def ask_correction(*, resident: Resident, text: str, actor: User, now: dt.datetime | None = None) -> CorrectionRequest:
    """Let a resident say what is wrong in their particulars; one open request at a time."""
    if resident.user_id is None or resident.user_id != actor.pk:
        raise NotAllowed
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
    text = clean_text(text, most=300)
    if not text:
        raise ReasonMissing(field="text")
    now = now or timezone.now()
    try:
        with transaction.atomic():
            request = CorrectionRequest.objects.create(resident=resident, text=text, asked_by=actor, created_at=now)
    except IntegrityError:
        raise AlreadyAsked(field="text") from None
    record_audit(
        actor=actor, action="ask_correction", subject=f"resident:{resident.pk}", region=resident.village, now=now
    )
    return request


@transaction.atomic
def answer_correction(
    *, request: CorrectionRequest, done: bool, answer: str, actor: User, now: dt.datetime | None = None
) -> CorrectionRequest:
    """Say that it is mended, or why not. The particulars themselves are corrected on the resident's page."""
    request = (
        CorrectionRequest.objects.select_for_update(of=("self",)).select_related("resident__village").get(pk=request.pk)
    )
    resident = request.resident
    require(actor, REGISTER_RESIDENT, resident.village)
    if resident.user_id == actor.pk:
        raise NotAllowed
    if request.status != Status.ASKED:
        raise NotWaiting
    answer = clean_text(answer, most=300)
    if not done and not answer:
        raise ReasonMissing(field="answer")
    now = now or timezone.now()
    request.status = Status.DONE if done else Status.REFUSED
    request.answer, request.answered_at, request.answered_by = answer, now, actor
    request.save(update_fields=["status", "answer", "answered_at", "answered_by"])
    record_audit(
        actor=actor,
        action="answer_correction",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        reason=answer,
        facts={"request": request.pk, "done": done},
        now=now,
    )
    events.emit(
        "correction_answered",
        subject=request,
        recipients=[resident],
        region=resident.village,
        facts={"done": done},
        occurred_at=now,
    )
    return request
