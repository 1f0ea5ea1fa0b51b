"""Units, and what an account id says about itself.

An account id is ``unit (16 bits) | guarded (1 bit) | serial (47 bits)``. A posting can therefore be CHECKed for one
unit and for the right kind of side without a foreign key to the accounts: such a key would make every redemption lock
the row that everybody posts to.
"""

from __future__ import annotations

UNIT_CODES = {"PTS": 1, "CNY": 2}
UNIT_NAMES = {code: name for name, code in UNIT_CODES.items()}

UNIT_SHIFT = 48
GUARDED_SHIFT = 47
SERIAL_MASK = (1 << GUARDED_SHIFT) - 1

FIRST_FREE_SERIAL = 100
HOLDS_SERIAL, DEBT_SERIAL, EXPIRED_SERIAL = 1, 2, 3


def account_id(unit: str, guarded: bool, serial: int) -> int:
    """Compose the id of an account."""
    return (UNIT_CODES[unit] << UNIT_SHIFT) | (int(guarded) << GUARDED_SHIFT) | serial


def is_guarded(account: int) -> bool:
    """Say whether the account keeps a running balance that may not fall below its floor."""
    return bool((account >> GUARDED_SHIFT) & 1)


def holds_key(unit: str) -> str:
    """Name the account that carries what is reserved but not yet captured."""
    return f"holds:{unit}"


def debt_key(unit: str) -> str:
    """Name the account that lends to wallets whose earning was reversed after it was spent."""
    return f"debt:{unit}"


def expired_key(unit: str) -> str:
    """Name the account that expired lots go to when a wallet names no other."""
    return f"expired:{unit}"


def reserved_accounts(unit: str) -> tuple[tuple[int, str], ...]:
    """List the accounts that every unit has: (id, key)."""
    return (
        (account_id(unit, False, HOLDS_SERIAL), holds_key(unit)),
        (account_id(unit, False, DEBT_SERIAL), debt_key(unit)),
        (account_id(unit, False, EXPIRED_SERIAL), expired_key(unit)),
    )
