"""Open, close and point accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.utils import timezone

from timebank.ledger.errors import InvalidTransfer, KeyConflict, LedgerError, UnitMismatch, UnknownAccount
from timebank.ledger.models import Account, Hold
from timebank.ledger.types import Kind
from timebank.ledger.units import FIRST_FREE_SERIAL, SERIAL_MASK, UNIT_CODES, account_id, reserved_accounts


class NewAccount(NamedTuple):
    """An account to be opened."""

    key: str
    kind: str
    unit: str = "PTS"
    owner: str = ""
    expires_to: str = ""


def _serials(count: int) -> list[int]:
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval('ledger_account_serial') FROM generate_series(1, %s)", [count])
            return [int(row[0]) for row in cursor.fetchall()]
        cursor.execute(f"SELECT coalesce(max(id & {SERIAL_MASK}), 0) FROM ledger_account")
        last = max(int(cursor.fetchone()[0]), FIRST_FREE_SERIAL - 1)
    return list(range(last + 1, last + 1 + count))


def _open_reserved(units: set[str]) -> None:
    wanted = {id_: (unit, key) for unit in units for id_, key in reserved_accounts(unit)}
    standing = set(Account.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    now = timezone.now()
    Account.objects.bulk_create(
        [
            Account(id=id_, key=key, unit=UNIT_CODES[unit], guarded=False, owner="ledger", opened_at=now)
            for id_, (unit, key) in wanted.items()
            if id_ not in standing
        ],
        ignore_conflicts=connections[DEFAULT_DB_ALIAS].vendor == "postgresql",
    )


def open_accounts(*, accounts: Sequence[NewAccount]) -> dict[str, Account]:
    """Open many accounts, or return those that stand already; by key. Raises ``UnitMismatch``, ``KeyConflict``."""
    for new in accounts:
        if new.unit not in UNIT_CODES:
            raise UnitMismatch(account=new.key)
        if new.kind not in {Kind.WALLET, Kind.SYSTEM}:
            raise LedgerError(code="unknown_kind", account=new.key)
        if not new.key or len(new.key) > 120 or "\0" in new.key:
            raise InvalidTransfer(account=new.key)
    by_key = {new.key: new for new in accounts}
    with transaction.atomic():
        result = {account.key: account for account in Account.objects.filter(key__in=by_key)}
        wanted = [new for key, new in by_key.items() if key not in result]
        if wanted:
            _open_reserved({new.unit for new in wanted})
            now = timezone.now()
            fresh = [
                Account(
                    id=account_id(new.unit, new.kind == Kind.WALLET, serial),
                    key=new.key,
                    unit=UNIT_CODES[new.unit],
                    guarded=new.kind == Kind.WALLET,
                    owner=new.owner,
                    floor=0 if new.kind == Kind.WALLET else None,
                    expires_to=new.expires_to,
                    opened_at=now,
                )
                for new, serial in zip(wanted, _serials(len(wanted)), strict=True)
            ]
            try:
                with transaction.atomic():
                    Account.objects.bulk_create(fresh, batch_size=2000)
                result.update((item.key, item) for item in fresh)
            except IntegrityError:  # somebody opened one of them at the same moment
                result.update((account.key, account) for account in Account.objects.filter(key__in=by_key))
                if len(result) < len(by_key):
                    for new in wanted:
                        result.update(open_accounts(accounts=[new]))
        for key, new in by_key.items():
            if result[key].unit != UNIT_CODES[new.unit] or result[key].guarded != (new.kind == Kind.WALLET):
                raise KeyConflict(account=key)
    return result


def open_account(
    *, key: str, kind: str, unit: str = "PTS", owner: str = "", floor: int | None = 0, expires_to: str = ""
) -> Account:
    """Open an account, or return the one that has this key.

    A wallet's floor is 0: who may owe, owes by debt, never by a negative balance. Expired points go to ``expires_to``
    (a key), else to the unit's own account of expired points.
    """
    if kind == Kind.WALLET and floor != 0:
        raise LedgerError(code="unsupported_floor", account=key)
    return open_accounts(accounts=[NewAccount(key, kind, unit, owner, expires_to)])[key]


def close_account(*, key: str) -> Account:
    """Close an empty account for good; statements stay. Raises ``UnknownAccount``, ``LedgerError("not_empty")``."""
    with transaction.atomic():
        account = Account.objects.select_for_update().filter(key=key).first()
        if account is None:
            raise UnknownAccount(account=key)
        if account.balance or account.debt or Hold.objects.filter(wallet=account, resolution=None).exists():
            raise LedgerError(code="not_empty", account=key)
        account.status = Account.Status.CLOSED
        account.save(update_fields=["status"])
    return account


def set_expiry_accounts(*, keys: Sequence[str], expires_to: str) -> None:
    """Say for many wallets at once where their expired points go."""
    for start in range(0, len(keys), 500):
        Account.objects.filter(key__in=keys[start : start + 500], guarded=True).update(expires_to=expires_to)


def set_expiry_account(*, key: str, expires_to: str) -> None:
    """Say where the expired points of a wallet go."""
    if not Account.objects.filter(key=key, guarded=True).update(expires_to=expires_to):
        raise UnknownAccount(account=key)
