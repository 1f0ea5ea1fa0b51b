"""What a village asks for: written, published, claimed, funded, reported."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds.errors import BadAmount
from marketplace.funds.models import Purpose
from marketplace.funds.services import goods, setup
from marketplace.sponsors import rules
from marketplace.sponsors.errors import NeedClaimed
from marketplace.sponsors.models import Claim, Enterprise, Need, Pledge
from marketplace.sponsors.services.common import audit, coming_day, lock, need_reason, require_active, tell
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text
from timebank.registry.models import Region, User
from timebank.registry.rules import require

NAMESPACE = uuid.UUID("6f0c1d0e-5b1f-4d0a-9a76-2f1f4b1f1d11")


def key_of(source: str) -> uuid.UUID:
    """Return the one key under which something follows from ``source``."""
    return uuid.uuid5(NAMESPACE, source)


@transaction.atomic
def write_need(
    *,
    region: Region,
    title: str,
    text: str,
    target: str,
    budget_fen: int,
    deadline: dt.date,
    actor: User,
    title_en: str = "",
    place: str = "",
    pays_tickets: bool = False,
    now: dt.datetime | None = None,
) -> Need:
    """Write a need as a draft; its money goes to the village's fund, else the nearest above."""
    require(actor, rules.PUBLISH_NEED, region=region)
    fund = goods.fund_of(region.path)
    if fund is None:
        raise NotFound
    if budget_fen <= 0:
        raise BadAmount(field="budget")
    made = Need.objects.create(
        region=region,
        fund=fund,
        title=clean_text(title, most=80),
        title_en=clean_text(title_en, most=120),
        text=clean_text(text, most=1000, lines=True),
        target=clean_text(target, most=200),
        place=clean_text(place, most=120),
        budget_fen=budget_fen,
        deadline=coming_day(deadline, "deadline", now),
        pays_tickets=pays_tickets,
        created_by=actor,
        created_at=now or timezone.now(),
    )
    audit(actor, "write_need", made, region, now=now, budget=budget_fen)
    return made


def _locked(need: Need, actor: User, *states: str) -> Need:
    locked = lock(need, "region", "fund__region", "fund__bank_account")
    require(actor, rules.PUBLISH_NEED, region=locked.region)
    if locked.state not in states:
        raise WrongState(state=locked.state)
    return locked


@transaction.atomic
def publish_need(*, need: Need, actor: User, now: dt.datetime | None = None) -> Need:
    """Publish a draft: approved sponsors may claim it."""
    locked = _locked(need, actor, Need.State.DRAFT)
    coming_day(locked.deadline, "deadline", now)
    locked.state, locked.published_at = Need.State.PUBLISHED, now or timezone.now()
    locked.save(update_fields=["state", "published_at"])
    audit(actor, "publish_need", locked, locked.region, now=now)
    return locked


@transaction.atomic
def withdraw_need(*, need: Need, actor: User, reason: str, now: dt.datetime | None = None) -> Need:
    """Take back a need that nobody has claimed."""
    locked = _locked(need, actor, Need.State.DRAFT, Need.State.PUBLISHED)
    locked.state, locked.reason = Need.State.WITHDRAWN, need_reason(reason)
    locked.save(update_fields=["state", "reason"])
    Claim.objects.filter(need=locked, state=Claim.State.ASKED).update(
        state=Claim.State.REFUSED, reason=locked.reason, decided_by=actor, decided_at=now or timezone.now()
    )
    audit(actor, "withdraw_need", locked, locked.region, reason=reason, now=now)
    return locked


@transaction.atomic
def report_need(*, need: Need, actor: User, report: str, now: dt.datetime | None = None) -> Need:
    """Report what became of a funded need; its claim is done."""
    locked = _locked(need, actor, Need.State.FUNDED)
    locked.report = clean_text(report, most=2000, lines=True)
    if not locked.report:
        need_reason("")
    locked.state, locked.reported_at = Need.State.REPORTED, now or timezone.now()
    locked.save(update_fields=["report", "state", "reported_at"])
    Claim.objects.filter(need=locked, state=Claim.State.GRANTED).update(state=Claim.State.DONE)
    audit(actor, "report_need", locked, locked.region, now=now)
    return locked


# -- Claims ------------------------------------------------------------------------------------------------------------
@transaction.atomic
def ask_claim(
    *, need: Need, enterprise: Enterprise, wished_name: str, actor: User, now: dt.datetime | None = None
) -> Claim:
    """Ask to take a published need on under a name. Asked again by the same sponsor: the first claim."""
    rules.require_staff(actor, enterprise)
    require_active(Enterprise.objects.get(pk=enterprise.pk))
    locked = lock(need, "region")
    if locked.state != Need.State.PUBLISHED:
        raise NeedClaimed if locked.state in (Need.State.CLAIMED, Need.State.FUNDED) else WrongState
    coming_day(locked.deadline, "deadline", now)
    claim = Claim.objects.filter(need=locked, enterprise=enterprise, state=Claim.State.ASKED).first()
    if claim is not None:
        return claim
    made = Claim.objects.create(
        need=locked,
        enterprise=enterprise,
        wished_name=clean_text(wished_name, most=60) or enterprise.shown_name,
        asked_by=actor,
        asked_at=now or timezone.now(),
    )
    audit(actor, "ask_claim", made, locked.region, now=now)
    return made


@transaction.atomic
def decide_claim(
    *,
    claim: Claim,
    actor: User,
    grant: bool,
    shown_name: str = "",
    reason: str = "",
    now: dt.datetime | None = None,
) -> Claim:
    """Grant a claim under a name that the village has looked at, or refuse it with a reason. One of a need is granted.

    The need is locked first: of two grants at once the second is refused (``NeedClaimed``).
    """
    now = now or timezone.now()
    need = lock(Need(pk=claim.need_id), "region", "fund__region", "fund__bank_account", "purpose")
    require(actor, rules.PUBLISH_NEED, region=need.region)
    locked = lock(claim, "enterprise__organisation", "enterprise__merged_into")
    if locked.state != Claim.State.ASKED:
        raise WrongState(state=locked.state)
    locked.decided_by, locked.decided_at = actor, now
    if not grant:
        locked.state, locked.reason = Claim.State.REFUSED, need_reason(reason)
        locked.save(update_fields=["state", "reason", "decided_by", "decided_at"])
        audit(actor, "refuse_claim", locked, need.region, reason=reason, now=now)
        tell("claim_refused", locked.enterprise, subject=need, now=now, title=need.title, reason=locked.reason)
        return locked
    require_active(locked.enterprise)
    if need.state != Need.State.PUBLISHED:
        raise NeedClaimed
    locked.state = Claim.State.GRANTED
    locked.shown_name = clean_text(shown_name, most=60) or locked.wished_name
    try:
        with transaction.atomic():
            locked.save(update_fields=["state", "shown_name", "decided_by", "decided_at"])
    except IntegrityError:
        raise NeedClaimed from None
    name = "" if locked.enterprise.name_withdrawn_at else locked.shown_name
    need.purpose = need.purpose or _purpose(need, name, now)
    need.state = Need.State.CLAIMED
    need.save(update_fields=["purpose", "state"])
    audit(actor, "grant_claim", locked, need.region, now=now, name=locked.shown_name)
    tell("claim_granted", locked.enterprise, subject=need, now=now, title=need.title)
    return locked


def _purpose(need: Need, donor: str, now: dt.datetime) -> Purpose:
    return setup.open_purpose(
        fund=need.fund,
        name=need.title,
        name_en=need.title_en,
        actor=None,
        key=key_of(f"need:{need.pk}"),
        donor=donor,
        source=f"need:{need.pk}",
        pays_tickets=need.pays_tickets,
        now=now,
    )


@transaction.atomic
def withdraw_claim(*, claim: Claim, actor: User, reason: str = "", now: dt.datetime | None = None) -> Claim:
    """Give a claim up; a need that was granted and not yet paid for is open to others again."""
    need = lock(Need(pk=claim.need_id), "region")
    locked = lock(claim, "enterprise__organisation", "enterprise__merged_into__organisation")
    rules.require_staff(actor, locked.enterprise)
    if locked.state == Claim.State.GRANTED:
        if need.state != Need.State.CLAIMED or need.received_fen or _waits_for_money(need):
            raise WrongState(state=need.state)
        need.state = Need.State.PUBLISHED
        need.save(update_fields=["state"])
    elif locked.state != Claim.State.ASKED:
        raise WrongState(state=locked.state)
    locked.state, locked.reason = Claim.State.WITHDRAWN, clean_text(reason, most=200)
    locked.save(update_fields=["state", "reason"])
    audit(actor, "withdraw_claim", locked, need.region, reason=reason, now=now)
    return locked


def _waits_for_money(need: Need) -> bool:
    return Pledge.objects.filter(need=need, state__in=["approved", "part"]).exists()
