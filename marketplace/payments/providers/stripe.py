"""Stripe by its own SDK; with another address it is the practice double, by the same code.

The SDK is loaded at the first call (a second, 17 MB). No call is ever made inside a transaction or a webhook.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from marketplace.payments.errors import ProviderDown, ProviderOff, ProviderRefused
from marketplace.payments.providers.base import (
    Line,
    PaymentState,
    RemoteDispute,
    RemoteEvent,
    RemotePayment,
    RemotePayout,
    RemoteRefund,
    Started,
)

if TYPE_CHECKING:
    from marketplace.payments.models import Payment, Refund

RETRIES = 2  # the SDK's own default is none
TIMEOUT = (3.0, 10.0)  # seconds to connect, to answer; the SDK's own default is 80
PAGE = 100
#: event types that we ask Stripe to send
EVENT_TYPES = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "payout.paid",
    "payout.failed",
)
_LINE_KINDS = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "payment_failure_refund": "refund_failure",
    "adjustment": "dispute",
    "payout": "payout",
    "payout_failure": "payout_failure",
    "payout_cancel": "payout_failure",
}


@lru_cache(maxsize=4)
def client(key: str, base: str) -> Any:
    """Return the SDK's client for this key and address."""
    import stripe

    stripe.enable_telemetry = False  # else it writes a file at home and reports times
    words: dict[str, Any] = {"base_addresses": {"api": base}} if base else {}
    http = stripe.RequestsClient(timeout=TIMEOUT)
    return stripe.StripeClient(key, max_network_retries=RETRIES, http_client=http, **words)


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _id(value: Any) -> str:
    """Return the id of an object that may be given as its id, whole, or not at all."""
    return value if isinstance(value, str) else (getattr(value, "id", "") or "")


def line_of(txn: Any) -> Line:
    """Turn a balance transaction into plain facts."""
    kind = _LINE_KINDS.get(txn.type, "other")
    source = _id(getattr(txn, "source", None))
    if kind == "dispute" and source and not source.startswith(("dp_", "du_")):
        kind = "other"
    return Line(txn.id, kind, txn.amount, txn.fee, txn.net, txn.currency.upper(), _moment(txn.created), source)


def _lines(*values: Any) -> tuple[Line, ...]:
    return tuple(line_of(value) for value in values if value is not None and not isinstance(value, str))


def _state(session: Any, intent: Any) -> PaymentState:
    status = intent.status if intent is not None else ""
    if status == "succeeded":
        return "paid"
    if status == "processing":
        return "processing"
    if session is not None and session.status == "open":
        return "open"
    if session is not None and session.status == "expired":
        return "expired"
    return "failed"


class StripeProvider:
    """A provider of payments by Stripe's API."""

    def __init__(self, name: str, key: str, base: str) -> None:
        self.name = name
        self._key, self._base = key, base

    def _call(self, act: Callable[[Any], Any], *, missing: Any = ProviderRefused) -> Any:
        """Run a call; turn the SDK's errors into refusals of ours. ``missing`` is what a 404 gives."""
        import stripe

        try:
            return act(client(self._key, self._base).v1)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise ProviderOff(detail=str(error)) from error
        except (stripe.IdempotencyError, stripe.InvalidRequestError) as error:
            if missing is not ProviderRefused and getattr(error, "http_status", None) == 404:
                return missing
            raise ProviderRefused(detail=str(error), provider_code=error.code or "") from error
        except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
            raise ProviderDown(detail=str(error)) from error
        except stripe.StripeError as error:
            raise ProviderRefused(detail=str(error), provider_code=error.code or "") from error

    def start(self, payment: Payment, *, title: str, back: str, cancel: str, locale: str) -> Started:
        """Open a Checkout session, or find the one that was opened for this payment."""
        reference = str(payment.public_id)
        # Built from what is kept in the row alone: repeated after a time-out, every parameter is the same.
        asked = {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": payment.currency.lower(),
                        "unit_amount": payment.amount_minor,
                        "product_data": {"name": title},
                    },
                }
            ],
            "client_reference_id": reference,
            "metadata": {"payment": reference},
            "payment_intent_data": {"metadata": {"payment": reference}},
            "success_url": back,
            "cancel_url": cancel,
            "expires_at": int(payment.expires_at.timestamp()) if payment.expires_at else 0,
            "adaptive_pricing": {"enabled": False},
            "locale": locale,
        }
        options = {"idempotency_key": f"payment:{reference}:checkout"}
        session = self._call(lambda api: api.checkout.sessions.create(asked, options))
        return Started(session.id, session.url or "", bool(session.livemode))

    def expire(self, payment: Payment) -> None:
        """Close a session; one that is closed already is left alone."""
        if payment.session:
            with contextlib.suppress(ProviderRefused):
                self._call(lambda api: api.checkout.sessions.expire(payment.session))

    def sync(self, payment: Payment) -> RemotePayment | None:
        """Ask for session, intent, charge, refunds and disputes of a payment."""
        session = None
        intent_id = payment.intent
        if payment.session:
            session = self._call(lambda api: api.checkout.sessions.retrieve(payment.session), missing=None)
            intent_id = _id(session.payment_intent) if session is not None else intent_id
        intent = self._intent(intent_id) if intent_id else None
        if session is None and intent is None:
            return None
        amount, currency = (
            (session.amount_total, session.currency) if session is not None else (intent.amount, intent.currency)
        )
        reference = session.client_reference_id if session is not None else (intent.metadata or {})["payment"]
        facts = self._movements(intent) if intent is not None and intent.latest_charge is not None else {}
        error = getattr(intent, "last_payment_error", None) if intent is not None else None
        return RemotePayment(
            state=_state(session, intent),
            amount=int(amount or 0),
            currency=str(currency or "").upper(),
            reference=str(reference or ""),
            livemode=bool((session or intent).livemode),
            session=session.id if session is not None else "",
            intent=intent.id if intent is not None else "",
            failure=str(getattr(error, "code", "") or "") if error is not None else "",
            **facts,
        )

    def _intent(self, intent_id: str) -> Any:
        expand = {"expand": ["latest_charge.balance_transaction"]}
        return self._call(lambda api: api.payment_intents.retrieve(intent_id, expand), missing=None)

    def _movements(self, intent: Any) -> dict[str, Any]:
        # `amount_refunded` of a charge is a running sum: only the refunds themselves say what happened.
        words = {"payment_intent": intent.id, "limit": PAGE}
        expand = ["data.balance_transaction", "data.failure_balance_transaction"]
        refunds = self._call(lambda api: list(api.refunds.list({**words, "expand": expand}).auto_paging_iter()))
        disputes = self._call(lambda api: list(api.disputes.list(words).auto_paging_iter()))
        return {
            "lines": _lines(getattr(intent.latest_charge, "balance_transaction", None)),
            "refunds": tuple(_refund(refund) for refund in refunds),
            "disputes": tuple(_dispute(dispute) for dispute in disputes),
        }

    def refund(self, refund: Refund) -> RemoteRefund:
        """Send a refund; repeated, it is the same one."""
        asked = {
            "payment_intent": refund.payment.intent,
            "amount": refund.amount_minor,
            "metadata": {"refund": str(refund.pk)},
            "expand": ["balance_transaction", "failure_balance_transaction"],
        }
        options = {"idempotency_key": f"refund:{refund.payment.public_id}:{refund.pk}"}
        return _refund(self._call(lambda api: api.refunds.create(asked, options)))

    def payout(self, payout_id: str) -> RemotePayout | None:
        """Ask for a payout, its own lines and those that it covers."""
        expand = {"expand": ["balance_transaction", "failure_balance_transaction"]}
        result = self._call(lambda api: api.payouts.retrieve(payout_id, expand), missing=None)
        if result is None:
            return None
        asked = {"payout": result.id, "limit": PAGE}
        covered = self._call(lambda api: list(api.balance_transactions.list(asked).auto_paging_iter()))
        return RemotePayout(
            id=result.id,
            amount=result.amount,
            currency=result.currency.upper(),
            status=result.status,
            arrives_on=_moment(result.arrival_date).date(),
            lines=_lines(result.balance_transaction, result.failure_balance_transaction),
            covers=tuple(item for item in map(line_of, covered) if item.kind not in ("payout", "payout_failure")),
        )

    def intent_of(self, kind: str, key: str) -> str:
        """Follow a charge, refund or dispute to its payment intent."""
        result = self._call(lambda api: getattr(api, f"{kind}s").retrieve(key), missing=None)
        return _id(getattr(result, "payment_intent", None)) if result is not None else ""

    def reference_of(self, intent_id: str) -> str:
        """Return the public id of the payment that an intent was made for, "" if it is not ours."""
        intent = self._intent(intent_id)
        metadata = getattr(intent, "metadata", None) if intent is not None else None
        return str(metadata["payment"]) if metadata is not None and "payment" in metadata else ""

    def stray_lines(self, intent_id: str) -> tuple[Line, ...]:
        """Return the lines of an intent's charge: money that came without a payment of ours."""
        intent = self._intent(intent_id)
        charge = intent.latest_charge if intent is not None else None
        return _lines(getattr(charge, "balance_transaction", None)) if charge is not None else ()

    def lines(self, since: dt.datetime) -> Iterator[Line]:
        """Give the balance transactions since then, newest first."""
        asked = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
        result = self._call(lambda api: list(api.balance_transactions.list(asked).auto_paging_iter()))
        return iter([line_of(item) for item in result])

    def events(self, since: dt.datetime) -> Iterator[RemoteEvent]:
        """Give the events of the types that we process since then, newest first."""
        asked = {"created": {"gte": int(since.timestamp())}, "types": list(EVENT_TYPES), "limit": PAGE}
        result = self._call(lambda api: list(api.events.list(asked).auto_paging_iter()))
        return iter([RemoteEvent(item.id, item.type, json.dumps(item.to_dict(), default=str)) for item in result])

    def balance(self) -> dict[str, int]:
        """Sum available and pending money by currency."""
        result = self._call(lambda api: api.balance.retrieve())
        total: dict[str, int] = {}
        for part in (*result.available, *(result.pending or [])):
            total[part.currency.upper()] = total.get(part.currency.upper(), 0) + part.amount
        return total

    def disabled_endpoints(self) -> list[str]:
        """List webhook endpoints that Stripe has switched off."""
        result = self._call(lambda api: list(api.webhook_endpoints.list({"limit": PAGE}).auto_paging_iter()))
        return [item.url for item in result if item.status != "enabled"]


def _refund(item: Any) -> RemoteRefund:
    metadata = item.metadata
    return RemoteRefund(
        id=item.id,
        number=str(metadata["refund"]) if metadata is not None and "refund" in metadata else "",
        amount=item.amount,
        status=item.status or "",
        failure=str(getattr(item, "failure_reason", "") or ""),
        lines=_lines(item.balance_transaction, getattr(item, "failure_balance_transaction", None)),
    )


def _dispute(item: Any) -> RemoteDispute:
    details = getattr(item, "evidence_details", None)
    due = getattr(details, "due_by", None) if details is not None else None
    return RemoteDispute(
        id=item.id,
        amount=item.amount,
        status=item.status,
        reason=item.reason or "",
        due_at=_moment(due) if due else None,
        lines=_lines(*(item.balance_transactions or [])),
    )
