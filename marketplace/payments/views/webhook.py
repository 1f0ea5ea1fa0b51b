"""Stripe's messages: bounded, verified, stored, answered; what follows is done elsewhere."""

from __future__ import annotations

import json
import logging
import time
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from kombu.exceptions import KombuError

from marketplace.payments.services import events
from marketplace.payments.tasks import task_event
from timebank.common.input import clean_text, read_int

log = logging.getLogger(__name__)

LARGEST = 256 * 1024
TOLERANCE = 300  # seconds by which a signature may be old, or ahead


class Refused(Exception):
    """Say why a call is refused; it is counted by day."""


def secrets() -> list[tuple[str, str]]:
    """List the secrets that may have signed a message, with the provider that each belongs to."""
    result = [("stripe", stripe_webhook_secrets) for stripe_webhook_secrets in settings.STRIPE_WEBHOOK_SECRETS]
    if settings.PRACTICE_PAYMENTS:
        result.append(("practice", settings.PRACTICE_WEBHOOK_SECRET))
    return result


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Keep a message of Stripe's and answer 200; a forged, stale or broken one is counted and answered 400 (413)."""
    try:
        provider, event, body = _verified(request)
    except Refused as refusal:
        events.count_refused(str(refusal))
        return HttpResponse(status=413 if str(refusal) == "too_large" else 400)
    ignored = bool(event.get("account")) or bool(event.get("livemode")) != _live(provider)
    with transaction.atomic():
        pk = events.store_event(provider=provider, event=event, body=body, ignored=ignored)
        if pk:
            transaction.on_commit(partial(_hand_over, pk))
    return HttpResponse(status=200)


def _hand_over(pk: int) -> None:
    try:
        task_event.delay(pk)
    except (KombuError, OSError) as error:  # the sweep finds the row within a minute
        log.warning("payments: event %s waits for the sweep: %s", pk, error)


def _live(provider: str) -> bool:
    return provider == "stripe" and settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))


def _verified(request: HttpRequest) -> tuple[str, dict[str, Any], str]:
    """Return the provider, the event and its text. Raises ``Refused``."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if read_int(length, default=0) > LARGEST:
        raise Refused("too_large")
    raw = request.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise Refused("too_large")
    try:
        body = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    header = request.headers.get("Stripe-Signature", "")
    provider = _signer(body, header)
    try:
        event = json.loads(body)
        whole = (
            event["object"] == "event"
            and isinstance(event["id"], str)
            and event["id"].startswith("evt_")
            and isinstance(event["type"], str)
            and isinstance(event["data"]["object"], dict)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise Refused("no_event")
    return provider, event, body


def _signer(body: str, header: str) -> str:
    """Return the provider whose secret signed the message. Raises ``Refused``."""
    from stripe import SignatureVerificationError, WebhookSignature

    for provider, secret in secrets():
        try:
            WebhookSignature.verify_header(body, header, secret, TOLERANCE)
        except SignatureVerificationError as error:
            if "tolerance" in str(error):
                raise Refused("too_old") from None
            continue
        except (ValueError, AttributeError, TypeError, UnicodeError):  # bytes that the SDK trips over
            continue
        if _ahead(header):
            raise Refused("from_future")
        return provider
    raise Refused("bad_signature")


def _ahead(header: str) -> bool:
    """Say whether the signature is dated more than the tolerance ahead; the SDK does not look."""
    moments = [part.partition("=")[2] for part in header.split(",") if clean_text(part).startswith("t=")]
    return any(read_int(row, default=10**17) > time.time() + TOLERANCE for row in moments[:1])
