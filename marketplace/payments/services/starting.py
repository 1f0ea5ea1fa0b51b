"""Open a page to pay on. Ten clicks, a lost answer, a second tab: one session."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from marketplace.funds.errors import BadAmount
from marketplace.payments import providers, rules
from marketplace.payments.errors import AmountMismatch, PaymentOpen, ProviderOff, ProviderRefused
from marketplace.payments.models import Payment
from marketplace.payments.models.payments import exponent_of, may_become
from timebank.common.errors import KeyConflict, NotFound

if TYPE_CHECKING:
    from marketplace.funds.models import Fund, Purpose

OPEN_FOR = dt.timedelta(minutes=60)
LIVE = (Payment.State.CREATING, Payment.State.OPEN, Payment.State.PROCESSING)


def start_payment(
    *,
    fund: Fund,
    amount_minor: int,
    key: uuid.UUID,
    title: str,
    actor: Any,
    origin: str,
    source: str = "",
    purpose: Purpose | None = None,
    payer: str = "",
    currency: str = "CNY",
    locale: str = "zh",
) -> Payment:
    """Return a payment with ``session_url`` to lead the payer to, or one that is paid already.

    Called by the app that knows what is paid for, after it has checked that ``actor`` may pay. ``origin`` is this
    site's address as the payer sees it. The same ``key``, or the same open ``source`` and amount, is the same payment.
    Raises ``ProviderOff``, ``ProviderDown`` (nothing was paid; call again with the same key), ``ProviderRefused``,
    ``PaymentOpen``, ``KeyConflict``, ``BadAmount``. Must not be called inside a transaction.
    """
    name = providers.online()
    if not name:
        raise ProviderOff
    if type(amount_minor) is not int or amount_minor <= 0:
        raise BadAmount(field="amount")
    if purpose is not None and purpose.fund_id != fund.pk:
        raise AmountMismatch(field="purpose")
    now = timezone.now()
    wanted = Payment(
        key=key,
        provider=name,
        fund=fund,
        purpose=purpose,
        source=source,
        title=title[:120],
        payer=payer[:120],
        currency=currency.upper(),
        amount_minor=amount_minor,
        exponent=exponent_of(currency.upper()),
        expires_at=now + OPEN_FOR,
        origin=origin.rstrip("/"),
        locale="zh" if locale.startswith("zh") else "en",
        started_by=actor,
        created_at=now,
    )
    payment = _same_or_new(wanted)
    if payment.state in LIVE and payment.expires_at is not None and payment.expires_at <= now:
        from marketplace.payments.services.syncing import sync_payment  # it is above this module

        payment = sync_payment(payment.pk)
        if payment.state in (Payment.State.EXPIRED, Payment.State.FAILED):
            payment = _same_or_new(wanted)
    return open_session(payment) if payment.state == Payment.State.CREATING else payment


def _same_or_new(wanted: Payment) -> Payment:
    """Find the payment that this one repeats, or write it."""
    for last_try in (False, True):
        result = _same(wanted)
        if result is not None:
            return result
        try:
            with transaction.atomic():
                wanted.pk = None
                wanted._state.adding = True
                wanted.save(force_insert=True)
        except IntegrityError:  # somebody wrote it at the same moment: it is there now
            if last_try:
                raise
        else:
            return wanted
    raise PaymentOpen


def _same(wanted: Payment) -> Payment | None:
    by_key = Payment.objects.filter(key=wanted.key).first()
    if by_key is not None:
        if _asks(by_key) != _asks(wanted):
            raise KeyConflict
        return by_key
    if not wanted.source:
        return None
    live = Payment.objects.filter(source=wanted.source, state__in=LIVE, provider__in=("stripe", "practice")).first()
    if live is not None and _asks(live) != _asks(wanted):
        raise PaymentOpen(payment=live.pk)
    return live


def _asks(payment: Payment) -> tuple[Any, ...]:
    return (payment.fund_id, payment.purpose_id, payment.source, payment.currency, payment.amount_minor)


def open_session(payment: Payment) -> Payment:
    """Ask the provider for the page of a payment that has none yet; repeated, it is the same page."""
    back = payment.origin + reverse("payments:return", args=[payment.public_id])
    cancel = payment.origin + reverse("payments:cancelled", args=[payment.public_id])
    provider = providers.of(payment.provider)
    try:
        started = provider.start(
            payment,
            title=payment.title,
            back=f"{back}?session_id={{CHECKOUT_SESSION_ID}}",
            cancel=cancel,
            locale=payment.locale,
        )
    except ProviderRefused as refusal:
        _fail(payment.pk, str(refusal.params.get("detail", "")))
        raise
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        if not locked.session:
            locked.session, locked.session_url, locked.livemode = started.session, started.url, started.livemode
        if may_become(locked, Payment.State.OPEN):
            locked.state = Payment.State.OPEN
        locked.save(update_fields=["session", "session_url", "livemode", "state"])
    return locked


def _fail(pk: int, reason: str) -> None:
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=pk)
        if may_become(locked, Payment.State.FAILED):
            locked.state = Payment.State.FAILED
            locked.failure = reason[:200]
            locked.save(update_fields=["state", "failure"])


def cancel_payment(*, payment: Payment, actor: Any) -> Payment:
    """Close the page of a payment that its payer gives up, so that another way can be chosen.

    Raises ``NotFound`` (404) for strangers. If it was paid at the last moment, it is paid.
    """
    from marketplace.payments.services.syncing import sync_payment  # it is above this module

    if not rules.is_payer(actor, payment):
        raise NotFound
    if payment.is_online and payment.state in LIVE:
        providers.of(payment.provider).expire(payment)
        return sync_payment(payment.pk)
    return payment
