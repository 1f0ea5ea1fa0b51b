"""One transfer with all that it moved."""

from __future__ import annotations

import uuid as uuid_module
from collections import defaultdict

from timebank.ledger.canon import key_uuid
from timebank.ledger.models import Account, Posting, RefundTotal, Transfer
from timebank.ledger.types import PostingView, TransferView, edge_day
from timebank.ledger.units import UNIT_NAMES


def transfer_by_key(key: str) -> TransferView | None:
    """Find a transfer by its idempotency key."""
    return transfer_by_uuid(key_uuid(key))


def transfer_by_id(id: int) -> TransferView | None:
    """Find a transfer by its number."""
    return next(iter(_views(list(Transfer.objects.filter(pk=id)))), None)


def transfer_by_uuid(uuid: uuid_module.UUID | str) -> TransferView | None:
    """Find a transfer by its public identity."""
    try:
        wanted = uuid_module.UUID(str(uuid))
    except ValueError:
        return None
    return next(iter(_views(list(Transfer.objects.filter(uuid=wanted)))), None)


def transfers_for_source(source: str) -> list[TransferView]:
    """List the transfers that name a source, oldest first."""
    return _views(list(Transfer.objects.filter(source=source).order_by("id"))) if source else []


def _views(transfers: list[Transfer]) -> list[TransferView]:
    ids = [transfer.pk for transfer in transfers]
    rows: defaultdict[int, list[Posting]] = defaultdict(list)
    for row in Posting.objects.filter(transfer__in=ids).order_by("id"):
        rows[row.transfer_id].append(row)
    accounts = {account for group in rows.values() for row in group for account in (row.debit_id, row.credit_id)}
    names = dict(Account.objects.filter(pk__in=accounts).values_list("pk", "key"))
    refunded = dict(RefundTotal.objects.filter(pk__in=ids).values_list("pk", "refunded"))
    reversals = dict(Transfer.objects.filter(reverses__in=ids).values_list("reverses_id", "pk"))
    return [
        TransferView(
            id=transfer.pk,
            uuid=str(transfer.uuid),
            key=transfer.key,
            kind=transfer.kind,
            unit=UNIT_NAMES[transfer.unit],
            posted_at=transfer.posted_at,
            effective_on=transfer.effective_on,
            reason=transfer.reason,
            memo=transfer.memo,
            actor=transfer.actor,
            on_behalf_of=transfer.on_behalf_of,
            source=transfer.source,
            rule=transfer.rule,
            reverses_id=transfer.reverses_id,
            refund_of_id=transfer.refund_of_id,
            reversed_by_id=reversals.get(transfer.pk),
            refunded=0 if transfer.pk in reversals else refunded.get(transfer.pk, 0),
            postings=tuple(_posting(row, names) for row in rows[transfer.pk]),
        )
        for transfer in transfers
    ]


def _posting(posting: Posting, names: dict[int, str]) -> PostingView:
    restriction = posting.debit_restriction if posting.debit_restriction is not None else posting.credit_restriction
    return PostingView(
        posting.pk,
        posting.leg,
        names[posting.debit_id],
        names[posting.credit_id],
        posting.amount,
        edge_day(posting.debit_expires_on or posting.credit_expires_on),
        restriction or "",
        posting.origin_id,
    )
