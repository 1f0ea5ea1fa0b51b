"""The double's part of Stripe's API: which request does what, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stripe import params as sp
from stripe.params import checkout as cp

from marketplace.payments.practice import checkout, money
from marketplace.payments.practice.contract import Refused, checked
from marketplace.payments.practice.world import Thing, World, expanded, listing, new_id, public

#: path → kind of object, its parameters for a list, the fields that a list can be narrowed by
LISTS: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "customers": ("customer", sp.CustomerListParams, ("email",)),
    "products": ("product", sp.ProductListParams, ()),
    "prices": ("price", sp.PriceListParams, ("product", "currency")),
    "payment_intents": ("payment_intent", sp.PaymentIntentListParams, ("customer",)),
    "charges": ("charge", sp.ChargeListParams, ("payment_intent", "customer")),
    "refunds": ("refund", sp.RefundListParams, ("payment_intent", "charge")),
    "disputes": ("dispute", sp.DisputeListParams, ("payment_intent", "charge")),
    "payouts": ("payout", sp.PayoutListParams, ("status",)),
    "events": ("event", sp.EventListParams, ("type",)),
    "balance_transactions": (
        "balance_transaction",
        sp.BalanceTransactionListParams,
        ("source", "type", "currency", "_payout"),
    ),
    "webhook_endpoints": ("webhook_endpoint", sp.WebhookEndpointListParams, ()),
    "checkout/sessions": ("checkout.session", cp.SessionListParams, ("payment_intent", "customer")),
}
SIMPLE = {
    "customers": ("customer", "cus", sp.CustomerCreateParams),
    "products": ("product", "prod", sp.ProductCreateParams),
    "prices": ("price", "price", sp.PriceCreateParams),
}


def answer(world: World, method: str, path: str, asked: Thing, origin: str) -> Thing:
    """Do what a request asks for. ``path`` is without ``/v1/``. Raises ``Refused``."""
    if method == "GET":
        return _read(world, path, asked)
    if method == "POST":
        return _write(world, path, asked, origin)
    if method == "DELETE" and (match := re.fullmatch(r"webhook_endpoints/(we_\w+)", path)):
        endpoint = world.get(match[1], "webhook_endpoint")
        world.order["webhook_endpoint"].remove(endpoint["id"])
        return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
    raise _unknown(method, path)


def _unknown(method: str, path: str) -> Refused:
    return Refused(404, f"Unrecognized request URL ({method}: /v1/{path}).")


def _expand(asked: Thing) -> list[str]:
    value = asked.pop("expand", None) or []
    return list(value.values()) if isinstance(value, dict) else list(value)


def _read(world: World, path: str, asked: Thing) -> Thing:
    checkout.expire_due(world)
    if path == "balance":
        available = [{"amount": net, "currency": name} for name, net in sorted(money.balance(world).items())]
        return {"object": "balance", "livemode": False, "available": available, "pending": []}
    if path in LISTS:
        return _list(world, path, asked)
    if match := re.fullmatch(r"checkout/sessions/(cs_\w+)/line_items", path):
        return listing(world.get(match[1], "checkout.session")["_items"], f"/v1/{path}")
    head, _, key = path.rpartition("/")
    if head in LISTS and key:
        return expanded(world, world.get(key, LISTS[head][0]), _expand(asked))
    raise _unknown("GET", path)


def _list(world: World, path: str, asked: Thing) -> Thing:
    kind, shape, narrow = LISTS[path]
    expand = [item.removeprefix("data.") for item in _expand(asked)]
    wanted = checked(shape, asked)
    if "payout" in wanted:
        wanted["_payout"] = wanted.pop("payout")
    limit = wanted.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refused(400, "This value must be between 1 and 100.", param="limit")
    created = wanted.get("created") or {}
    created = {"gte": created, "lte": created} if isinstance(created, (int, str)) else created
    result = [
        thing
        for thing in world.all(kind)
        if all(thing.get(name) == wanted[name] for name in narrow if name in wanted)
        and ("types" not in wanted or thing["type"] in wanted["types"])
        and int(created.get("gte", 0)) <= thing["created"] <= int(created.get("lte", 1 << 60))
        and int(created.get("gt", -1)) < thing["created"] < int(created.get("lt", 1 << 60))
    ]
    keys = [thing["id"] for thing in result]
    if "starting_after" in wanted:
        world.get(wanted["starting_after"], kind)
        result = result[keys.index(wanted["starting_after"]) + 1 :] if wanted["starting_after"] in keys else []
    more = len(result) > limit
    return listing([expanded(world, thing, expand) for thing in result[:limit]], f"/v1/{path}", more)


def _write(world: World, path: str, asked: Thing, origin: str) -> Thing:
    expand = _expand(asked)
    if path in SIMPLE:
        kind, prefix, shape = SIMPLE[path]
        made = world.put(kind, prefix, **{"metadata": {}, **checked(shape, asked)})
        world.emit(f"{kind}.created", made)
        return made
    if path in CREATE:
        shape, make = CREATE[path]
        return expanded(world, make(world, checked(shape, asked), origin), expand)
    if match := re.fullmatch(r"payment_intents/(pi_\w+)/(confirm|cancel)", path):
        return expanded(world, _intent_step(world, match[1], match[2], asked), expand)
    if match := re.fullmatch(r"checkout/sessions/(cs_\w+)/expire", path):
        checked(cp.SessionExpireParams, asked)
        return public(checkout.expire(world, match[1]))
    if match := re.fullmatch(r"disputes/(dp_\w+)/close", path):
        checked(sp.DisputeCloseParams, asked)
        return money.close_dispute(world, match[1], won=False)
    raise _unknown("POST", path)


def _intent_step(world: World, key: str, step: str, asked: Thing) -> Thing:
    intent = world.get(key, "payment_intent")
    if step == "confirm":
        money.pay(world, intent, checked(sp.PaymentIntentConfirmParams, asked).get("payment_method", "pm_card_visa"))
        return intent
    checked(sp.PaymentIntentCancelParams, asked)
    if intent["status"] in ("succeeded", "canceled"):
        words = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise Refused(400, words, code="payment_intent_unexpected_state")
    intent["status"] = "canceled"
    world.emit("payment_intent.canceled", intent)
    return intent


def _create_intent(world: World, asked: Thing, _origin: str) -> Thing:
    intent = money.new_intent(
        world,
        amount=asked["amount"],
        currency=asked["currency"],
        customer=asked.get("customer"),
        metadata=asked.get("metadata") or {},
    )
    world.emit("payment_intent.created", intent)
    if asked.get("confirm"):
        money.pay(world, intent, asked.get("payment_method", "pm_card_visa"))
    return intent


def _create_refund(world: World, asked: Thing, _origin: str) -> Thing:
    return money.refund(world, asked)


def _create_payout(world: World, asked: Thing, _origin: str) -> Thing:
    return money.payout(world, asked["amount"], asked["currency"])


def _create_endpoint(world: World, asked: Thing, _origin: str) -> Thing:
    return add_endpoint(world, asked["url"], new_id("whsec"), asked["enabled_events"])


def add_endpoint(world: World, url: str, secret: str, events: list[str] | None = None) -> Thing:
    """Register an address that is told of events."""
    return world.put(
        "webhook_endpoint", "we", url=url, enabled_events=events or ["*"], secret=secret, status="enabled", metadata={}
    )


CREATE: dict[str, tuple[Any, Callable[[World, Thing, str], Thing]]] = {
    "payment_intents": (sp.PaymentIntentCreateParams, _create_intent),
    "checkout/sessions": (cp.SessionCreateParams, checkout.create),
    "refunds": (sp.RefundCreateParams, _create_refund),
    "payouts": (sp.PayoutCreateParams, _create_payout),
    "webhook_endpoints": (sp.WebhookEndpointCreateParams, _create_endpoint),
}


def control(world: World, what: str, asked: Thing) -> Thing:
    """Do what Stripe has no request for: let time pass, misbehave, dispute, settle."""
    acts: dict[str, Callable[[], Thing]] = {
        "moods": lambda: world.set_moods(asked),
        "clock": lambda: _clock(world, asked),
        "finish_delayed": lambda: money.finish_delayed(world, asked["intent"], succeeds=asked["succeeds"]),
        "settle_charge": lambda: money.settle_charge(world, asked["charge"]),
        "finish_refund": lambda: money.finish_refund(world, asked["refund"], succeeds=asked["succeeds"]),
        "dispute": lambda: money.open_dispute(
            world, asked["charge"], asked.get("amount"), warning=asked.get("warning", False)
        ),
        "close_dispute": lambda: money.close_dispute(
            world, asked["dispute"], won=asked["won"], fee_returned=asked.get("fee_returned", False)
        ),
        "payout": lambda: money.payout(world, asked.get("amount"), asked.get("currency")),
        "fail_payout": lambda: money.fail_payout(world, asked["payout"]),
        "pay": lambda: checkout.pay(world, asked["session"], asked.get("method", "pm_card_visa")),
    }
    if what not in acts:
        raise Refused(404, f"Unknown control: {what}")
    return public(acts[what]())


def _clock(world: World, asked: Thing) -> Thing:
    world.offset += float(asked.get("forward", 0))
    checkout.expire_due(world)
    return {"now": world.now()}
