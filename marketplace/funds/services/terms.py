"""What the town decides for a fund: the worth of a point, warning and floor, what is everybody's right."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import BasicLine, Fund, FundTerms
from marketplace.funds.rules import SET_UP_FUND
from marketplace.funds.services.common import note, once
from timebank.common.errors import ReasonMissing, WrongState
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep
from timebank.registry.models import User


def _reason(text: str) -> str:
    if not clean_text(text, lines=True):
        raise ReasonMissing(field="reason")
    return clean_text(text, lines=True)[:200]


def _day(since: dt.date | None, now: dt.datetime) -> dt.date:
    """Return the day from which something holds: today or later."""
    day = since or timezone.localdate(now)
    if day < timezone.localdate(now):
        raise errors.TooLate(field="since")
    return day


@transaction.atomic
def change_terms(
    *,
    fund: Fund,
    actor: User,
    reason: str,
    point_value_fen: int | None = None,
    warn_bp: int | None = None,
    floor_bp: int | None = None,
    since: dt.date | None = None,
    key: uuid.UUID | str | None = None,
    now: dt.datetime | None = None,
) -> FundTerms:
    """Decide what a point counts, and where the cover warns and stops, from a day on; what is not named stays.

    Today's holds at once. Every decision stays in the history. Raises ``BadAmount``, ``TooLate``, ``WhyMissing``.
    """
    now = now or timezone.now()
    rules.require_at(actor, SET_UP_FUND, fund)
    fund = Fund.objects.select_for_update(of=("self",), no_key=True).select_related("region").get(pk=fund.pk)
    day = _day(since, now)
    # What was decided before for an earlier day holds by then.
    planned = fund.terms.filter(applied_at__isnull=True, since__lte=day).order_by("since", "pk").last()
    base = planned or fund
    asked = {"point_value_fen": point_value_fen, "warn_bp": warn_bp, "floor_bp": floor_bp}
    values = {name: getattr(base, name) if value is None else value for name, value in asked.items()}
    if values["point_value_fen"] <= 0:
        raise errors.BadAmount(field="amount")
    if not 0 <= values["floor_bp"] <= values["warn_bp"]:
        raise errors.FloorAboveWarning(field="floor")
    cleaned = _reason(reason)
    terms, made = once(
        FundTerms,
        key=key or uuid.uuid4(),
        fund=fund,
        since=day,
        reason=cleaned,
        decided_by=actor,
        decided_at=now,
        **values,
    )
    if not made:
        return terms
    note(actor, "change_terms", terms, fund, reason=cleaned, now=now, since=day.isoformat(), **values)
    if day <= timezone.localdate(now):
        _apply(terms.pk, now)
        terms.refresh_from_db()
    return terms


def _due(now: dt.datetime) -> QuerySet[FundTerms]:
    return FundTerms.objects.filter(applied_at__isnull=True, since__lte=timezone.localdate(now))


def _apply(pk: int, now: dt.datetime) -> None:
    """Let decided terms hold; what was decided later for the same day comes last."""
    terms = FundTerms.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    if terms.applied_at is not None:
        return
    values: dict[str, Any] = {
        "point_value_fen": terms.point_value_fen,
        "warn_bp": terms.warn_bp,
        "floor_bp": terms.floor_bp,
    }
    if terms.point_value_fen != Fund.objects.values_list("point_value_fen", flat=True).get(pk=terms.fund_id):
        values["value_approved_by"] = terms.decided_by
    Fund.objects.filter(pk=terms.fund_id).update(**values)
    FundTerms.objects.filter(pk=pk).update(applied_at=now)


APPLY_TERMS = Sweep(
    "apply terms of funds",
    due=lambda now: _due(now).order_by("since", "pk").values_list("pk", flat=True),
    handle=_apply,
    every=10 * 60,
)


@transaction.atomic
def declare_basic(*, fund: Fund, product_id: int, actor: User, reason: str) -> BasicLine:
    """Say that a reward is everybody's right: it then never has a price, a least star or a limit."""
    rules.require_at(actor, SET_UP_FUND, fund)
    try:
        with transaction.atomic():
            line = BasicLine.objects.create(
                product_id=product_id, fund=fund, note=clean_text(reason, lines=True)[:200], created_by=actor
            )
    except IntegrityError:
        raise errors.NotBasic(field="product") from None
    note(actor, "declare_basic", line, fund, reason=reason)
    return line


@transaction.atomic
def end_basic(
    *, line: BasicLine, actor: User, reason: str, since: dt.date | None = None, now: dt.datetime | None = None
) -> BasicLine:
    """Say from which day on a reward is no right any more; only then may it have a price, a least star or a limit."""
    now = now or timezone.now()
    line = BasicLine.objects.select_for_update(of=("self",), no_key=True).select_related("fund__region").get(pk=line.pk)
    rules.require_at(actor, SET_UP_FUND, line.fund)
    if line.ends_on is not None:
        raise WrongState
    line.ends_on, line.ended_by, line.end_reason = _day(since, now), actor, _reason(reason)
    line.save(update_fields=["ends_on", "ended_by", "end_reason"])
    note(actor, "end_basic", line, line.fund, reason=line.end_reason, now=now, since=line.ends_on.isoformat())
    return line
