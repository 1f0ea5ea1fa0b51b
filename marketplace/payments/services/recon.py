"""Compare our books with the provider's, both ways; what was missed is fetched, what differs is named."""

from __future__ import annotations

import datetime as dt
import logging

from django.utils import timezone

from marketplace.payments import providers
from marketplace.payments.errors import PaymentsError
from marketplace.payments.models import BalanceTransaction, Payment, ReconItem, ReconRun, StripeEvent
from marketplace.payments.providers.base import Line
from marketplace.payments.services import events
from marketplace.payments.services.payouts import sync_payout
from marketplace.payments.services.syncing import CNY, sync_payment, transfer_key
from timebank.ledger.selectors import balance_of, transfer_by_key

log = logging.getLogger(__name__)

OVERLAP = dt.timedelta(hours=72)
KEPT_FOR = dt.timedelta(days=30)  # Stripe keeps events so long
_OBJECTS = {"ch_": "charge", "py_": "charge", "re_": "refund", "pyr_": "refund", "dp_": "dispute", "du_": "dispute"}


def since_when(provider: str, *, now: dt.datetime) -> dt.datetime:
    """Return from when to look: 72 hours before the last good run, at most 30 days."""
    last = ReconRun.objects.filter(provider=provider, ok=True).order_by("-started_at").first()
    return max(last.started_at - OVERLAP, now - KEPT_FOR) if last is not None else now - KEPT_FOR


def reconcile(*, provider: str, since: dt.datetime | None = None) -> ReconRun:
    """Pull what was missed, compare, and write what differs. Never raises for what the provider does."""
    now = timezone.now()
    run = ReconRun.objects.create(provider=provider, since=since or since_when(provider, now=now), started_at=now)
    items: list[ReconItem] = []
    try:
        run.events_found = events.pull_events(provider=provider, since=run.since)
        while events.process_waiting():
            pass
        theirs = {line.txn: line for line in providers.of(provider).lines(run.since)}
        run.lines_seen = len(theirs)
        _fetch_missing(provider, theirs)
        items += _compare(run, theirs)
        items += _compare_balance(run)
        gone = providers.of(provider).disabled_endpoints()
        items += [ReconItem(run=run, kind=ReconItem.Kind.ENDPOINT, reference=url[:255]) for url in gone]
    except PaymentsError as refusal:
        run.error = f"{refusal.code}: {refusal.params.get('detail', '')}"[:200]
    items += [
        ReconItem(run=run, kind=ReconItem.Kind.EVENT, reference=event.event, detail=event.error)
        for event in StripeEvent.objects.filter(provider=provider, state=StripeEvent.State.FAILED)[:100]
    ]
    items += [
        ReconItem(run=run, kind=ReconItem.Kind.STRAY, reference=row.txn, theirs=row.amount)
        for row in BalanceTransaction.objects.filter(provider=provider, stray=True, kind="charge")[:100]
    ]
    ReconItem.objects.bulk_create(items)
    run.ok = not items and not run.error
    run.finished_at = timezone.now()
    run.save(update_fields=["ok", "finished_at", "error", "events_found", "lines_seen"])
    return run


def _fetch_missing(provider: str, theirs: dict[str, Line]) -> None:
    """Ask again for the payment or payout of each line that is not in our books: its event never came."""
    known = BalanceTransaction.objects.filter(txn__in=theirs, provider=provider)
    booked = dict(known.values_list("txn", "booked"))
    seen: set[str] = set()
    for line in theirs.values():
        if booked.get(line.txn) or line.source in seen:
            continue
        seen.add(line.source)
        if line.source.startswith("po_"):
            sync_payout(provider, line.source)
            continue
        kind = next((name for prefix, name in _OBJECTS.items() if line.source.startswith(prefix)), "")
        intent = providers.of(provider).intent_of(kind, line.source) if kind else ""
        payment = Payment.objects.filter(intent=intent).first() if intent else None
        if payment is None and intent:
            reference = providers.of(provider).reference_of(intent)
            payment = Payment.objects.filter(public_id=reference).first() if reference else None
        if payment is not None:
            sync_payment(payment.pk, intent=intent)


def _compare(run: ReconRun, theirs: dict[str, Line]) -> list[ReconItem]:
    ours = {row.txn: row for row in BalanceTransaction.objects.filter(txn__in=theirs, provider=run.provider)}
    items = []
    for line in theirs.values():
        row = ours.get(line.txn)
        waits = row is not None and row.currency != CNY  # booked when the bank's line of its payout is matched
        if row is None or (not row.booked and not waits):
            items.append(_item(run, ReconItem.Kind.NOT_HERE, line.txn, None, line.net, f"{line.kind} {line.source}"))
        elif (row.amount, row.fee, row.net) != (line.amount, line.fee, line.net):
            items.append(_item(run, ReconItem.Kind.AMOUNT, line.txn, row.net, line.net, line.kind))
        elif row.booked and row.currency == CNY:
            moved = _moved(row)
            if moved != line.net:
                items.append(_item(run, ReconItem.Kind.AMOUNT, line.txn, moved, line.net, line.kind))
    absent = BalanceTransaction.objects.filter(provider=run.provider, created_at__gt=run.since).exclude(
        txn__in=list(theirs)
    )
    return items + [_item(run, ReconItem.Kind.NOT_THERE, row.txn, row.net, None, row.kind) for row in absent[:200]]


def _moved(row: BalanceTransaction) -> int:
    """Sum what the ledger's transfer of a line moved on the provider's asset."""
    asset = providers.asset_of(row.provider)
    total = 0
    for key in (transfer_key(row.txn), f"{transfer_key(row.txn)}:fee"):
        view = transfer_by_key(key)
        for posting in view.postings if view is not None else ():
            total += posting.amount * ((posting.debit == asset) - (posting.credit == asset))
    return total


def _compare_balance(run: ReconRun) -> list[ReconItem]:
    """Compare what lies at the provider with minus our asset."""
    theirs = providers.of(run.provider).balance().get(CNY, 0)
    ours = -balance_of(providers.asset_of(run.provider)).total
    if ours == theirs:
        return []
    return [_item(run, ReconItem.Kind.BALANCE, CNY, ours, theirs, "")]


def _item(run: ReconRun, kind: str, reference: str, ours: int | None, theirs: int | None, detail: str) -> ReconItem:
    return ReconItem(run=run, kind=kind, reference=reference[:255], ours=ours, theirs=theirs, detail=detail[:200])
