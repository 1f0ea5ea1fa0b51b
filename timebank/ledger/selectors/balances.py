"""How much is in an account, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Exists, Q, QuerySet, Sum
from django.utils import timezone

from timebank.ledger.models import Account, Hold, Lot
from timebank.ledger.types import Balance, LotView, edge_day

_WALLETS = """
SELECT a.key, a.guarded, a.balance, a.debt,
    coalesce((SELECT sum(h.amount) FROM ledger_hold h WHERE h.wallet_id = a.id
              AND NOT EXISTS (SELECT 1 FROM ledger_holdresolution r WHERE r.hold_id = h.id)), 0),
    coalesce((SELECT sum(l.remaining) FROM ledger_lot l WHERE l.account_id = a.id
              AND l.expires_on >= %s AND l.restriction = ''), 0),
    coalesce((SELECT sum(l.remaining) FROM ledger_lot l WHERE l.account_id = a.id
              AND l.expires_on >= %s AND l.restriction <> ''), 0),
    a.id
FROM ledger_account a WHERE a.key IN ({marks})"""

#: The latest checkpoint of an account, and the postings that no seal holds yet, in one snapshot. What is not sealed is
#: found by its transfers, one short look each: a planner that is free to begin at the account reads its whole history.
_SYSTEM = """
WITH tail AS (SELECT p.debit_id, p.credit_id, p.amount FROM {tail})
SELECT a.id, coalesce((SELECT c.credit_total - c.debit_total FROM ledger_checkpoint c WHERE c.account_id = a.id
                       ORDER BY c.seal_id DESC LIMIT 1), 0) + coalesce(m.moved, 0)
FROM ledger_account a LEFT JOIN (
    SELECT account, sum(amount) AS moved FROM (
        SELECT credit_id AS account, amount FROM tail WHERE credit_id IN ({ids})
        UNION ALL SELECT debit_id, -amount FROM tail WHERE debit_id IN ({ids})) x GROUP BY account) m
    ON m.account = a.id
WHERE a.id IN ({ids})"""
_TAIL = {
    "postgresql": "ledger_posting p WHERE p.transfer_id = ANY (ARRAY(SELECT transfer_id FROM ledger_unsealed))",
    # SQLite keeps the order of a cross join
    "sqlite": "ledger_unsealed u CROSS JOIN ledger_posting p WHERE p.transfer_id = u.transfer_id",
}

_CHUNK = 400

#: Scalar subqueries for who joins balances with own tables in one statement. Parameter: the account's key.
SYSTEM_BALANCE = """coalesce((
    SELECT coalesce((SELECT c.credit_total - c.debit_total FROM ledger_checkpoint c WHERE c.account_id = a.id
                     ORDER BY c.seal_id DESC LIMIT 1), 0)
        + coalesce((SELECT sum(CASE WHEN p.credit_id = a.id THEN p.amount ELSE -p.amount END)
                    FROM ledger_posting p JOIN ledger_unsealed u ON u.transfer_id = p.transfer_id
                    WHERE p.credit_id = a.id OR p.debit_id = a.id), 0)
    FROM ledger_account a WHERE a.key = %s), 0)"""
#: Parameters: the wallet's key, the restriction ("" = free).
LOT_REMAINING = """coalesce((
    SELECT sum(l.remaining) FROM ledger_lot l JOIN ledger_account a ON a.id = l.account_id
    WHERE a.key = %s AND l.restriction = %s), 0)"""


def balances_of(keys: Iterable[str]) -> dict[str, Balance]:
    """Return the balance of each account by key; an unknown key has none (missing in the answer)."""
    wanted = list(dict.fromkeys(keys))
    today = timezone.localdate().isoformat()
    result: dict[str, Balance] = {}
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        system: dict[int, str] = {}
        with connection.cursor() as cursor:
            cursor.execute(_WALLETS.format(marks=", ".join(["%s"] * len(part))), [today, today, *part])
            for key, guarded, balance, debt, held, live, earmarked, id_ in cursor.fetchall():
                if guarded:
                    result[key] = Balance(int(balance + held), int(held), int(live), int(debt), int(earmarked))
                else:
                    system[id_] = key
            if system:
                ids = ", ".join(f"{item:d}" for item in system)
                cursor.execute(_SYSTEM.format(tail=_TAIL[connection.vendor], ids=ids))
                for id_, total in cursor.fetchall():
                    result[system[id_]] = Balance(int(total), 0, int(total), 0, 0)
    return result


def holds_or_owes(key: Any) -> Exists:
    """Return the condition that the account of this key, an expression of the outer row, is not empty."""
    return Exists(Account.objects.filter(Q(balance__gt=0) | Q(debt__gt=0), key=key))


def balance_of(key: str) -> Balance:
    """Return the balance of an account; zero for an unknown one.

    ``spendable`` leaves out what is held, earmarked, or past its day but not yet swept.
    """
    return balances_of([key]).get(key, Balance())


def totals_of(keys: QuerySet[Any, str]) -> tuple[int, int]:
    """Return what lies free in a set of wallets, and what is reserved from them: two statements, however many.

    ``keys`` is a queryset of one column; it stays in the database.
    """
    accounts = Account.objects.filter(key__in=keys)
    free = accounts.aggregate(total=Sum("balance", default=0))["total"]
    open_holds = Hold.objects.filter(wallet__in=accounts.values("pk"), resolution__isnull=True)
    return int(free), int(open_holds.aggregate(total=Sum("amount", default=0))["total"])


def lots_of(key: str) -> list[LotView]:
    """List the live lots of a wallet, soonest expiring first."""
    lots = Lot.objects.filter(account__key=key, remaining__gt=0, expires_on__gte=timezone.localdate())
    return _views(lots.order_by("expires_on", "restriction"))


def expiring(key: str, *, before: dt.date) -> list[LotView]:
    """List the live lots of a wallet that expire before a day."""
    lots = Lot.objects.filter(
        account__key=key, remaining__gt=0, expires_on__gte=timezone.localdate(), expires_on__lt=before
    )
    return _views(lots.order_by("expires_on", "restriction"))


def lapsing(prefix: str, *, first: dt.date, last: dt.date) -> QuerySet[Any, Any]:
    """Select what ends from ``first`` to ``last`` in all wallets whose key begins so: key, day, points (1/100)."""
    lots = Lot.objects.filter(
        account__key__startswith=prefix, remaining__gt=0, expires_on__gte=first, expires_on__lte=last
    )
    return lots.values("account__key", "expires_on").annotate(points=Sum("remaining"))


def _views(lots: Iterable[Lot]) -> list[LotView]:
    return [LotView(edge_day(lot.expires_on), lot.restriction, lot.remaining) for lot in lots]
