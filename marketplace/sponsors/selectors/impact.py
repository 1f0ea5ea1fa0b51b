"""What a sponsor's gifts did: how many people redeemed what. Never who.

Whole months only. Every published number of people or units is rounded down to a multiple of five: so none stands
under five, and no two published figures differ by one to four, whatever is subtracted from what. Money is published
for the months in which at least five people were reached; the rest stays in "not yet shown".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from marketplace.funds.models import BatchUse, Commitment, DrawShare, Expense, Purpose
from marketplace.rewards.models import Ticket
from marketplace.sponsors.models import Claim, Delivery, Enterprise, Pledge

STEP = 5


@dataclass(slots=True)
class Month:
    """A whole month: people reached and units handed over (multiples of five, 0 = too few to show), money used."""

    month: dt.date
    people: int
    units: int
    fen: int


@dataclass(slots=True)
class Impact:
    """What may be published about one sponsor's gifts. Money in fen."""

    given: int = 0
    fee: int = 0
    used: int = 0
    projects: int = 0
    people: int = 0
    units: int = 0
    months: list[Month] = field(default_factory=list)
    rewards: list[tuple[str, int]] = field(default_factory=list)

    @property
    def at_work(self) -> int:
        """What was given, less the fee."""
        return self.given - self.fee

    @property
    def not_shown(self) -> int:
        """What is left, with what was used in months that reached too few people to be shown."""
        return self.at_work - self.used - self.projects


def rounded(count: int) -> int:
    """Round down to a multiple of five."""
    return count - count % STEP


def purposes_of(enterprises: Sequence[Enterprise]) -> QuerySet[Purpose]:
    """Select the purposes that these sponsors' money was given for."""
    pledges = Pledge.objects.filter(enterprise__in=[enterprise.pk for enterprise in enterprises])
    claims = Claim.objects.filter(
        enterprise__in=[enterprise.pk for enterprise in enterprises], state__in=["granted", "done"]
    )
    return Purpose.objects.filter(Q(pk__in=pledges.values("purpose")) | Q(need__in=claims.values("need")))


def _tickets(enterprises: Sequence[Enterprise], end: dt.datetime) -> QuerySet[Ticket]:
    keys = [enterprise.pk for enterprise in enterprises]
    deliveries = Delivery.objects.filter(pledge__enterprise__in=keys)
    draws = DrawShare.objects.filter(purpose__in=purposes_of(enterprises)).exclude(draw__state="reversed")
    gifts = Commitment.objects.filter(state="drawn", gift__in=deliveries.values("gift"))
    uses = BatchUse.objects.filter(batch__in=deliveries.values("batch"), undone_at=None, ticket_id__isnull=False)
    return Ticket.objects.filter(state="handed_over", handed_over_at__lt=end).filter(
        Q(pk__in=draws.values("draw__ticket_id"))
        | Q(pk__in=gifts.values("ticket_id"))
        | Q(pk__in=uses.values("ticket_id"))
    )


def impact_of(enterprises: Sequence[Enterprise], *, today: dt.date | None = None) -> Impact:
    """Work out what may be published, up to the end of last month, in a fixed number of statements."""
    first = (today or timezone.localdate()).replace(day=1)
    end = timezone.make_aware(dt.datetime.combine(first, dt.time()))
    keys = [enterprise.pk for enterprise in enterprises]
    money = Pledge.objects.filter(enterprise__in=keys).aggregate(given=Sum("received_fen"), fee=Sum("fee_fen"))
    made = Impact(given=money["given"] or 0, fee=money["fee"] or 0)
    tickets = _tickets(enterprises, end)
    purposes = purposes_of(enterprises)
    shares = DrawShare.objects.filter(purpose__in=purposes, draw__handed_on__lt=first).exclude(draw__state="reversed")
    by_day = shares.annotate(month=TruncMonth("draw__handed_on")).values_list("month")
    spent: dict[dt.date, int] = dict(by_day.annotate(total=Sum("fen")))
    by_month = (
        tickets.annotate(month=TruncMonth("handed_over_at"))
        .values("month")
        .annotate(people=Count("resident", distinct=True), units=Sum("quantity"))
        .order_by("month")
    )
    for row in by_month:
        month = timezone.localtime(row["month"]).date() if isinstance(row["month"], dt.datetime) else row["month"]
        people = rounded(row["people"])
        shown = people >= STEP
        made.months.append(
            Month(month, people, rounded(row["units"]) if shown else 0, spent.get(month, 0) if shown else 0)
        )
    made.used = sum(month.fen for month in made.months)
    made.people = rounded(tickets.aggregate(n=Count("resident", distinct=True))["n"])
    if made.people:
        made.units = rounded(tickets.aggregate(n=Sum("quantity"))["n"] or 0)
        by_reward = (
            tickets.values("product__title")
            .annotate(people=Count("resident", distinct=True), units=Sum("quantity"))
            .order_by("product__title")
        )
        made.rewards = [(row["product__title"], rounded(row["people"])) for row in by_reward if row["people"] >= STEP]
    expenses = Expense.objects.filter(purpose__in=purposes, state="approved")
    made.projects = expenses.aggregate(fen=Sum("fen"))["fen"] or 0
    return made
