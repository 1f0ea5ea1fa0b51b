"""What a village earned, redeemed and still owes, set against the ledger."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone

from marketplace.rewards.models import Redemption, Ticket
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Region, Resident
from timebank.service.models import Record

State = Ticket.State


@dataclass(frozen=True, slots=True)
class VillageStatement:
    """One month of a village; amounts in 1/100 point, ``minutes`` whole. The last five are as of now."""

    village: Region
    month: dt.date
    earned: int
    minutes: int
    records: int
    redeemed: int
    redemptions: int
    given_back: int
    handed_over: int
    tickets: int
    outstanding: int
    waiting: int
    expired: int
    minted: int
    credited: int

    @property
    def agrees(self) -> bool:
        """Tell whether the ledger has minted exactly what the credited records say."""
        return self.minted == self.credited


def month_of(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment of the month of ``day`` and that of the next, at local time."""
    first = day.replace(day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    start, end = (timezone.make_aware(dt.datetime.combine(one, dt.time.min)) for one in (first, following))
    return start, end


def village_statement(village: Region, month: dt.date | None = None) -> VillageStatement:
    """Sum up a village's month and compare all that was ever credited there with the ledger."""
    day = month or timezone.localdate()
    start, end = month_of(day)
    records = Record.objects.filter(village=village)
    in_month = Q(credited_at__gte=start, credited_at__lt=end)
    earned = records.filter(state=Record.State.CREDITED).aggregate(
        paid=Sum("points", filter=in_month, default=0),
        spent=Sum("minutes", filter=in_month, default=0),
        count=Count("pk", filter=in_month),
        ever=Sum("points", default=0),
    )
    redeemed = Redemption.objects.filter(village=village, created_at__gte=start, created_at__lt=end).aggregate(
        sum=Sum("total_points", default=0), count=Count("pk")
    )
    closing = Q(events__what__in=["cancelled", "expired"], events__at__gte=start, events__at__lt=end)
    tickets = Ticket.objects.filter(redemption__village=village)
    given_back = tickets.filter(closing).aggregate(sum=Sum("points", default=0))["sum"]
    done = tickets.filter(state=State.HANDED_OVER, handed_over_at__gte=start, handed_over_at__lt=end).aggregate(
        sum=Sum("points", default=0), count=Count("pk")
    )
    waiting = tickets.filter(state=State.ISSUED).aggregate(sum=Sum("points", default=0))["sum"]
    issuance, expired = f"issuance:region:{village.pk}", f"expired:region:{village.pk}"
    system = ledger_read.balances_of([issuance, expired])
    wallets = [f"wallet:resident:{pk}" for pk in Resident.objects.filter(village=village).values_list("pk", flat=True)]
    outstanding = sum(balance.total for balance in ledger_read.balances_of(wallets).values())
    return VillageStatement(
        village=village,
        month=day.replace(day=1),
        earned=earned["paid"],
        minutes=earned["spent"],
        records=earned["count"],
        redeemed=redeemed["sum"],
        redemptions=redeemed["count"],
        given_back=given_back,
        handed_over=done["sum"],
        tickets=done["count"],
        outstanding=outstanding,
        waiting=waiting,
        expired=system[expired].total if expired in system else 0,
        minted=-system[issuance].total if issuance in system else 0,
        credited=earned["ever"],
    )
