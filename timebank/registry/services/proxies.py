"""Helpers: named people who act for a resident."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common import events
from timebank.registry.errors import (
    AlreadyHelper,
    HelperAppointsSelf,
    HelperAsked,
    NoSelfHelp,
    NotAllowed,
    OtherPersonNeeded,
    RequestAnswered,
    ResidentNotActive,
)
from timebank.registry.interests import interest_of
from timebank.registry.models import HelperRequest, Proxy, Resident, User
from timebank.registry.rules import CONFIRM_RESIDENT, REGISTER_RESIDENT, can, require
from timebank.registry.services.audit import record_audit


@transaction.atomic
def ask_helper(
    *, resident: Resident, helper: User, relation: str, actor: User, now: dt.datetime | None = None
) -> HelperRequest:
    """Ask somebody to help a resident: by the resident, who thereby agrees, or at the village desk.

    Nobody acts before both sides have agreed: ``answer_helper_request``, or a signed paper that a second person saw.
    """
    own = resident.user_id is not None and resident.user_id == actor.pk
    _require_possible(resident, helper, actor, own=own)
    now = now or timezone.now()
    if Proxy.objects.filter(resident=resident, helper=helper, until__isnull=True).exists():
        raise AlreadyHelper(field="helper")
    try:
        with transaction.atomic():
            request = HelperRequest.objects.create(
                resident=resident,
                helper=helper,
                relation=relation,
                asked_by=actor,
                asked_at=now,
                resident_agreed_at=now if own else None,
            )
    except IntegrityError:
        raise HelperAsked(field="helper") from None
    facts = {"name": resident.name, "helper": helper.name}
    events.emit(
        "helper_asked", subject=request, recipients=[helper], region=resident.village, facts=facts, occurred_at=now
    )
    if not own:
        events.emit(
            "helper_proposed",
            subject=request,
            recipients=[resident],
            region=resident.village,
            facts=facts,
            occurred_at=now,
        )
    _audit("ask_helper", request, actor, now)
    return request


def _audit(action: str, request: HelperRequest, actor: User, now: dt.datetime) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"resident:{request.resident_id}",
        region=request.resident.village,
        facts={"helper": request.helper_id, "relation": request.relation},
        now=now,
    )


def _lock_request(request: HelperRequest) -> HelperRequest:
    locked = (
        HelperRequest.objects.select_for_update(of=("self",))
        .select_related("resident__village", "helper", "asked_by")
        .get(pk=request.pk)
    )
    if locked.state != HelperRequest.State.OPEN:
        raise RequestAnswered
    return locked


@transaction.atomic
def answer_helper_request(
    *, request: HelperRequest, actor: User, agree: bool, now: dt.datetime | None = None
) -> HelperRequest:
    """Agree or decline, as the resident or as the helper; with the second yes the helper may act."""
    now = now or timezone.now()
    locked = _lock_request(request)
    if actor.pk == locked.helper_id:
        field = "helper_agreed_at"
    elif locked.resident.user_id is not None and actor.pk == locked.resident.user_id:
        field = "resident_agreed_at"
    else:
        raise NotAllowed
    if not agree:
        locked.state, locked.ended_at = HelperRequest.State.DECLINED, now
        locked.save(update_fields=["state", "ended_at"])
        _audit("decline_helper", locked, actor, now)
        return locked
    setattr(locked, field, getattr(locked, field) or now)
    locked.save(update_fields=[field])
    _complete(locked, now)
    return locked


@transaction.atomic
def confirm_helper_paper(*, request: HelperRequest, actor: User, now: dt.datetime | None = None) -> HelperRequest:
    """Say as the second person at the desk that somebody without a sign-in has signed for this helper on paper."""
    now = now or timezone.now()
    locked = _lock_request(request)
    require(actor, CONFIRM_RESIDENT, locked.resident.village)
    if locked.resident.user_id is not None:
        raise NotAllowed  # who signs in answers by themselves
    if actor.pk in (locked.asked_by_id, locked.helper_id) or interest_of(actor, locked.resident):
        raise OtherPersonNeeded
    if locked.resident_agreed_at is None:
        locked.resident_agreed_at, locked.paper_seen_by = now, actor
        locked.save(update_fields=["resident_agreed_at", "paper_seen_by"])
        _audit("confirm_helper_paper", locked, actor, now)
        _complete(locked, now)
    return locked


def _complete(request: HelperRequest, now: dt.datetime) -> None:
    """Let the helper act once both sides have agreed; the deed is that of who asked."""
    if request.resident_agreed_at is None or request.helper_agreed_at is None:
        return
    add_proxy(
        resident=request.resident,
        helper=request.helper,
        relation=request.relation,
        actor=request.asked_by,
        agreed=True,
        now=now,
    )
    request.state, request.ended_at = HelperRequest.State.AGREED, now
    request.save(update_fields=["state", "ended_at"])


def _require_possible(resident: Resident, helper: User, actor: User | None, *, own: bool) -> None:
    """Refuse who may not name helpers here, who names themselves or the resident, and an account that is not open."""
    if actor is not None and not own and not can(actor, REGISTER_RESIDENT, resident.village):
        raise NotAllowed
    if actor is not None and not own and helper.pk == actor.pk:
        raise HelperAppointsSelf(field="helper")
    if resident.user_id is not None and resident.user_id == helper.pk:
        raise NoSelfHelp(field="helper")
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive


@transaction.atomic
def add_proxy(
    *,
    resident: Resident,
    helper: User,
    relation: str,
    actor: User | None,
    agreed: bool = False,
    now: dt.datetime | None = None,
) -> Proxy:
    """Let ``helper`` act for ``resident`` from now on. ``agreed``: both did, and ``actor`` had the right to ask."""
    own = actor is not None and resident.user_id is not None and resident.user_id == actor.pk
    _require_possible(resident, helper, None if agreed else actor, own=own)
    now = now or timezone.now()
    try:
        with transaction.atomic():
            proxy = Proxy.objects.create(
                resident=resident, helper=helper, relation=relation, granted_by=actor, since=now
            )
    except IntegrityError:
        raise AlreadyHelper(field="helper") from None
    events.emit(
        "helper_given",
        subject=proxy,
        recipients=[helper],
        region=resident.village,
        facts={"name": resident.name},
        occurred_at=now,
    )
    if not own:
        events.emit(
            "helper_named",
            subject=proxy,
            recipients=[resident],
            region=resident.village,
            facts={"name": helper.name},
            occurred_at=now,
        )
    record_audit(
        actor=actor,
        action="add_proxy",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        facts={"helper": helper.pk, "relation": relation},
        now=now,
    )
    return proxy


@transaction.atomic
def end_proxy(*, proxy: Proxy, actor: User, reason: str = "", now: dt.datetime | None = None) -> Proxy:
    """End a helper's power at once: by the resident, the helper, or the village. Again does nothing."""
    proxy = Proxy.objects.select_for_update(of=("self",)).select_related("resident__village").get(pk=proxy.pk)
    mine = actor.pk in {proxy.helper_id, proxy.resident.user_id}
    if not mine and not can(actor, REGISTER_RESIDENT, proxy.resident.village):
        raise NotAllowed
    if proxy.until is not None:
        return proxy
    proxy.until = now or timezone.now()
    proxy.save(update_fields=["until"])
    record_audit(
        actor=actor,
        action="end_proxy",
        subject=f"resident:{proxy.resident_id}",
        region=proxy.resident.village,
        reason=reason,
        facts={"helper": proxy.helper_id},
        now=proxy.until,
    )
    return proxy
