"""Promises: made, sent, accepted or declined, withdrawn, lapsed."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from marketplace.funds.errors import BadAmount, RelatedParty
from marketplace.funds.models import Fund
from marketplace.funds.services import setup
from marketplace.partner.models import Partner, StockRecord
from marketplace.sponsors import rules
from marketplace.sponsors.errors import NeedNotClaimed, WrongShelf
from marketplace.sponsors.models import Claim, Enterprise, Need, Pledge
from marketplace.sponsors.services.common import audit, coming_day, lock, need_reason, require_active, tell
from marketplace.sponsors.services.needs import key_of
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep
from timebank.registry.models import User
from timebank.registry.rules import can

State = Pledge.State
MOST_FEN = 10**12
LAPSES_AFTER = dt.timedelta(days=60)


@transaction.atomic
def make_pledge(
    *,
    enterprise: Enterprise,
    fund: Fund,
    kind: str,
    nature: str,
    text: str,
    due_on: dt.date,
    actor: User,
    amount_fen: int = 0,
    units: int = 0,
    need: Need | None = None,
    restricted: bool = False,
    supplier: Partner | None = None,
    min_age: int | None = None,
    stockrecord: StockRecord | None = None,
    now: dt.datetime | None = None,
) -> Pledge:
    """Promise money (fen), goods or services (units) to a fund: a draft. A need is paid for by whoever claimed it.

    The desk (fund keeper, town) may enter one for a giver without a sign-in.
    """
    if not _enters_for(actor, fund):
        rules.require_staff(actor, enterprise)
    require_active(Enterprise.objects.get(pk=enterprise.pk))
    money = kind == Pledge.Kind.MONEY
    if money and not 0 < amount_fen <= MOST_FEN:
        raise BadAmount(field="amount")
    if not money and not 0 < units <= 1_000_000:
        raise BadAmount(field="units")
    if need is not None:
        claimed = Claim.objects.filter(need=need, enterprise=enterprise, state=Claim.State.GRANTED).exists()
        if not claimed or need.fund_id != fund.pk:
            raise NeedNotClaimed
    if supplier is not None and not _near(fund, supplier):
        raise WrongShelf(field="supplier")
    if stockrecord is not None:
        check_shelf(fund, kind, stockrecord)
    made = Pledge.objects.create(
        enterprise=enterprise,
        fund=fund,
        need=need,
        nature=nature,
        kind=kind,
        text=clean_text(text, most=200),
        amount_fen=amount_fen if money else 0,
        restricted=money and need is None and (restricted or supplier is not None or min_age is not None),
        supplier=supplier if money and need is None else None,
        min_age=min_age if money and need is None else None,
        units=0 if money else units,
        stockrecord=None if money else stockrecord,
        due_on=coming_day(due_on, "due_on", now),
        made_by=actor,
        made_at=now or timezone.now(),
    )
    made.related_party = is_related(made)
    made.save(update_fields=["related_party"])
    audit(actor, "make_pledge", made, fund.region, now=now, kind=kind, fen=made.amount_fen, units=made.units)
    return made


def _enters_for(actor: User, fund: Fund) -> bool:
    return can(actor, rules.KEEP_FUND, region=fund.region) or can(actor, rules.APPROVE_SPONSOR, region=fund.region)


def _near(fund: Fund, supplier: Partner) -> bool:
    """Say whether a supplier stands in the fund's region or above it: residents may redeem there."""
    mine, theirs = fund.region.path, supplier.village.path
    return theirs.startswith(mine) or mine.startswith(theirs)


def check_shelf(fund: Fund, kind: str, stockrecord: StockRecord) -> None:
    """Refuse a reward of another fund's villages, goods without stock and services with it. Raises ``WrongShelf``."""
    tracked = stockrecord.product.get_product_class().track_stock
    inside = stockrecord.partner.village.path.startswith(fund.region.path)
    if not inside or tracked != (kind == Pledge.Kind.GOODS):
        raise WrongShelf(field="stockrecord")


def is_related(pledge: Pledge) -> bool:
    """Say whether the sponsor would be paid out of its own gift: by the one supplier named, or as one of all there."""
    if pledge.kind != Pledge.Kind.MONEY or not pledge.restricted:
        return False
    organisation = pledge.enterprise.organisation
    same = Q(organisation=organisation)
    if organisation.uscc:
        same |= Q(organisation__uscc=organisation.uscc)
    theirs = Partner.objects.filter(same)
    if pledge.supplier_id:
        return theirs.filter(pk=pledge.supplier_id).exists()
    return theirs.filter(village__path__startswith=pledge.fund.region.path, is_active=True).exists()


def locked_pledge(pledge: Pledge) -> Pledge:
    """Lock a pledge with what its decisions read."""
    return lock(
        pledge,
        "fund__region",
        "fund__bank_account",
        "enterprise__organisation",
        "enterprise__merged_into__organisation",
        "need",
        "purpose",
    )


@transaction.atomic
def submit_pledge(*, pledge: Pledge, actor: User, now: dt.datetime | None = None) -> Pledge:
    """Send a draft to the village. Sent again: as it is."""
    locked = locked_pledge(pledge)
    if not _enters_for(actor, locked.fund):
        rules.require_staff(actor, locked.enterprise)
    require_active(locked.enterprise)
    if locked.state == State.SUBMITTED:
        return locked
    if locked.state != State.DRAFT:
        raise WrongState(state=locked.state)
    locked.state, locked.related_party = State.SUBMITTED, is_related(locked)
    locked.save(update_fields=["state", "related_party"])
    audit(actor, "submit_pledge", locked, locked.fund.region, now=now)
    return locked


@transaction.atomic
def decide_pledge(
    *, pledge: Pledge, actor: User, accept: bool, reason: str = "", now: dt.datetime | None = None
) -> Pledge:
    """Accept a pledge (its purpose is opened) or decline it with a reason. Decided once.

    Where the sponsor is paid out of its own gift only the town accepts (``RelatedParty``). Nobody decides their own.
    """
    now = now or timezone.now()
    locked = locked_pledge(pledge)
    region = locked.fund.region
    if rules.is_staff(actor, locked.enterprise) or not _enters_for(actor, locked.fund):
        raise NotFound
    if locked.state != State.SUBMITTED:
        raise WrongState(state=locked.state)
    locked.related_party = is_related(locked)
    if not rules.may_decide(actor, locked):
        raise RelatedParty
    locked.decided_by, locked.decided_at, locked.reason = actor, now, clean_text(reason, most=200)
    if not accept:
        locked.state, locked.reason = State.DECLINED, need_reason(reason)
    else:
        require_active(locked.enterprise)
        locked.state = State.APPROVED
        if locked.need is not None:
            locked.purpose = locked.need.purpose
        elif locked.restricted:
            locked.purpose = setup.open_purpose(
                fund=locked.fund,
                name=locked.text[:120],
                actor=None,
                key=key_of(locked.source),
                donor=locked.enterprise.public_name,
                source=locked.source,
                partners=[locked.supplier_id] if locked.supplier_id else [],
                min_age=locked.min_age,
                now=now,
            )
    locked.save(update_fields=["state", "related_party", "reason", "decided_by", "decided_at", "purpose"])
    audit(actor, f"pledge_{locked.state}", locked, region, reason=reason, now=now, related=locked.related_party)
    kind = "pledge_accepted" if accept else "pledge_declined"
    tell(kind, locked.enterprise, subject=locked, now=now, title=locked.text, reason=locked.reason)
    return locked


@transaction.atomic
def withdraw_pledge(*, pledge: Pledge, actor: User, reason: str = "", now: dt.datetime | None = None) -> Pledge:
    """Take a promise back before anything came of it; money that comes all the same waits for two persons."""
    locked = locked_pledge(pledge)
    rules.require_staff(actor, locked.enterprise)
    if locked.state not in (State.DRAFT, State.SUBMITTED, State.APPROVED):
        raise WrongState(state=locked.state)
    locked.state, locked.reason = State.WITHDRAWN, clean_text(reason, most=200)
    locked.save(update_fields=["state", "reason"])
    audit(actor, "withdraw_pledge", locked, locked.fund.region, reason=reason, now=now)
    return locked


def _overdue(now: dt.datetime) -> QuerySet[Pledge]:
    """Select accepted pledges of which nothing came, or not all, sixty days after their day; what came stands."""
    late = timezone.localdate(now) - LAPSES_AFTER
    return Pledge.objects.filter(state__in=(State.APPROVED, State.PART), due_on__lt=late)


def _lapse(pk: int, now: dt.datetime) -> None:
    locked = locked_pledge(Pledge(pk=pk))
    if not _overdue(now).filter(pk=pk).exists():
        return
    locked.state = State.LAPSED
    locked.save(update_fields=["state"])
    audit(None, "pledge_lapsed", locked, locked.fund.region, now=now)


LAPSE_PLEDGES = Sweep(
    "let pledges lapse",
    due=lambda now: _overdue(now).order_by("due_on", "pk").values_list("pk", flat=True),
    handle=_lapse,
    every=6 * 60 * 60,
)
