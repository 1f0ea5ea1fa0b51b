"""What a supplier sees of its settlement."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet, Sum
from django.utils import timezone

from marketplace.funds import rules
from marketplace.funds.models import DrawDown, Statement
from marketplace.partner.models import Partner
from timebank.common.input import read_date
from timebank.registry.models import User
from timebank.registry.rules import organisations_where, regions_where


def partners_for(user: User) -> QuerySet[Partner]:
    """Select the suppliers whose settlement ``user`` sees: one's own, or those of one's villages."""
    rows = Partner.objects.filter(organisation__in=organisations_where(user, rules.SEE_SETTLEMENT).values("pk"))
    rows = rows | Partner.objects.filter(village__in=regions_where(user, rules.SEE_SETTLEMENT).values("pk"))
    result: QuerySet[Partner] = (
        rows.select_related("village", "organisation").order_by("village__path", "name").distinct()
    )
    return result


def month_named(text: str) -> dt.date:
    """Read "2026-10" as the first day of the month; this month for anything else, also for one out of all range."""
    day: dt.date = read_date(f"{text}-01", default=timezone.localdate()).replace(day=1)
    return day


def months_before(first: dt.date, count: int) -> list[str]:
    """List the months up to this one, newest first, as "2026-10"."""
    result = []
    day = max(first, timezone.localdate().replace(day=1))
    for _number in range(count):
        result.append(f"{day:%Y-%m}")
        day = (day - dt.timedelta(days=1)).replace(day=1)
    return result


def draws_of(partner: Partner, first: dt.date, last: dt.date) -> QuerySet[DrawDown]:
    """Select what a supplier's tickets of a month brought, newest first."""
    rows = DrawDown.objects.filter(partner=partner, handed_on__range=(first, last))
    return rows.select_related("commitment__product").order_by("-handed_on", "-pk")


def total_of(draws: QuerySet[DrawDown]) -> int:
    """Sum up what was not taken back, fen."""
    return int(draws.exclude(state=DrawDown.State.REVERSED).aggregate(total=Sum("fen"))["total"] or 0)


def lines_of(statement: Statement) -> QuerySet[DrawDown]:
    """Select the tickets of a statement, in order of the hand-over."""
    return statement.draws.select_related("commitment__product").order_by("handed_on", "pk")
