"""What came into a fund, what went out, what is left: for the keeper, the close and the villagers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.db.models import F, Q, QuerySet, Sum, Value

from marketplace.funds import posting
from marketplace.funds.models import Budget, DrawDown, DrawShare, Expense, Fund, Purchase, Purpose
from timebank.common.days import end_of_day
from timebank.ledger import selectors as ledger_read
from timebank.ledger.selectors.flows import flows_of
from timebank.ledger.types import LotView

#: Kinds of postings that bring money to a fund, in the order in which people read them.
IN = (
    "opening",
    "donation",
    "collective",
    "grant",
    "interest",
    "stray_explained",
    "allocation_in",
    "dispute_won",
    "returned",
)
#: … and that take it.
OUT = ("draw", "buy", "expense", "bank_fee", "allocation_out", "donor_refund", "dispute", "dispute_fee", "correction")
#: Moves within a fund say nothing to people.
WITHIN = {"level", "purpose"}


@dataclass(slots=True)
class Month:
    """A month of a fund: kind → fen, what it began and ended with (money and what it owed, together)."""

    month: dt.date
    into: dict[str, int] = field(default_factory=dict)
    out: dict[str, int] = field(default_factory=dict)
    opening: int = 0

    @property
    def total_in(self) -> int:
        """All that came in."""
        return sum(self.into.values())

    @property
    def total_out(self) -> int:
        """All that went out."""
        return sum(self.out.values())

    @property
    def closing(self) -> int:
        """What was left at the end."""
        return self.opening + self.total_in - self.total_out


def months_of(fund: Fund) -> list[Month]:
    """List a fund's months, oldest first, from the ledger: its wallet and what it owes seen as one."""
    months: dict[dt.date, Month] = {}
    for flow in flows_of([fund.wallet_key, fund.shortfall_key]):
        if flow.kind in WITHIN:
            continue
        month = months.setdefault(flow.month, Month(flow.month))
        kind = {"reverse": "returned"}.get(flow.kind, flow.kind)
        if kind == "allocation":
            _add(month.into, "allocation_in", flow.into)
            _add(month.out, "allocation_out", flow.out)
        elif kind == "donation" or kind in {"dispute_won", "returned"}:
            _add(month.into, kind, flow.into)
            _add(month.out, "bank_fee" if kind == "donation" else kind, flow.out)  # the provider's fee of a donation
        else:
            _add(month.into, kind, flow.into)
            _add(month.out, kind, flow.out)
    result = [months[day] for day in sorted(months)]
    for before, after in pairwise(result):
        after.opening = before.closing
    return result


def _add(where: dict[str, int], kind: str, fen: int) -> None:
    if fen:
        where[kind] = where.get(kind, 0) + fen


def period_figures(fund: Fund, first_day: dt.date, last_day: dt.date) -> dict[str, Any]:
    """Sum up a period for its close: plain numbers, fen."""
    months = [row for row in months_of(fund) if first_day <= row.month <= last_day]
    into: dict[str, int] = {}
    out: dict[str, int] = {}
    for month in months:
        for kind, fen in month.into.items():
            _add(into, kind, fen)
        for kind, fen in month.out.items():
            _add(out, kind, fen)
    return {"in": into, "out": out, "standing": standing_of(fund)}


def standing_of(fund: Fund, lots: Sequence[LotView] | None = None) -> dict[str, int]:
    """Return what a fund has and owes now: free, earmarked, owed by it because it was empty, owed to suppliers.

    ``lots`` of its wallet, where the page has read them already.
    """
    lots = ledger_read.lots_of(fund.wallet_key) if lots is None else lots
    return {
        "free": sum(lot.remaining for lot in lots if not lot.restriction),
        "earmarked": sum(lot.remaining for lot in lots if lot.restriction),
        "shortfall": ledger_read.balance_of(fund.shortfall_key).total,
        "payable": sum(payables_of(fund).values()),
    }


def payables_of(fund: Fund) -> dict[str, int]:
    """Return what a fund owes, by the key of the payable account, from the rows, not the ledger: one statement."""
    # what was returned after it was paid; while its statement is not yet paid, the return and the ticket cancel out
    owed_back = Q(draw__state="reversed", draw__was_settled=True, draw__statement__state="paid")
    owed_back &= ~_returned_and_paid("draw__")
    # … and netted already, before its own statement was paid: that payment will be as much too high
    owed_still = Q(draw__state="reversed", draw__was_settled=True) & ~Q(draw__statement__state="paid")
    owed_still &= _returned_and_paid("draw__")
    shares = DrawShare.objects.filter(fund=fund)
    live = shares.filter(draw__state__in=["open", "listed", "disputed"])
    draws = DrawDown.objects.filter(fund=fund)
    unpaid = draws.filter(state__in=["open", "listed", "disputed"])
    back = draws.filter(state="reversed", was_settled=True, statement__state="paid").exclude(_returned_and_paid(""))
    still = draws.filter(_returned_and_paid(""), state="reversed", was_settled=True).exclude(statement__state="paid")
    bought = Purchase.objects.filter(fund=fund).exclude(state="settled")
    bills = Expense.objects.filter(fund=fund, state="approved", paid_at__isnull=True)
    parts = [
        *(_summed(rows, "draw__partner_id", "fen") for rows in (live, shares.filter(owed_still))),
        _summed(shares.filter(owed_back), "draw__partner_id", "fen", sign=-1),
        *(_summed(rows, "partner_id", "short_fen") for rows in (unpaid, still)),
        _summed(back, "partner_id", "short_fen", sign=-1),
        _summed(bought, "partner_id", "fen"),
        _summed(bills, "payee_id", "fen", owner="payee_id"),
    ]
    result: dict[str, int] = {}
    for owner, pk, fen in parts[0].union(*parts[1:], all=True):
        key = posting.payable_key(fund=fund, **{owner: pk})
        result[key] = result.get(key, 0) + int(fen or 0)
    return {key: fen for key, fen in result.items() if fen}


def _summed(rows: QuerySet[Any], by: str, what: str, *, sign: int = 1, owner: str = "partner_id") -> QuerySet[Any, Any]:
    """Add up by whom the money is owed to: what kind of key, which, fen."""
    summed = rows.order_by().values(owed_to=F(by)).annotate(total=Sum(what) * sign)
    return summed.values_list(Value(owner), "owed_to", "total")


def _returned_and_paid(prefix: str) -> Q:
    return Q(**{f"{prefix}returned_statement__state": "paid"})


@dataclass(frozen=True, slots=True)
class PurposeView:
    """A purpose with what came for it, what it paid and what is left."""

    purpose: Purpose
    left: int
    paid: int
    spent: int

    @property
    def given(self) -> int:
        """What came for it, fees taken off."""
        return self.left + self.paid + self.spent


def purposes_of(fund: Fund, lots: Sequence[LotView] | None = None) -> list[PurposeView]:
    """List a fund's purposes in their order of use; ``lots`` of its wallet, where the page has read them already."""
    lots = ledger_read.lots_of(fund.wallet_key) if lots is None else lots
    left = {lot.restriction: lot.remaining for lot in lots}
    paid = dict(
        DrawShare.objects.filter(purpose__fund=fund)
        .exclude(draw__state="reversed")
        .values_list("purpose_id")
        .annotate(total=Sum("fen"))
        .order_by()
    )
    spent = dict(
        Expense.objects.filter(fund=fund, state="approved", purpose__isnull=False)
        .values_list("purpose_id")
        .annotate(total=Sum("fen"))
        .order_by()
    )
    return [
        PurposeView(purpose, left.get(purpose.restriction or "-", 0), paid.get(purpose.pk, 0), spent.get(purpose.pk, 0))
        for purpose in fund.purposes.order_by("state", "restriction")
    ]


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A budget beside what was really spent, fen."""

    budget: Budget
    spent: int

    @property
    def percent(self) -> int:
        """Part of the plan that was spent."""
        return 100 * self.spent // self.budget.fen if self.budget.fen else 0


def budgets_of(fund: Fund, quarter: dt.date, last_day: dt.date) -> list[BudgetLine]:
    """List the budgets of a quarter with what was spent on each."""
    draws = DrawDown.objects.filter(fund=fund, handed_on__range=(quarter, last_day)).exclude(state="reversed")
    bought = Purchase.objects.filter(fund=fund, bought_on__range=(quarter, last_day))
    approved = Q(approved_at__gte=end_of_day(quarter - dt.timedelta(days=1)), approved_at__lt=end_of_day(last_day))
    bills = dict(
        Expense.objects.filter(approved, fund=fund, state="approved")
        .values_list("kind")
        .annotate(total=Sum("fen"))
        .order_by()
    )
    spent = {
        Budget.Kind.REWARDS: draws.aggregate(total=Sum("fen"))["total"] or 0,
        Budget.Kind.GOODS: bought.aggregate(total=Sum("fen"))["total"] or 0,
        Budget.Kind.PROJECTS: bills.get("project", 0),
        Budget.Kind.COMMENDATION: bills.get("commendation", 0),
        Budget.Kind.OTHER: bills.get("other", 0),
    }
    rows = Budget.objects.filter(fund=fund, quarter=quarter).exclude(state="declined").select_related("prepared_by")
    return [BudgetLine(row, int(spent[Budget.Kind(row.kind)])) for row in rows.order_by("kind")]
