"""Close a month or quarter of a fund: when all is priced, approved, explained, sealed, nothing is dated into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.funds import errors, rules
from marketplace.funds.models import BankLine, Batch, DrawDown, Expense, Fund, PeriodClose, Purchase
from marketplace.funds.selectors.figures import period_figures
from marketplace.funds.services.common import note
from timebank.ledger import selectors as ledger_read
from timebank.ledger.models import Unsealed
from timebank.registry.models import User


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be so before a period is closed: what, how many stand against it."""

    name: str
    label: str
    against: int

    @property
    def holds(self) -> bool:
        """Say whether nothing stands against it."""
        return not self.against


#: Conditions of other apps (payments: reconciled): name → (fund, first day, last day) → condition.
More = Callable[[Fund, dt.date, dt.date], Condition]
_more: dict[str, More] = {}


def register(name: str, condition: More) -> None:
    """Add a condition of another app, in its ``AppConfig.ready``."""
    _more[name] = condition


def days_of(kind: str, day: dt.date) -> tuple[dt.date, dt.date]:
    """Return first and last day of the period of this kind that ``day`` lies in."""
    return rules.month_of(day) if kind == PeriodClose.Kind.MONTH else rules.quarter_of(day)


def conditions_of(*, fund: Fund, first_day: dt.date, last_day: dt.date) -> list[Condition]:
    """List what must be so before this period can be closed."""
    handed = DrawDown.objects.filter(fund=fund, handed_on__lte=last_day)
    unlisted = handed.filter(Q(state="open") | Q(state="listed", statement__state__in=["draft", "issued"])).count()
    unlisted += Purchase.objects.filter(
        Q(state="open") | Q(statement__state__in=["draft", "issued"]), fund=fund, bought_on__lte=last_day
    ).count()
    end = timezone.make_aware(dt.datetime.combine(last_day + dt.timedelta(days=1), dt.time.min))
    undecided = BankLine.objects.filter(fund=fund, state="prepared", booked_on__lte=last_day).count()
    undecided += Expense.objects.filter(fund=fund, state="prepared", prepared_at__lt=end).count()
    suspense = ledger_read.balance_of(fund.bank_account.suspense_key).total
    unvalued = Batch.objects.filter(fund=fund, source="delivery", valued_at__isnull=True, created_at__lt=end).count()
    unsealed = Unsealed.objects.filter(transfer__posted_at__lt=end).count()
    result = [
        Condition("priced", _("Every hand-over has its agreed price"), handed.filter(state="unpriced").count()),
        Condition("approved", _("Every statement is approved"), unlisted),
        Condition("decided", _("Every bank line and expense is decided"), undecided),
        Condition("suspense", _("All money in the bank is explained"), int(suspense != 0)),
        Condition("stock", _("All given goods are valued"), unvalued),
        Condition("sealed", _("The ledger is sealed"), unsealed),
    ]
    return result + [item(fund, first_day, last_day) for item in _more.values()]


@transaction.atomic
def close_period(*, fund: Fund, kind: str, day: dt.date, actor: User, now: dt.datetime | None = None) -> PeriodClose:
    """Close the month (or quarter) of ``day``. Raises ``PeriodNotReady`` with the conditions that do not hold."""
    now = now or timezone.now()
    fund = (
        Fund.objects.select_for_update(of=("self",), no_key=True)
        .select_related("region", "bank_account")
        .get(pk=fund.pk)
    )
    rules.require_at(actor, rules.CLOSE_PERIOD, fund)
    first_day, last_day = days_of(kind, day)
    if last_day >= timezone.localdate(now):
        raise errors.PeriodNotReady(field="day")
    against = [
        condition
        for condition in conditions_of(fund=fund, first_day=first_day, last_day=last_day)
        if not condition.holds
    ]
    if against:
        raise errors.PeriodNotReady(conditions=[item.name for item in against])
    figures: dict[str, Any] = period_figures(fund, first_day, last_day)
    try:
        with transaction.atomic():
            made = PeriodClose.objects.create(
                fund=fund,
                kind=kind,
                first_day=first_day,
                last_day=last_day,
                figures=figures,
                closed_by=actor,
                closed_at=now,
            )
    except IntegrityError:
        raise errors.PeriodLocked(day=first_day) from None
    note(actor, "close_period", made, fund, now=now, first_day=first_day.isoformat(), kind=kind)
    return made
