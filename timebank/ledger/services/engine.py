"""Write transfers: lock, read, decide (``plan``), write. Joins the caller's transaction if there is one."""

from __future__ import annotations

import datetime as dt
import uuid as uuid_module
from collections.abc import Sequence
from operator import attrgetter, gt
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.utils import timezone

from timebank.ledger.canon import head_text, instant, key_uuid, leaf_hash_of, quoted
from timebank.ledger.errors import InvalidAmount, InvalidTransfer, KeyConflict, LedgerError, UnitMismatch
from timebank.ledger.models import Posting
from timebank.ledger.plan import MAX_AMOUNT, Move, Order, Planner, uses
from timebank.ledger.store import Known, Store, store_for
from timebank.ledger.types import Posted, TransferSpec
from timebank.ledger.units import DEBT_SERIAL, UNIT_CODES, account_id, debt_key

LENDERS = {account_id(unit, False, DEBT_SERIAL): quoted(debt_key(unit)) for unit in UNIT_CODES}
_TEXTS = ("key", "kind", "reason", "memo", "actor", "on_behalf_of", "source", "rule")
_LENGTHS = (200, 32, 64, 500, 120, 120, 120, 120)
_texts = attrgetter(*_TEXTS)


class Draft(NamedTuple):
    """A transfer ready for the planner; ``spec.legs`` are not looked at any more."""

    spec: TransferSpec
    request_hash: bytes
    moves: Sequence[Move]
    reverses_id: int | None = None
    refund_of_id: int | None = None


def check_spec(spec: TransferSpec) -> None:
    """Refuse what is not well formed before anything is locked."""
    if spec.unit not in UNIT_CODES:
        raise UnitMismatch
    if not spec.key or not spec.kind or not spec.legs:
        raise InvalidTransfer
    texts = _texts(spec)
    if any(map(gt, map(len, texts), _LENGTHS)) or not _storable("".join(texts)):
        wrong = (len(text) > most or not _storable(text) for text, most in zip(texts, _LENGTHS, strict=True))
        raise InvalidTransfer(field=next(name for name, bad in zip(_TEXTS, wrong, strict=True) if bad))
    for leg in spec.legs:
        if type(leg.amount) is not int or not 0 < leg.amount <= MAX_AMOUNT:
            raise InvalidAmount
        if leg.restriction and (len(leg.restriction) > 40 or not _storable(leg.restriction)):
            raise InvalidTransfer(field="restriction")


def _storable(text: str) -> bool:
    """Say whether a database takes this text: no NUL, no half of a surrogate pair."""
    if text.isascii():
        return "\0" not in text
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def write(drafts: Sequence[Draft]) -> list[Posted | LedgerError]:
    """Post the drafts, each wholly or not at all; an answer or a refusal for each, in order."""
    alias = DEFAULT_DB_ALIAS
    nested = connections[alias].in_atomic_block
    for attempt in (1, 2, 3):
        try:
            store = store_for(alias)
            with store.transaction():
                return _write(store, drafts, nested=nested)
        except IntegrityError as error:
            if nested or attempt == 3 or "ledger_transfer" not in str(error):
                raise
    raise AssertionError("unreachable")


def _write(store: Store, drafts: Sequence[Draft], *, nested: bool) -> list[Posted | LedgerError]:
    uuids = [key_uuid(draft.spec.key) for draft in drafts]
    keys = {key for draft in drafts for move in draft.moves for key in (move.debit, move.credit)}
    payers = {move.debit for draft in drafts for move in draft.moves}
    ids, accounts, lots, known = store.take(sorted(keys), sorted(payers), uuids, len(drafts))

    now = timezone.now()
    today = timezone.localdate(now)
    answers: list[Posted | LedgerError | None] = [None] * len(drafts)
    orders: list[Order] = []
    places: list[int] = []
    first: dict[uuid_module.UUID, int] = {}
    specs: dict[int, TransferSpec] = {}
    for place, (draft, uuid) in enumerate(zip(drafts, uuids, strict=True)):
        if uuid in known:
            answers[place] = _replay(draft, uuid, known)
            continue
        if uuid in first:  # the same key twice in one batch: the second is a replay of the first
            continue
        first[uuid] = place
        places.append(place)
        specs[ids[place]] = draft.spec
        orders.append(Order(_head(draft, ids[place], uuid, now, today), draft.moves, _allow(draft)))

    planner = Planner(accounts, lots, today)
    effects = planner.decide(orders)
    if effects.heads:
        name = ({row.id: quoted(row.key) for row in accounts} | LENDERS).__getitem__
        timestamp = instant(now)
        for number, head in enumerate(effects.heads):
            rows = effects.postings[effects.spans[number] : effects.spans[number + 1]]
            head["content_hash"] = leaf_hash_of(_text(specs[head["id"]], head, timestamp), head["id"], rows, name)
        if nested and not effects.wallets:
            # no wallet lock kept a twin with the same key away: let its victory not spoil the caller's transaction
            try:
                with transaction.atomic():
                    store.write(effects)
            except IntegrityError as error:
                return _after_twin(store, drafts, uuids, error)
        else:
            store.write(effects)
    for place, order, outcome in zip(places, orders, effects.outcomes, strict=True):
        if isinstance(outcome, LedgerError):
            answers[place] = outcome
        else:
            answers[place] = Posted(order.head["id"], str(uuids[place]), False, outcome)
    for place, (draft, uuid) in enumerate(zip(drafts, uuids, strict=True)):
        if answers[place] is None:
            original = answers[first[uuid]]
            same = drafts[first[uuid]].request_hash == draft.request_hash
            if isinstance(original, Posted):
                answers[place] = original._replace(replayed=True) if same else KeyConflict(key=draft.spec.key)
            else:
                answers[place] = original
    return [answer for answer in answers if answer is not None]


def _after_twin(
    store: Store, drafts: Sequence[Draft], uuids: Sequence[uuid_module.UUID], error: IntegrityError
) -> list[Posted | LedgerError]:
    """Answer when somebody posted one of our keys between our look and our write."""
    if not store.known(uuids):
        raise error
    return _write(store, drafts, nested=True)


def _allow(draft: Draft) -> frozenset[str]:
    return frozenset(draft.spec.allow_restrictions)


def _head(draft: Draft, id: int, uuid: uuid_module.UUID, now: dt.datetime, today: dt.date) -> dict[str, Any]:
    spec = draft.spec
    return {
        "id": id,
        "uuid": uuid,
        "key": spec.key,
        "request_hash": draft.request_hash,
        "unit": UNIT_CODES[spec.unit],
        "kind": spec.kind,
        "posted_at": now,
        "effective_on": spec.effective_on or today,
        "reason": spec.reason,
        "memo": spec.memo,
        "actor": spec.actor,
        "on_behalf_of": spec.on_behalf_of,
        "source": spec.source,
        "rule": spec.rule,
        "reverses_id": draft.reverses_id,
        "refund_of_id": draft.refund_of_id,
    }


def _text(spec: TransferSpec, head: dict[str, Any], row: str) -> tuple[str, str, str]:
    return head_text(
        spec,
        head["effective_on"].isoformat(),
        head["request_hash"].hex(),
        str(head["uuid"]),
        row,
        head["reverses_id"],
        head["refund_of_id"],
    )


def _replay(draft: Draft, uuid: uuid_module.UUID, known: Known) -> Posted | LedgerError:
    transfer_id, request_hash = known[uuid]
    if request_hash != draft.request_hash:
        return KeyConflict(key=draft.spec.key)
    rows = Posting.objects.filter(transfer_id=transfer_id).order_by("id")
    return Posted(transfer_id, str(uuid), True, uses(rows))


def only(answers: Sequence[Posted | LedgerError]) -> Posted:
    """Return the one answer, or raise the one refusal."""
    (answer,) = answers
    if isinstance(answer, LedgerError):
        raise answer
    return answer
