"""Oscar's event handler, led through the rewards services: they move points, stock and tickets with the status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from oscar.apps.order import processing as oscar

from marketplace.order.errors import UseRewards

#: Who cancels an order; the rewards app, which stands above this one, registers itself when it starts.
_cancel: list[Callable[..., Any]] = []


def cancel_by(service: Callable[..., Any]) -> None:
    """Let ``service(order=, actor=, why=)`` do what Oscar's dashboard calls a change of status."""
    _cancel[:] = [service]


class EventHandler(oscar.EventHandler):
    def handle_order_status_change(self, order: Any, new_status: str, note_msg: str | None = None) -> None:
        """Cancel as the counter does; every other status follows from the tickets and is refused."""
        if new_status != "cancelled" or not _cancel:
            raise UseRewards
        _cancel[0](order=order, actor=self.user, reason=note_msg or "")

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UseRewards

    handle_shipping_event = _refuse
    handle_payment_event = _refuse
    consume_stock_allocations = _refuse
    cancel_stock_allocations = _refuse
