"""One form sent four times at the same moment writes one delivery (K4)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.rewards.models import StockMovement

pytestmark = [pytest.mark.pg_only("real concurrency"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shelf() -> Any:
    from tests.factories.desk import make_village

    village = make_village()
    return village, village.good(stock=2)


def _send(village: Any, item: Any, keys: list[str], run_concurrently: Any) -> list[int]:
    clients = []
    for _ in keys:  # four tabs of one browser, or four taps: each its own connection
        client = Client()
        client.force_login(village.keeper, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        clients.append(client)
    url = reverse("desk:stock_item", args=[item.pk])

    def post(number: int) -> int:
        data = {"r-quantity": 7, "r-idempotency_key": keys[number], "receive": "1", "place": village.place.pk}
        return clients[number].post(url, data).status_code

    return run_concurrently(post, len(keys)).raise_unless().results


def test_a_delivery_of_seven_sent_four_times_at_once_is_one_delivery(shelf, run_concurrently):
    village, item = shelf
    assert _send(village, item, [uuid.uuid4().hex] * 4, run_concurrently) == [302] * 4
    item.refresh_from_db()
    assert item.num_in_stock == 9
    assert StockMovement.objects.filter(stockrecord=item, quantity=7).count() == 1


def test_control_four_forms_are_four_deliveries(shelf, run_concurrently):
    village, item = shelf
    _send(village, item, [uuid.uuid4().hex for _ in range(4)], run_concurrently)
    item.refresh_from_db()
    assert item.num_in_stock == 30
