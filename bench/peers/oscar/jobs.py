"""The process that makes stock Oscar's tables, products and customers."""

from __future__ import annotations

import os
from typing import Any

STOCK = 1_000_000
BACKEND = "django.contrib.auth.backends.ModelBackend"


def setup() -> None:
    """Start stock Oscar, not our application."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.oscar.settings"
    import django

    django.setup()


def migrate() -> None:
    """Make all tables from the models."""
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)


def prepare(products: int, users: int) -> dict[str, Any]:
    """Make products in stock that need no shipping, and signed-in customers; return addresses and cookies."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.urls import reverse
    from oscar.apps.catalogue.models import Product, ProductClass
    from oscar.apps.partner.models import Partner, StockRecord

    goods = ProductClass.objects.create(name="Goods", requires_shipping=False, track_stock=True)
    partner = Partner.objects.create(name="Shop")
    made, people = [], []
    for number in range(products):
        product = Product.objects.create(title=f"Goods {number}", upc=f"69{number:06d}", product_class=goods)
        StockRecord.objects.create(
            product=product, partner=partner, partner_sku=f"K{number}", price=5, num_in_stock=STOCK
        )
        made.append({"page": product.get_absolute_url(), "add": reverse("basket:add", args=[product.pk])})
    for number in range(users):
        user = User.objects.create(username=f"bench-{number}", email=f"bench-{number}@example.org")
        session = SessionStore()
        session["_auth_user_id"] = str(user.pk)
        session["_auth_user_backend"] = BACKEND
        session["_auth_user_hash"] = user.get_session_auth_hash()
        session.create()
        people.append({settings.SESSION_COOKIE_NAME: str(session.session_key)})
    return {
        "products": made,
        "people": people,
        "index": reverse("catalogue:index"),
        "checkout": reverse("checkout:index"),
        "preview": reverse("checkout:preview"),
    }


def count(shop: dict[str, Any]) -> dict[str, list[int]]:
    """Count the statements of a customer's second order, by step."""
    from bench import counted, visits

    return counted.second_journey(visits.order, shop)
