"""Oscar's event handler, closed: it changes states without points and stock. The rewards services do both."""

from __future__ import annotations

from typing import Any, NoReturn

from oscar.apps.order import processing as oscar

from marketplace.order.errors import UseRewards


class EventHandler(oscar.EventHandler):
    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UseRewards

    handle_shipping_event = _refuse
    handle_payment_event = _refuse
    handle_order_status_change = _refuse
    consume_stock_allocations = _refuse
    cancel_stock_allocations = _refuse
