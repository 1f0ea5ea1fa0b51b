"""What a provider of payments can do, and the plain facts it answers with: no SDK object leaves a provider."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from marketplace.payments.models import Payment, Refund

PaymentState = Literal["open", "processing", "paid", "failed", "expired"]


@dataclass(frozen=True, slots=True)
class Started:
    """A page to pay on."""

    session: str
    url: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the provider's own books: ``net = amount - fee``, signed, smallest unit of ``currency``."""

    txn: str
    kind: str  # charge, refund, refund_failure, dispute, payout, payout_failure, other
    amount: int
    fee: int
    net: int
    currency: str  # upper case
    created_at: dt.datetime
    source: str = ""


@dataclass(frozen=True, slots=True)
class RemoteRefund:
    """A refund as the provider knows it; ``number`` is ours, if we asked for it. ``amount`` as the payer paid."""

    id: str
    number: str
    amount: int
    status: str
    failure: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class RemoteDispute:
    """An objection of the card's holder."""

    id: str
    amount: int
    status: str
    reason: str
    due_at: dt.datetime | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class RemotePayment:
    """All that the provider knows of one payment now."""

    state: PaymentState
    amount: int
    currency: str  # upper case
    reference: str  # the payment's public id that we gave along
    livemode: bool
    session: str
    intent: str
    lines: tuple[Line, ...] = ()
    refunds: tuple[RemoteRefund, ...] = ()
    disputes: tuple[RemoteDispute, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class RemotePayout:
    """Money on its way from the provider to our bank, with the lines it covers."""

    id: str
    amount: int
    currency: str
    status: str
    arrives_on: dt.date
    lines: tuple[Line, ...]  # of the payout itself: sent, and come back
    covers: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """A message of the provider, pulled instead of received."""

    id: str
    type: str
    body: str


class Provider(Protocol):
    """A provider of payments on the internet. Every call may raise ``ProviderDown``, ``ProviderOff``."""

    name: str

    def start(self, payment: Payment, *, title: str, back: str, cancel: str, locale: str) -> Started:
        """Open a page to pay on; the same payment again gives the same page. Raises ``ProviderRefused``."""

    def expire(self, payment: Payment) -> None:
        """Close the page of a payment, if it is still open."""

    def sync(self, payment: Payment) -> RemotePayment | None:
        """Return what is known of a payment, or None if nothing is."""

    def refund(self, refund: Refund) -> RemoteRefund:
        """Send money back; the same refund again is sent once. Raises ``ProviderRefused``."""

    def payout(self, payout_id: str) -> RemotePayout | None:
        """Return a payout."""

    def intent_of(self, kind: str, key: str) -> str:
        """Return the payment intent that an object (charge, refund, dispute) belongs to, "" if none."""

    def reference_of(self, intent_id: str) -> str:
        """Return the public id of the payment that an intent was made for, "" if it is not ours."""

    def stray_lines(self, intent_id: str) -> tuple[Line, ...]:
        """Return the lines of an intent's money, for money that came without a payment of ours."""

    def lines(self, since: dt.datetime) -> Iterator[Line]:
        """Give the lines of the provider's books since then, newest first."""

    def events(self, since: dt.datetime) -> Iterator[RemoteEvent]:
        """Give the events since then, newest first."""

    def balance(self) -> dict[str, int]:
        """Return what lies at the provider, by currency."""

    def disabled_endpoints(self) -> list[str]:
        """List addresses that the provider no longer tells of events."""
