"""Checkout sessions of the double: made, paid, expired."""

from __future__ import annotations

import re

from marketplace.payments.practice import money
from marketplace.payments.practice.contract import Refused
from marketplace.payments.practice.world import Thing, World, new_id

LONGEST = 24 * 3600
SHORTEST = 30 * 60


def create(world: World, asked: Thing, origin: str) -> Thing:
    """Make a session with a page to pay on. Raises ``Refused`` as Stripe would."""
    if asked.get("mode") != "payment":
        raise Refused(400, "The practice double takes only mode=payment.", param="mode")
    items = [_item(world, number, line) for number, line in enumerate(asked.get("line_items") or [])]
    if not items:
        raise Refused(400, "Missing required param: line_items.", code="parameter_missing", param="line_items")
    if not asked.get("success_url"):
        raise Refused(400, "Missing required param: success_url.", code="parameter_missing", param="success_url")
    expires = int(asked.get("expires_at", world.now() + LONGEST))
    if not world.now() + SHORTEST - 60 <= expires <= world.now() + LONGEST + 60:
        words = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise Refused(400, words, param="expires_at")
    total = sum(item["amount_total"] for item in items)
    session = world.put(
        "checkout.session",
        "cs_test",
        mode="payment",
        status="open",
        payment_status="unpaid",
        amount_total=total,
        amount_subtotal=total,
        currency=items[0]["currency"],
        client_reference_id=asked.get("client_reference_id"),
        customer=asked.get("customer"),
        metadata=asked.get("metadata") or {},
        success_url=asked["success_url"],
        cancel_url=asked.get("cancel_url"),
        locale=asked.get("locale", "auto"),
        payment_intent=None,
        expires_at=expires,
        _items=items,
        _intent=asked.get("payment_intent_data") or {},
    )
    session["url"] = f"{origin}/c/pay/{session['id']}"
    return session


def _item(world: World, number: int, line: Thing) -> Thing:
    quantity = line.get("quantity", 1)
    if "price" in line:
        price = world.get(line["price"], "price")
    elif "price_data" in line:
        data = line["price_data"]
        if not re.fullmatch("[A-Za-z]{3}", data["currency"]):
            raise Refused(400, f"Invalid currency: {data['currency']}", param=f"line_items[{number}]")
        if "unit_amount" not in data:
            place = f"line_items[{number}][price_data][unit_amount]"
            raise Refused(400, f"Missing required param: {place}.", code="parameter_missing", param=place)
        product = world.put("product", "prod", name=data.get("product_data", {}).get("name", ""), active=True)
        price = world.put(
            "price",
            "price",
            currency=data["currency"].lower(),
            unit_amount=data["unit_amount"],
            product=product["id"],
            active=False,
            type="one_time",
        )
    else:
        place = f"line_items[{number}][price]"
        raise Refused(400, f"Missing required param: {place}.", code="parameter_missing", param=place)
    return {
        "id": new_id("li"),
        "object": "item",
        "quantity": quantity,
        "price": dict(price),
        "amount_total": price["unit_amount"] * quantity,
        "currency": price["currency"],
        "description": world.objects[price["product"]].get("name", ""),
    }


def pay(world: World, session_id: str, method: str) -> Thing:
    """Pay an open session. A declined card leaves it open, as at Stripe."""
    expire_due(world)
    session = world.get(session_id, "checkout.session")
    if session["status"] != "open":
        raise Refused(400, f"This Checkout Session is {session['status']}.", code="checkout_session_unexpected_state")
    intent = world.objects.get(session["payment_intent"] or "")
    if intent is None:
        intent = money.new_intent(
            world,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=session["customer"],
            metadata=session["_intent"].get("metadata") or {},
        )
        session["payment_intent"] = intent["id"]
    money.pay(world, intent, method)
    session["status"] = "complete"
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
    world.emit("checkout.session.completed", session)
    return session


def expire(world: World, session_id: str) -> Thing:
    """End an open session."""
    session = world.get(session_id, "checkout.session")
    if session["status"] != "open":
        raise Refused(400, 'Only Checkout Sessions with a status in ["open"] can be expired.')
    session["status"] = "expired"
    world.emit("checkout.session.expired", session)
    return session


def expire_due(world: World) -> None:
    """End every session whose time is over by the double's clock."""
    for session in world.all("checkout.session"):
        if session["status"] == "open" and session["expires_at"] <= world.now():
            expire(world, session["id"])
