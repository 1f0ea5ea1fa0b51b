"""Orders to read. What changes an order (cancel, hand over) is done by residents and clerks, with points and stock."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.views.generic import DetailView

from marketplace.operators.views import OperatorMixin, SearchListView
from marketplace.order.models import Order, label_of


class OrderListView(SearchListView):
    template_name = "dashboard/orders.html"

    def get_queryset(self) -> Any:
        orders = Order.objects.select_related("partner", "village", "redemption__resident").order_by(
            "-date_placed", "-pk"
        )
        query = self.query()
        if query:
            orders = orders.filter(Q(number__startswith=query) | Q(partner__name__icontains=query))
        return orders


class OrderDetailView(OperatorMixin, DetailView):
    template_name = "dashboard/order.html"
    slug_field = slug_url_kwarg = "number"
    queryset = Order.objects.select_related("partner", "village", "redemption__resident").prefetch_related(
        "lines", "status_changes"
    )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        changes = [
            {"when": change.date_created, "what": f"{label_of(change.old_status)} → {label_of(change.new_status)}"}
            for change in self.object.status_changes.all()
        ]
        return super().get_context_data(**kwargs) | {"changes": changes}
