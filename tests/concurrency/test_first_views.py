"""Many people open a new reward at the same moment: nobody gets an error, nothing is written."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import market

pytestmark = [pytest.mark.pg_only("Oscar's race needs real rows"), pytest.mark.django_db(transaction=True)]


def test_first_views_at_once_are_all_answered(run_concurrently):
    from oscar.apps.analytics.models import ProductRecord, UserProductView

    stall = market.make()
    url = stall.reward("香皂", "5").product.get_absolute_url()
    people = [stall.resident(f"村民{number}").user for number in range(6)]

    def look(number: int) -> int:
        client = Client()
        client.force_login(people[number])
        return client.get(url).status_code

    assert run_concurrently(look, 6).raise_unless().results == [200] * 6
    assert not ProductRecord.objects.exists()
    assert not UserProductView.objects.exists()


@pytest.fixture
def receivers():
    """Import Oscar's receivers, which connects them, and take them off again: later tests run in this process too."""
    from oscar.apps.analytics import receivers as module
    from oscar.apps.basket.signals import basket_addition
    from oscar.apps.catalogue.signals import product_viewed
    from oscar.apps.order.signals import order_placed
    from oscar.apps.search.signals import user_search

    product_viewed.disconnect(module.receive_product_view)
    user_search.disconnect(module.receive_product_search)
    basket_addition.disconnect(module.receive_basket_addition)
    order_placed.disconnect(module.receive_order_placed)
    return module


def test_control_oscars_receivers_lose_a_count_or_break(run_concurrently, receivers):
    """With Oscar's receivers on, the same six looks end in an error or a wrong count inside one transaction each."""
    from django.db import transaction
    from oscar.apps.analytics.models import ProductRecord
    from oscar.apps.order.signals import order_placed

    _update_counter = receivers._update_counter
    assert not order_placed.has_listeners(), "the receivers would stay on for every test after this one"
    stall = market.make()
    for attempt in range(10):  # a race: it need not happen every time, but it does within a few
        product = stall.reward(f"香皂{attempt}", "5").product

        def look() -> None:
            with transaction.atomic():  # as in any view or service that holds a transaction
                _update_counter(ProductRecord, "num_views", {"product": product})  # noqa: B023
                product.refresh_from_db()  # noqa: B023

        outcome = run_concurrently(look, 6)
        counted = ProductRecord.objects.filter(product=product).values_list("num_views", flat=True).first() or 0
        if outcome.errors or counted < 6:
            return
    pytest.fail("Oscar's receivers did not race: this test proves nothing about the one above")
