"""What happens to money in the double: charges, fees, refunds, disputes, payouts, each with its balance transaction."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from marketplace.payments.practice.contract import Refused
from marketplace.payments.practice.world import Thing, World, new_id

ZERO_DECIMAL = frozenset({"jpy", "krw", "vnd", "clp", "xaf", "xof", "pyg", "rwf", "ugx", "vuv"})
DECLINED = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
}
DELAYED = "pm_practice_delayed"  # a way to pay whose money comes later, or never
DAYS_2 = 2 * 24 * 3600


def balance_line(world: World, kind: str, amount: int, source: str, *, fee: int = 0, currency: str) -> Thing:
    """Write one balance transaction: gross ``amount``, ``fee``, net, in the currency of settlement."""
    return world.put(
        "balance_transaction",
        "txn",
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=currency,
        type=kind,
        reporting_category={"adjustment": "dispute", "payment": "charge"}.get(kind, kind),
        source=source,
        status="pending",
        available_on=world.now() + DAYS_2,
        exchange_rate=None,
        fee_details=[{"amount": fee, "currency": currency, "type": "stripe_fee", "description": "fee"}] if fee else [],
        _payout=None,
    )


def settled(world: World, amount: int, currency: str) -> tuple[int, str, float | None]:
    """Turn an amount into the currency of settlement: amount, currency, exchange rate (None: the same)."""
    target = world.moods.settles_in
    if currency == target:
        return amount, currency, None
    rate = Decimal(world.moods.rates[currency])
    if target != "cny":  # rates are written against CNY
        rate /= Decimal(world.moods.rates[target])
    exponent = (0 if target in ZERO_DECIMAL else 2) - (0 if currency in ZERO_DECIMAL else 2)
    value = (amount * rate).scaleb(exponent).to_integral_value(ROUND_HALF_UP)
    return int(value), target, float(rate.scaleb(exponent))


def new_intent(world: World, *, amount: int, currency: str, metadata: Thing, customer: str | None = None) -> Thing:
    """Make a payment intent that waits for a way to pay."""
    if amount < 1:
        raise Refused(
            400, "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    return world.put(
        "payment_intent",
        "pi",
        amount=amount,
        amount_received=0,
        currency=currency.lower(),
        customer=customer,
        metadata=metadata,
        status="requires_payment_method",
        latest_charge=None,
        payment_method=None,
        client_secret=new_id("pi_secret"),
        last_payment_error=None,
    )


def pay(world: World, intent: Thing, method: str) -> None:
    """Pay with a way to pay: it succeeds, is declined (402), or its money comes later."""
    if intent["status"] in ("succeeded", "canceled", "processing"):
        words = f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
        raise Refused(400, words, code="payment_intent_unexpected_state")
    if method in DECLINED:
        error = {"code": "card_declined", "decline_code": DECLINED[method], "type": "card_error"}
        intent.update(status="requires_payment_method", last_payment_error=error)
        world.emit("payment_intent.payment_failed", intent)
        raise Refused(
            402,
            "Your card was declined.",
            "card_error",
            code=error["code"],
            decline_code=error["decline_code"],
            payment_intent=dict(intent),
        )
    intent.update(payment_method=method, last_payment_error=None)
    if method == DELAYED:
        intent["status"] = "processing"
        world.emit("payment_intent.processing", intent)
        return
    _charge(world, intent)


def _charge(world: World, intent: Thing) -> None:
    charge = world.put(
        "charge",
        "ch",
        amount=intent["amount"],
        amount_refunded=0,
        currency=intent["currency"],
        payment_intent=intent["id"],
        paid=True,
        refunded=False,
        disputed=False,
        status="succeeded",
        metadata=intent["metadata"],
        customer=intent["customer"],
        balance_transaction=None,
    )
    intent.update(status="succeeded", latest_charge=charge["id"], amount_received=intent["amount"])
    if not world.moods.late_balance:
        settle_charge(world, charge["id"])
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)


def settle_charge(world: World, charge_id: str) -> Thing:
    """Give a charge its balance transaction; where it came late, say so by ``charge.updated``."""
    charge = world.get(charge_id, "charge")
    if charge["balance_transaction"] is None:
        amount, currency, rate = settled(world, charge["amount"], charge["currency"])
        fee = world.moods.fee_next if world.moods.fee_next is not None else (amount * 29 + 500) // 1000 + 30
        world.moods.fee_next = None
        line = balance_line(world, "charge", amount, charge["id"], fee=fee, currency=currency)
        line["exchange_rate"] = rate
        charge["balance_transaction"] = line["id"]
        if world.moods.late_balance:
            world.emit("charge.updated", charge)
    return charge


def finish_delayed(world: World, intent_id: str, *, succeeds: bool) -> Thing:
    """Let the money of a delayed way to pay come, or fail for good."""
    intent = world.get(intent_id, "payment_intent")
    if intent["status"] != "processing":
        raise Refused(400, f"The intent is {intent['status']}.", code="payment_intent_unexpected_state")
    session = next((item for item in world.all("checkout.session") if item["payment_intent"] == intent_id), None)
    if succeeds:
        _charge(world, intent)
        if session:
            session["payment_status"] = "paid"
            world.emit("checkout.session.async_payment_succeeded", session)
    else:
        intent.update(status="requires_payment_method", last_payment_error={"code": "payment_intent_payment_failed"})
        world.emit("payment_intent.payment_failed", intent)
        if session:
            world.emit("checkout.session.async_payment_failed", session)
    return intent


def refund(world: World, asked: Thing) -> Thing:
    """Give money back: never more than is left of the charge."""
    intent = world.get(asked["payment_intent"], "payment_intent") if "payment_intent" in asked else None
    charge = world.get(asked.get("charge") or (intent or {}).get("latest_charge"), "charge")
    left = charge["amount"] - charge["amount_refunded"]
    amount = asked.get("amount", left)
    if charge["disputed"]:
        words = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise Refused(400, words, code="charge_disputed")
    if left == 0:
        raise Refused(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount < 1:
        raise Refused(400, "Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        words = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise Refused(400, words, param="amount")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    given = world.put(
        "refund",
        "re",
        amount=amount,
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        currency=charge["currency"],
        status="pending" if world.moods.pending_refunds else "succeeded",
        reason=asked.get("reason"),
        metadata=asked.get("metadata") or {},
        failure_reason=None,
        failure_balance_transaction=None,
        balance_transaction=None,
    )
    value, currency, _ = settled(world, amount, charge["currency"])
    line = balance_line(world, "refund", -value, given["id"], currency=currency)
    given["balance_transaction"] = line["id"]
    world.emit("refund.created", given)
    world.emit("charge.refunded", charge)
    return given


def finish_refund(world: World, refund_id: str, *, succeeds: bool) -> Thing:
    """Let a refund arrive, or come back because the card's bank did not take it."""
    given = world.get(refund_id, "refund")
    if succeeds:
        given["status"] = "succeeded"
        world.emit("refund.updated", given)
        return given
    charge = world.get(given["charge"], "charge")
    charge["amount_refunded"] -= given["amount"]
    charge["refunded"] = False
    value, currency, _ = settled(world, given["amount"], given["currency"])
    line = balance_line(world, "refund_failure", value, given["id"], currency=currency)
    given.update(status="failed", failure_reason="lost_or_stolen_card", failure_balance_transaction=line["id"])
    world.emit("refund.failed", given)
    return given


def open_dispute(world: World, charge_id: str, amount: int | None = None, *, warning: bool = False) -> Thing:
    """Let a card holder object: the money leaves at once, with a fee apart; a warning moves nothing."""
    charge = world.get(charge_id, "charge")
    amount = amount or charge["amount"]
    dispute = world.put(
        "dispute",
        "dp",
        amount=amount,
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        currency=charge["currency"],
        reason="fraudulent",
        status="warning_needs_response" if warning else "needs_response",
        is_charge_refundable=warning,
        metadata={},
        evidence={},
        balance_transactions=[],
    )
    world.emit("charge.dispute.created", dispute)
    if not warning:
        charge["disputed"] = True
        value, currency, _ = settled(world, amount, charge["currency"])
        fee = world.moods.dispute_fee
        line = balance_line(world, "adjustment", -value, dispute["id"], fee=fee, currency=currency)
        dispute["balance_transactions"].append(line)
        world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(world: World, dispute_id: str, *, won: bool, fee_returned: bool = False) -> Thing:
    """Decide a dispute; won: the money comes back, the fee only where the card's rules say so."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["status"] in ("won", "lost", "warning_closed"):
        raise Refused(400, "This dispute is already closed")
    if dispute["status"].startswith("warning"):
        dispute["status"] = "warning_closed"
    else:
        dispute["status"] = "won" if won else "lost"
        if won:
            world.get(dispute["charge"], "charge")["disputed"] = False
            value, currency, _ = settled(world, dispute["amount"], dispute["currency"])
            fee = -world.moods.dispute_fee if fee_returned else 0
            line = balance_line(world, "adjustment", value, dispute["id"], fee=fee, currency=currency)
            dispute["balance_transactions"].append(line)
            world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", dispute)
    return dispute


def balance(world: World) -> dict[str, int]:
    """Sum what the account holds, net, by currency."""
    total: dict[str, int] = {}
    for line in world.all("balance_transaction"):
        total[line["currency"]] = total.get(line["currency"], 0) + line["net"]
    return total


def payout(world: World, amount: int | None = None, currency: str | None = None) -> Thing:
    """Send money to the bank: all that is there, with the lines it covers, or a stated amount."""
    currency = currency or world.moods.settles_in
    held = balance(world).get(currency, 0)
    sent = held if amount is None else amount
    if sent < 1 or sent > held:
        words = "You have insufficient funds in your Stripe account for this transfer."
        raise Refused(400, words, code="balance_insufficient", param="amount")
    made = world.put(
        "payout",
        "po",
        amount=sent,
        currency=currency,
        status="paid",
        arrival_date=world.now(),
        automatic=amount is None,
        method="standard",
        type="bank_account",
        metadata={},
        balance_transaction=None,
        failure_balance_transaction=None,
        failure_code=None,
    )
    line = balance_line(world, "payout", -sent, made["id"], currency=currency)
    made["balance_transaction"] = line["id"]
    line["_payout"] = made["id"]
    if amount is None:
        for item in world.all("balance_transaction"):
            if item["currency"] == currency and item["_payout"] is None:
                item["_payout"] = made["id"]
    world.emit("payout.created", made)
    world.emit("payout.paid", made)
    return made


def fail_payout(world: World, payout_id: str) -> Thing:
    """Let the bank send a payout back."""
    made = world.get(payout_id, "payout")
    line = balance_line(world, "payout_failure", made["amount"], made["id"], currency=made["currency"])
    made.update(status="failed", failure_balance_transaction=line["id"], failure_code="account_closed")
    world.emit("payout.failed", made)
    return made
