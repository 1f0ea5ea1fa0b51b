"""Money on its way from the provider to our bank."""

from __future__ import annotations

from django.db import transaction

from marketplace.funds import book, posting
from marketplace.payments import providers
from marketplace.payments.models import BalanceTransaction, ProviderPayout
from marketplace.payments.providers.base import RemotePayout
from marketplace.payments.services.syncing import ACTOR, CNY, record_line, transfer_key


def sync_payout(provider: str, remote_id: str) -> ProviderPayout | None:
    """Ask for a payout and book it: sent, or come back. Raises ``ProviderDown``, ``ProviderOff``."""
    remote = providers.of(provider).payout(remote_id)
    return apply_payout(provider, remote) if remote is not None else None


@transaction.atomic
def apply_payout(provider: str, remote: RemotePayout) -> ProviderPayout:
    """Write a payout. In CNY it is booked as money under way; the bank's own line says when it has arrived."""
    failed = remote.status in ("failed", "canceled")
    row, _made = ProviderPayout.objects.get_or_create(
        remote=remote.id,
        defaults={
            "provider": provider,
            "currency": remote.currency,
            "amount_minor": remote.amount,
            "arrives_on": remote.arrives_on,
        },
    )
    row = ProviderPayout.objects.select_for_update().get(pk=row.pk)
    if failed and row.state != ProviderPayout.State.FAILED:
        row.state = ProviderPayout.State.FAILED
        row.save(update_fields=["state"])
    asset = providers.asset_of(provider)
    for line in sorted(remote.lines, key=lambda item: item.amount):
        known = record_line(line, provider=provider, payout=row)
        if known.booked or line.currency != CNY:
            continue
        came_back = line.amount > 0
        book.move_asset(
            source_asset=posting.UNDERWAY if came_back else asset,
            target_asset=asset if came_back else posting.UNDERWAY,
            fen=abs(line.amount),
            key=transfer_key(line.txn),
            kind="payout_back" if came_back else "payout",
            actor=ACTOR,
            source=f"provider_payout:{row.pk}",
        )
        known.booked = True
        known.payout = row
        known.save(update_fields=["booked", "payout"])
    covered = {line.txn: line for line in remote.covers}
    for line in covered.values():
        record_line(line, provider=provider)
    BalanceTransaction.objects.filter(txn__in=covered, payout__isnull=True).update(payout=row)
    return row
