"""What the double remembers: objects by id, newest first by kind, answers by idempotency key, its clock, its moods."""

from __future__ import annotations

import copy
import json
import os
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from marketplace.payments.practice.contract import Refused

Thing = dict[str, Any]


@dataclass
class Moods:
    """How the double misbehaves; all of it happens at Stripe too."""

    duplicate: int = 0  # further deliveries of every event
    drop: int = 0  # so many of the next events are never delivered
    delay: float = 0.0  # seconds before an event is delivered
    spread: float = 0.0  # up to so many seconds more, by chance: events overtake each other
    late_balance: bool = False  # a charge gets its balance transaction only afterwards (``charge.updated``)
    pending_refunds: bool = False  # refunds wait until ``finish_refund``
    settles_in: str = "cny"
    rates: dict[str, str] = field(default_factory=lambda: {"jpy": "0.0485", "usd": "7.1", "hkd": "0.91"})
    fee_next: int | None = None  # fee of the next charge in the smallest unit, instead of 2.9 % + 30
    dispute_fee: int = 10500
    #: one entry is one request that goes wrong: {"on": "POST /v1/refunds", "how": "429|500|timeout|lost"}
    failures: list[dict[str, str]] = field(default_factory=list)


class World:
    """All state of the double, behind one lock; kept in a file if one is named."""

    def __init__(self, file: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.file = file
        self.moods = Moods()
        self.objects: dict[str, Thing] = {}
        self.order: dict[str, list[str]] = {}
        self.answers: dict[str, list[Any]] = {}
        self.offset = 0.0  # seconds by which the clock is ahead
        self.listeners: list[Any] = []  # each is called with the id of a new event
        if file is not None and file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            self.objects, self.order, self.answers = kept["objects"], kept["order"], kept["answers"]

    def save(self) -> None:
        """Keep the state, whole or not at all."""
        if self.file is not None:
            fresh = self.file.with_suffix(".new")
            text = json.dumps({"objects": self.objects, "order": self.order, "answers": self.answers})
            fresh.write_text(text, encoding="utf-8")
            os.replace(fresh, self.file)

    def reset(self) -> None:
        """Forget everything except the webhook endpoints."""
        with self.lock:
            kept = [self.objects[key] for key in self.order.get("webhook_endpoint", [])]
            self.objects = {item["id"]: {**item, "status": "enabled"} for item in kept}
            self.order = {"webhook_endpoint": list(self.objects)}
            self.answers, self.moods, self.offset = {}, Moods(), 0.0

    def now(self) -> int:
        """Tell the double's time in seconds since 1970."""
        return int(time.time() + self.offset)

    def put(self, kind: str, prefix: str, **fields: Any) -> Thing:
        """Make an object, the newest of its kind."""
        thing = {"id": new_id(prefix), "object": kind, "created": self.now(), "livemode": False, **fields}
        self.objects[thing["id"]] = thing
        self.order.setdefault(kind, []).insert(0, thing["id"])
        return thing

    def get(self, key: Any, kind: str) -> Thing:
        """Return the object with this id and kind. Raises ``Refused`` 404."""
        thing = self.objects.get(key)
        if thing is None or thing["object"] != kind:
            raise Refused(404, f"No such {kind}: '{key}'", code="resource_missing", param="id")
        return thing

    def all(self, kind: str) -> list[Thing]:
        """List the objects of a kind, newest first."""
        return [self.objects[key] for key in self.order.get(kind, [])]

    def emit(self, kind: str, thing: Thing) -> Thing:
        """Record an event with a copy of the object as it is now, and tell the listeners."""
        import stripe  # already loaded by the contract; here only for the version's name

        event = self.put(
            "event",
            "evt",
            type=kind,
            api_version=stripe.api_version,
            data={"object": public(copy.deepcopy(thing))},
            pending_webhooks=0,
            request={"id": None, "idempotency_key": None},
        )
        for listener in self.listeners:
            listener(event["id"])
        return event

    def failure(self, request: str) -> str:
        """Return how this request is to fail ("" if it is not) and use the entry up."""
        for entry in self.moods.failures:
            if request.startswith(entry["on"]):
                self.moods.failures.remove(entry)
                return entry["how"]
        return ""

    def set_moods(self, changes: Thing) -> Thing:
        """Change moods by name; return all of them. Unknown names are refused."""
        for name, value in changes.items():
            if not hasattr(self.moods, name):
                raise Refused(400, f"Unknown mood: {name}", param=name)
            setattr(self.moods, name, value)
        return asdict(self.moods)


def new_id(prefix: str) -> str:
    """Return a fresh id in Stripe's manner."""
    return f"{prefix}_{secrets.token_hex(12)}"


def public(thing: Thing) -> Thing:
    """Leave out what is only for ourselves (names that begin with an underscore)."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def listing(data: list[Thing], url: str, more: bool = False) -> Thing:
    """Return a list in Stripe's shape."""
    return {"object": "list", "url": url, "has_more": more, "data": data}


def expanded(world: World, thing: Thing, paths: list[str]) -> Thing:
    """Return a copy with the objects that ``expand`` names put in place of their ids."""
    result = copy.deepcopy(thing)
    for path in paths:
        name, _, rest = path.partition(".")
        if name == "line_items" and "_items" in thing:
            result[name] = listing(copy.deepcopy(thing["_items"]), f"/v1/checkout/sessions/{thing['id']}/line_items")
        elif isinstance(result.get(name), str) and result[name] in world.objects:
            result[name] = expanded(world, world.objects[result[name]], [rest] if rest else [])
        elif isinstance(result.get(name), dict) and rest:
            result[name] = expanded(world, result[name], [rest])
    return public(result)
