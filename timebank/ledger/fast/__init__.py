"""The short way on PostgreSQL: prepared statements over ``psycopg.pq``, and database functions for what is plain.

It decides nothing that ``plan`` would not: it answers None, having written nothing, whenever it is not sure. The store
tries ``Fast.post`` first and sends its own statements by ``Fast.wire``. With the setting ``LEDGER_FAST_PATH`` off it
does neither: everything is posted the long way over Django's connection, and the same tests are green.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from psycopg.errors import UniqueViolation

from timebank.ledger.fast import calls
from timebank.ledger.fast.calls import Earning
from timebank.ledger.fast.wire import Wire
from timebank.ledger.store import Batch, LostLockError
from timebank.ledger.types import Posted, TransferSpec

# Accounts that were seen to be of the other kind: no account ever changes its kind, so they are not tried again.
_no_payers: set[str] = set()
_no_payees: set[str] = set()
_MANY = 100_000


def fast_for(connection: Any) -> Fast | None:
    """Return the short way of this connection, None where the setting switches it off."""
    return Fast(connection) if settings.LEDGER_FAST_PATH else None


class _Encoded(NamedTuple):
    batch: Batch
    earning: Earning | None


class Fast:
    """See above."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.wire = Wire(connection)

    def post(self, batches: Iterable[Batch]) -> Iterator[list[Posted] | None]:
        """Post batch after batch; None for one that is not plain, which the caller posts before asking for the next.

        The next batch is encoded, and what the last one answered is read, while the database works.
        """
        source = map(self._encode, batches)
        current = next(source, None)
        self._start(current)
        while current is not None:
            following, answer = None, None
            try:
                following = None if current.batch.alone else next(source, None)
            finally:
                if current.earning is not None:
                    answer = self._finish(current.earning)
            if current.batch.alone:
                posted = self._pay(current.batch.specs[0], current.batch.asked[0])
                yield None if posted is None else [posted]
                following = next(source, None)
                self._start(following)
            elif current.earning is None or answer is None:
                yield None
                self._start(following)
            else:
                self._start(following)
                yield calls.earned(current.earning, answer)
            current = following

    # -- One wallet pays -----------------------------------------------------------------------------------------------
    def _pay(self, spec: TransferSpec, asked: bytes) -> Posted | None:
        """Post a transfer from one wallet to accounts without a balance, if it is no more than that."""
        payer = spec.legs[0].debit
        if payer in _no_payers or any(leg.debit != payer or leg.credit in _no_payees for leg in spec.legs):
            return None
        self._ready()
        now = timezone.now()
        uuid, call, values = calls.payment(spec, asked, now, timezone.localdate(now))
        try:
            self.wire.start(call, values)
            answer = self.wire.finish(call).get_value(0, 0)
        except IntegrityError as error:
            if calls.lost_lock(error):
                raise LostLockError([payer]) from error
            if self.connection.in_atomic_block or not isinstance(error.__cause__, UniqueViolation):
                raise
            return None  # somebody posted this key from another wallet meanwhile; the long way says so
        if answer is None:
            return None
        number, _, what = answer.decode().partition(" ")
        if number == "0":
            _learn(_no_payees, [what]) if what else _learn(_no_payers, [payer])
            return None
        return calls.paid(uuid, spec.legs[0].amount, number, what)

    # -- Many wallets earn ---------------------------------------------------------------------------------------------
    def _encode(self, batch: Batch) -> _Encoded:
        """Encode credits by accounts without a balance; what can be seen to be something else stays as it is."""
        # a wallet pays, it does not issue
        if batch.alone or not batch.specs or batch.specs[0].legs[0].debit in _no_payees:
            return _Encoded(batch, None)
        now = timezone.now()
        return _Encoded(batch, calls.earning(batch.specs, batch.asked, now, timezone.localdate(now)))

    def _start(self, encoded: _Encoded | None) -> None:
        if encoded is not None and encoded.earning is not None:
            self._ready()
            self.wire.start(calls.EARN, encoded.earning.params)

    def _finish(self, earning: Earning) -> bytes | None:
        """Wait for the batch; None, and nothing written, if it is not plain after all."""
        try:
            ids: bytes | None = self.wire.finish(calls.EARN).get_value(0, 0)
        except IntegrityError as error:
            if calls.lost_lock(error):
                raise LostLockError from error
            raise
        if ids is not None:
            _learn(_no_payers, earning.issuers)
            _learn(_no_payees, earning.wallets)
        return ids

    def _ready(self) -> None:
        if not self.connection.in_atomic_block:
            self.connection.close_if_health_check_failed()
        self.connection.ensure_connection()


def _learn(known: set[str], keys: Iterable[str]) -> None:
    if len(known) < _MANY:
        known.update(keys)
