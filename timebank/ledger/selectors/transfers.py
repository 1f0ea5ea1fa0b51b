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
    ids = [one.pk for one in transfers]
    rows: defaultdict[int, list[Posting]] = defaultdict(list)
    for row in Posting.objects.filter(transfer__in=ids).order_by("id"):
        rows[row.transfer_id].append(row)
    accounts = {account for group in rows.values() for row in group for account in (row.debit_id, row.credit_id)}
    names = dict(Account.objects.filter(pk__in=accounts).values_list("pk", "key"))
    refunded = dict(RefundTotal.objects.filter(pk__in=ids).values_list("pk", "refunded"))
    reversals = dict(Transfer.objects.filter(reverses__in=ids).values_list("reverses_id", "pk"))
    return [
        TransferView(
            id=one.pk,
            uuid=str(one.uuid),
            key=one.key,
            kind=one.kind,
            unit=UNIT_NAMES[one.unit],
            posted_at=one.posted_at,
            effective_on=one.effective_on,
            reason=one.reason,
            memo=one.memo,
            actor=one.actor,
            on_behalf_of=one.on_behalf_of,
            source=one.source,
            rule=one.rule,
            reverses_id=one.reverses_id,
            refund_of_id=one.refund_of_id,
            reversed_by_id=reversals.get(one.pk),
            refunded=0 if one.pk in reversals else refunded.get(one.pk, 0),
            postings=tuple(_posting(row, names) for row in rows[one.pk]),
        )
        for one in transfers
    ]


def _posting(row: Posting, names: dict[int, str]) -> PostingView:
    restriction = row.debit_restriction if row.debit_restriction is not None else row.credit_restriction
    return PostingView(
        row.pk,
        row.leg,
        names[row.debit_id],
        names[row.credit_id],
        row.amount,
        edge_day(row.debit_expires_on or row.credit_expires_on),
        restriction or "",
        row.origin_id,
    )
