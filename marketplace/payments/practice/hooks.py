"""Tell webhook endpoints of events: signed, repeated until answered with 2xx; and badly, when asked to."""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

import stripe

from marketplace.payments.practice.world import Thing, World, public

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)  # seconds before each repetition


def signed(event: Thing, secret: str, due_at: int | None = None) -> tuple[bytes, str]:
    """Return the body of an event and the header that vouches for it."""
    body = json.dumps(public(event), ensure_ascii=False)
    return body.encode(), stripe.WebhookSignature.generate_signature_header(body, secret, due_at)


class Courier:
    """Delivers events in a thread of its own until it is stopped."""

    def __init__(self, world: World, pauses: Sequence[float] = PAUSES) -> None:
        self.world = world
        self.pauses = pauses
        self.delivered: list[tuple[str, int]] = []  # event, status of the answer
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, str, str, int]] = []  # when, number, event, endpoint, attempt
        self._numbers = itertools.count()
        self._ended = False
        self._busy = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="practice-courier")
        world.listeners.append(self.announce)
        self._thread.start()

    def announce(self, event_id: str) -> None:
        """Plan the deliveries of a new event, as the double's mood is."""
        moods = self.world.moods
        if moods.drop > 0:
            moods.drop -= 1
            return
        event = self.world.objects[event_id]
        for endpoint in self.world.all("webhook_endpoint"):
            if endpoint["status"] == "enabled" and {"*", event["type"]} & set(endpoint["enabled_events"]):
                for _ in range(1 + moods.duplicate):
                    self._plan(moods.delay + random.uniform(0, moods.spread), event_id, endpoint["id"], 0)

    def _plan(self, pause: float, event_id: str, endpoint_id: str, attempt: int) -> None:
        with self._wake:
            entry = (time.monotonic() + pause, next(self._numbers), event_id, endpoint_id, attempt)
            heapq.heappush(self._due, entry)
            self._wake.notify()

    def stop(self) -> None:
        """End the thread; what is still to be delivered is not."""
        with self._wake:
            self._ended = True
            self._wake.notify()
        self._thread.join(15)

    def wait_idle(self, longest: float = 10.0) -> bool:
        """Wait until nothing is due any more; say whether that came in time."""
        end = time.monotonic() + longest
        while time.monotonic() < end:
            with self._wake:
                if not self._due and not self._busy:
                    return True
            time.sleep(0.01)
        return False

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._ended and (not self._due or self._due[0][0] > time.monotonic()):
                    self._wake.wait(max(0.0, self._due[0][0] - time.monotonic()) if self._due else None)
                if self._ended:
                    return
                _, _, event_id, endpoint_id, attempt = heapq.heappop(self._due)
                self._busy = True
            try:
                self._deliver(event_id, endpoint_id, attempt)
            finally:
                self._busy = False

    def _deliver(self, event_id: str, endpoint_id: str, attempt: int) -> None:
        with self.world.lock:
            event = self.world.objects.get(event_id)
            endpoint = self.world.objects.get(endpoint_id)
            if event is None or endpoint is None:
                return
            body, header = signed(event, endpoint["secret"])
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header}
        request = urllib.request.Request(endpoint["url"], data=body, headers=headers)  # noqa: S310 (loopback)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 (loopback, from our own start)
                status = reply.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except (OSError, http.client.HTTPException):
            status = 0
        self.delivered.append((event_id, status))
        if not 200 <= status < 300 and attempt < len(self.pauses):
            self._plan(self.pauses[attempt], event_id, endpoint_id, attempt + 1)
