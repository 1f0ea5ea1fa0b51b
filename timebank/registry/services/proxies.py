"""Helpers: named people who act for a resident."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common import events
from timebank.registry.errors import AlreadyHelper, HelperAppointsSelf, NoSelfHelp, NotAllowed, ResidentNotActive
from timebank.registry.models import Proxy, Resident, User
from timebank.registry.rules import REGISTER_RESIDENT, can
from timebank.registry.services.audit import record_audit


@transaction.atomic
def add_proxy(
    *, resident: Resident, helper: User, relation: str, actor: User | None, now: dt.datetime | None = None
) -> Proxy:
    """Let ``helper`` act for ``resident``: decided by the resident, or at the village desk with the resident there."""
    own = actor is not None and resident.user_id is not None and resident.user_id == actor.pk
    if actor is not None and not own and not can(actor, REGISTER_RESIDENT, resident.village):
        raise NotAllowed
    if actor is not None and not own and helper.pk == actor.pk:
        raise HelperAppointsSelf(field="helper")
    if resident.user_id is not None and resident.user_id == helper.pk:
        raise NoSelfHelp(field="helper")
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
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
