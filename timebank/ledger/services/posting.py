"""Post transfers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS

from timebank.ledger.canon import request_hash
from timebank.ledger.errors import LedgerError
from timebank.ledger.models import Account
from timebank.ledger.plan import Move
from timebank.ledger.services.engine import Draft, check_spec, only, write
from timebank.ledger.store import Batch, store_for
from timebank.ledger.types import NEVER, Posted, Result, TransferSpec

BATCH = 4000
ISSUERS = 1000  # more accounts than this that pay in one call are residents, not issuers


def draft_of(spec: TransferSpec) -> Draft:
    """Check a spec and turn its legs into moves. Raises ``InvalidTransfer``, ``InvalidAmount``, ``UnitMismatch``."""
    check_spec(spec)
    return _draft(spec, request_hash(spec))


def _draft(spec: TransferSpec, asked: bytes) -> Draft:
    moves = [
        Move(number, leg.debit, leg.credit, leg.amount, (leg.expires_on or NEVER, leg.restriction))
        for number, leg in enumerate(spec.legs)
    ]
    return Draft(spec, asked, moves)


def post(spec: TransferSpec) -> Posted:
    """Post one transfer: one to three statements on PostgreSQL. The same key again returns the first answer.

    Raises ``InsufficientFunds``, ``KeyConflict``, ``UnknownAccount``, ``AccountClosed``, ``UnitMismatch``,
    ``InvalidAmount``, ``InvalidTransfer``; then nothing was written.
    """
    check_spec(spec)
    asked = request_hash(spec)
    (plain,) = store_for(DEFAULT_DB_ALIAS).try_fast([Batch([spec], [asked], alone=True)])
    return plain[0] if plain else only(write([_draft(spec, asked)]))


class _Batch(NamedTuple):
    """Specs on their way: what of them is well formed, and the refusals by place."""

    specs: Sequence[TransferSpec]
    good: list[TransferSpec]
    asked: list[bytes]
    refused: dict[int, LedgerError]


def post_many(specs: Sequence[TransferSpec], *, batch: int = BATCH) -> list[Result]:
    """Post many transfers, set by set; each wholly or not at all, a result for each, in order.

    Outside a transaction every set is committed on its own: repeat the call after a crash, nothing posts twice.
    """
    order = _by_wallet(specs) if len(specs) > batch else None
    if order is None:
        return _post_many(specs, batch)
    results = _post_many([specs[place] for place in order], batch)
    return [results[place] for place in sorted(range(len(order)), key=order.__getitem__)]


def _by_wallet(specs: Sequence[TransferSpec]) -> list[int] | None:
    """Put credits to the same wallet side by side: its row and its lots are then written once, not once in every set.

    None when the order could matter: a wallet pays, or a key comes twice.
    """
    if any(len(spec.legs) != 1 for spec in specs) or len({spec.key for spec in specs}) < len(specs):
        return None
    debits = {spec.legs[0].debit for spec in specs}
    if len(debits) > ISSUERS or Account.objects.filter(key__in=debits, guarded=True).exists():
        return None
    return sorted(range(len(specs)), key=lambda place: specs[place].legs[0].credit)


def _post_many(specs: Sequence[TransferSpec], batch: int) -> list[Result]:
    waiting: deque[_Batch] = deque()

    def batches() -> Iterator[Batch]:
        for start in range(0, len(specs), batch):
            waiting.append(_prepare(specs[start : start + batch]))
            yield Batch(waiting[-1].good, waiting[-1].asked)

    results: list[Result] = []
    for answers in store_for(DEFAULT_DB_ALIAS).try_fast(batches()):
        current = waiting.popleft()
        results.extend(_results(current, _write(current) if answers is None else answers))
    return results


def _write(batch: _Batch) -> Sequence[Posted | LedgerError]:
    drafts = [_draft(*item) for item in zip(batch.good, batch.asked, strict=True)]
    return write(drafts) if drafts else []


def _prepare(specs: Sequence[TransferSpec]) -> _Batch:
    good: list[TransferSpec] = []
    refused: dict[int, LedgerError] = {}
    for place, spec in enumerate(specs):
        try:
            check_spec(spec)
        except LedgerError as refusal:
            refused[place] = refusal
        else:
            good.append(spec)
    asked = [request_hash(spec) for spec in good]
    return _Batch(specs, good, asked, refused)


def _results(batch: _Batch, answers: Sequence[Posted | LedgerError]) -> list[Result]:
    rest = iter(answers)
    result = [batch.refused.get(place) or next(rest) for place in range(len(batch.specs))] if batch.refused else answers
    return [
        Result(spec.key, None, answer) if isinstance(answer, LedgerError) else Result(spec.key, answer, None)
        for spec, answer in zip(batch.specs, result, strict=True)
    ]
