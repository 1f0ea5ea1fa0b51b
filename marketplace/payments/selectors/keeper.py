"""What the keepers of funds see of payments; strangers see nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Max, Q, QuerySet, Sum
from django.utils import timezone

from marketplace.funds.models import BankAccount, Fund
from marketplace.funds.rules import APPROVE_PAYMENT, INSIDE, RECORD_BANK
from marketplace.payments.models import (
    BalanceTransaction,
    BankEntry,
    BankTemplate,
    Payment,
    ReconRun,
    RefusedHookCount,
    StripeEvent,
)
from marketplace.payments.words import REFUSED
from timebank.registry.rules import regions_where

WAITING = (
    Q(state__in=["creating", "open", "processing", "paid"]) | Q(refunds__state="asked") | Q(disputes__state="open")
)


def funds_inside(user: Any, *actions: str) -> QuerySet[Fund]:
    """Select the funds in which ``user`` may do one of ``actions`` (all inner ones unless named)."""
    where = Q()
    for action in actions or INSIDE:
        where |= Q(region__in=regions_where(user, action))
    return Fund.objects.filter(where).select_related("region", "bank_account").order_by("region__path")


def payments_of(user: Any, *, waiting: bool = False) -> QuerySet[Payment]:
    """Select the payments of the funds that ``user`` sees, newest first."""
    payments = Payment.objects.filter(fund__in=funds_inside(user)).select_related("fund__region", "purpose")
    if waiting:
        payments = payments.filter(pk__in=payments.filter(WAITING).values("pk"))
    return payments.order_by("-created_at", "-pk")


def bank_accounts_of(user: Any) -> QuerySet[BankAccount]:
    """Select the bank accounts that hold a fund which ``user`` sees."""
    return BankAccount.objects.filter(pk__in=funds_inside(user).values("bank_account")).order_by("pk")


def bank_lines_of(user: Any, *, waiting: bool) -> QuerySet[BankEntry]:
    """Select lines of bank files: those to decide, or those that are decided."""
    states = [BankEntry.State.NEW, BankEntry.State.PROPOSED]
    lines = BankEntry.objects.filter(bank_account__in=bank_accounts_of(user)).select_related(
        "bank_account", "fund__region", "payment", "prepared_by", "approved_by"
    )
    lines = lines.filter(state__in=states) if waiting else lines.exclude(state__in=states)
    return lines.order_by("-booked_on", "-pk")


def templates() -> QuerySet[BankTemplate]:
    """Select the known formats of banks' files."""
    return BankTemplate.objects.order_by("name")


def strays_for(user: Any) -> QuerySet[BalanceTransaction]:
    """Select unexplained money of the payment service: of payments to one's funds, and what belongs to nobody yet."""
    funds = funds_inside(user, RECORD_BANK, APPROVE_PAYMENT)
    lines = BalanceTransaction.objects.filter(Q(payment__isnull=True) | Q(payment__fund__in=funds), stray=True)
    if not funds.exists():
        return lines.none()
    return lines.select_related("payment", "place_fund__region", "place_purpose", "place_prepared_by").order_by("-pk")


def failed_events() -> QuerySet[StripeEvent]:
    """Select the events that could not be processed, newest first."""
    return StripeEvent.objects.filter(state=StripeEvent.State.FAILED).defer("body").order_by("-received_at", "-pk")


def refused_calls(*, days: int = 14, now: dt.datetime | None = None) -> list[tuple[str, Any, int, dt.date]]:
    """List why calls of the webhook were refused lately: code, what to do, how many, the last day."""
    since = timezone.localdate(now) - dt.timedelta(days=days)
    rows = RefusedHookCount.objects.filter(day__gt=since).values("reason")
    rows = rows.annotate(total=Sum("count"), last=Max("day")).order_by("-last", "reason")
    return [(row["reason"], REFUSED.get(row["reason"], ""), row["total"], row["last"]) for row in rows]


def recon_runs() -> QuerySet[ReconRun]:
    """Select the comparisons with the payment service, newest first."""
    return ReconRun.objects.prefetch_related("items").order_by("-started_at", "-pk")
