"""Post transfers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from timebank.ledger.canon import request_hash
from timebank.ledger.errors import LedgerError
from timebank.ledger.plan import Move
from timebank.ledger.services.engine import Draft, check_spec, only, write
from timebank.ledger.types import NEVER, Posted, Result, TransferSpec

BATCH = 1000


def draft_of(spec: TransferSpec) -> Draft:
    """Check a spec and turn its legs into moves. Raises ``InvalidTransfer``, ``InvalidAmount``, ``UnitMismatch``."""
    check_spec(spec)
    moves = [
        Move(number, leg.debit, leg.credit, leg.amount, (leg.expires_on or NEVER, leg.restriction))
        for number, leg in enumerate(spec.legs)
    ]
    return Draft(spec, request_hash(spec), moves)


def post(spec: TransferSpec) -> Posted:
    """Post one transfer: three statements on PostgreSQL. The same key again returns the first answer.

    Raises ``InsufficientFunds``, ``KeyConflict``, ``UnknownAccount``, ``AccountClosed``, ``UnitMismatch``,
    ``InvalidAmount``, ``InvalidTransfer``; then nothing was written.
    """
    return only(write([draft_of(spec)]))


def post_many(specs: Sequence[TransferSpec], *, batch: int = BATCH) -> list[Result]:
    """Post many transfers, set by set; each wholly or not at all, a result for each, in order.

    Outside a transaction every set is committed on its own: repeat the call after a crash, nothing posts twice.
    """
    results: list[Result] = []
    for start in range(0, len(specs), batch):
        results.extend(_post_batch(specs[start : start + batch]))
    return results


def _post_batch(specs: Sequence[TransferSpec]) -> Iterator[Result]:
    drafts: list[Draft] = []
    refused: dict[int, LedgerError] = {}
    for place, spec in enumerate(specs):
        try:
            drafts.append(draft_of(spec))
        except LedgerError as refusal:
            refused[place] = refusal
    answers = iter(write(drafts) if drafts else [])
    for place, spec in enumerate(specs):
        answer = refused.get(place) or next(answers)
        if isinstance(answer, LedgerError):
            yield Result(spec.key, None, answer)
        else:
            yield Result(spec.key, answer, None)
