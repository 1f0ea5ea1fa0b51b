"""Operators' pages: who gets in, what they can change, and what nobody can."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from marketplace.catalogue.models import Category, Product
from marketplace.catalogue.services import ensure_category
from marketplace.partner.models import Partner, StockRecord
from timebank.registry.models import AuditEntry

GET_PAGES = [
    "/dashboard/",
    "/dashboard/catalogue/",
    "/dashboard/catalogue/products/create/",
    "/dashboard/catalogue/products/{product}/",
    "/dashboard/catalogue/stock/{stock}/",
    "/dashboard/catalogue/categories/",
    "/dashboard/catalogue/categories/create/",
    "/dashboard/catalogue/categories/{category}/update/",
    "/dashboard/orders/",
    "/dashboard/partners/",
    "/dashboard/partners/create/",
    "/dashboard/partners/{partner}/",
]


@pytest.fixture
def operator(market, django_user_model):
    return django_user_model.objects.create_user(name="运维", is_staff=True)


@pytest.fixture
def keys(market) -> dict[str, int]:
    record = market.reward("香皂", "5")
    category = ensure_category(path="日用品/洗护")
    record.product.categories.add(category)
    return {
        "product": record.product_id,
        "stock": record.pk,
        "category": category.pk,
        "partner": record.partner_id,
    }


def facts(product: Product, **changes) -> dict[str, object]:
    data = {
        "title": product.title,
        "title_en": "",
        "upc": product.upc,
        "unit": "块",
        "description": "",
        "product_class": product.product_class_id,
        "categories": [category.pk for category in product.categories.all()],
        "per_resident_limit": "",
        "limit_period": "month",
        "min_star": 0,
        "validity_days": 90,
        "price_note": "",
        "is_public": "on",
    }
    return data | changes


@pytest.mark.parametrize("address", GET_PAGES)
def test_pages_open_for_operators_alone(client, market, operator, keys, address, django_user_model):
    url = address.format(**keys)
    assert client.get(url).status_code == 302
    # Oscar would let a supplier's user in by this permission and the link; here neither opens a door.
    insider = django_user_model.objects.create_user(name="店员")
    insider.user_permissions.set(
        Permission.objects.filter(codename__in=["dashboard_access", "view_product", "change_product", "view_order"])
    )
    market.shop.users.add(insider)
    for stranger in (market.resident().user, insider):
        client.force_login(stranger)
        assert client.get(url).status_code == 403
    client.force_login(operator)
    response = client.get(url)
    assert response.status_code == 200
    assert response.content.decode().count("<h1") == 1
    assert "---------" not in response.text  # the empty choice, in words


@pytest.mark.parametrize("address", GET_PAGES)
def test_pages_call_no_other_host_and_hold_no_inline_script(client, market, operator, keys, address):
    client.force_login(operator)
    response = client.get(address.format(**keys))
    body = response.content.decode()
    for forbidden in ("googleapis", "jquery", "<script>", "onclick=", "style=", "//cdn"):
        assert forbidden not in body.lower()
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_price_is_changed_in_steps_with_a_reason_and_nothing_else(client, operator, keys):
    client.force_login(operator)
    stock = StockRecord.objects.get(pk=keys["stock"])
    stock.allocate(4)
    url = f"/dashboard/catalogue/stock/{stock.pk}/"
    for wrong in ("1.75", "-1", "x", "", "1.25"):
        assert client.post(url, {"points": wrong, "reason": "试"}).status_code == 200
        assert StockRecord.objects.get(pk=stock.pk).price == Decimal(5)
    sneaky = {"points": "7.5", "reason": "涨价", "price_currency": "USD", "num_in_stock": 999, "num_allocated": 0}
    assert client.post(url, sneaky).status_code == 302
    after = StockRecord.objects.get(pk=stock.pk)
    assert (after.price, after.price_currency, after.num_in_stock, after.num_allocated) == (
        Decimal("7.5"),
        "PTS",
        10,
        4,
    )
    entry = AuditEntry.objects.get(action="set_price")
    assert (entry.actor, entry.reason, entry.facts) == (operator, "涨价", {"from": "5.00", "to": "7.5"})


@pytest.mark.parametrize(
    "html", ["<script>alert(1)</script>", '<a href="javascript:x()">y</a>', "<iframe src=x></iframe>"]
)
def test_description_is_cleaned_when_it_is_saved(client, operator, keys, html):
    client.force_login(operator)
    product = Product.objects.get(pk=keys["product"])
    response = client.post(
        f"/dashboard/catalogue/products/{product.pk}/", facts(product, description=f"<p>好</p>{html}", title="香香皂")
    )
    assert response.status_code == 302
    product.refresh_from_db()
    assert product.description.startswith("<p>好</p>")
    for evil in ("script", "javascript", "iframe", "alert"):
        assert evil not in product.description
    assert "xxz" in product.search_text  # found by its new name at once
    assert AuditEntry.objects.filter(action="save_reward", subject=f"product:{product.pk}", actor=operator).exists()


def test_reward_is_written_down_and_listed(client, market, operator, keys):
    client.force_login(operator)
    template = Product.objects.get(pk=keys["product"])
    response = client.post(
        "/dashboard/catalogue/products/create/",
        facts(template, title="毛巾", upc="G005", product_class=market.goods.pk),
    )
    towel = Product.objects.get(title="毛巾")
    assert response.url == reverse("dashboard:catalogue-product", args=[towel.pk])
    assert client.post(f"{response.url}list/", {"partner": market.shop.pk, "points": "10"}).status_code == 302
    record = StockRecord.objects.get(product=towel)
    assert (record.partner, record.price, record.num_in_stock) == (market.shop, Decimal(10), 0)
    assert client.get(f"{response.url}list/").status_code == 405


def test_photograph_is_drawn_anew(client, operator, keys, settings, tmp_path):
    from PIL import Image

    settings.MEDIA_ROOT = tmp_path
    client.force_login(operator)
    product = Product.objects.get(pk=keys["product"])
    raw = BytesIO()
    Image.new("RGB", (2400, 1800), "red").save(raw, "PNG")
    url = f"/dashboard/catalogue/products/{product.pk}/"
    picture = SimpleUploadedFile("soap.png", raw.getvalue() + b"<script>alert(1)</script>", "image/png")
    assert client.post(url, facts(product, photograph=picture)).status_code == 302
    image = product.images.get()
    assert image.original.name.endswith(".jpg")
    with image.original.open() as file:
        content = file.read()
    assert b"script" not in content
    assert Image.open(BytesIO(content)).size == (1200, 900)
    wrong = SimpleUploadedFile("soap.png", b"<svg onload=alert(1)>", "image/png")
    assert client.post(url, facts(product, photograph=wrong)).status_code == 422
    bomb = BytesIO()
    Image.new("1", (9000, 6000)).save(bomb, "PNG")  # K15: some kilobytes that unfold to 54 million pixels
    assert len(bomb.getvalue()) < 60_000
    drawn = SimpleUploadedFile("soap.png", bomb.getvalue(), "image/png")
    assert client.post(url, facts(product, photograph=drawn)).status_code == 422
    assert product.images.count() == 1


def test_supplier_is_made_with_its_accounts_and_changed_on_the_record(client, market, operator):
    from timebank.ledger.models import Account

    client.force_login(operator)
    form = {"name": "共享理发屋", "kind": "barber", "region_code": market.village.code, "is_active": "on"}
    assert client.post("/dashboard/partners/create/", form | {"region_code": "000000000000"}).status_code == 200
    assert not Partner.objects.filter(name="共享理发屋").exists()
    response = client.post("/dashboard/partners/create/", form)
    barber = Partner.objects.get(name="共享理发屋")
    assert response.url == reverse("dashboard:partner-manage", args=[barber.pk])
    assert Account.objects.filter(key__in=[barber.escrow_key, barber.redeemed_key]).count() == 2
    client.post(response.url, {"name": "共享理发屋", "kind": "barber", "phone": "0631-5550103"})
    barber.refresh_from_db()
    assert (barber.phone, barber.is_active, barber.village) == ("0631-5550103", False, market.village)
    assert AuditEntry.objects.get(action="update_partner").facts == {"phone": "0631-5550103", "is_active": "False"}


def test_category_is_made_below_another_and_renamed(client, operator, keys):
    client.force_login(operator)
    parent = Category.objects.get(pk=keys["category"])
    client.post("/dashboard/catalogue/categories/create/", {"name": "香皂类", "parent": parent.pk, "is_public": "on"})
    child = Category.objects.get(name="香皂类")
    assert child.path.startswith(parent.path)
    client.post(f"/dashboard/catalogue/categories/{child.pk}/update/", {"name": "皂", "is_public": "on"})
    assert Category.objects.get(pk=child.pk).name == "皂"


def test_order_is_shown_and_cannot_be_changed_here(client, market, operator):
    from tests.order.test_orders import place
    from timebank.registry.models import Consent

    buyer = market.resident(points=10000)
    Consent.objects.create(resident=buyer, version="1")
    order = place(buyer, (market.reward("香皂", "5"), 2))
    client.force_login(operator)
    url = reverse("dashboard:order-detail", args=[order.number])
    page = client.get(url).content.decode()
    for text in (order.number, "香皂", "信用超市", "10 积分"):
        assert text in page
    assert client.post(url, {"new_status": "cancelled", "order_action": "change_order_status"}).status_code == 405
    order.refresh_from_db()
    assert order.status == "placed"
    assert order.number in client.get("/dashboard/orders/", {"q": order.number[:6]}).content.decode()
    assert client.get("/dashboard/orders/123456789012/").status_code == 404


def names(patterns, prefix="") -> set[str]:
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            found |= names(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            found.add(prefix + pattern.name)
    return found


def test_doors_that_oscar_brings_and_we_closed_are_closed():
    ours = names(get_resolver().url_patterns)
    assert not {
        name for name in ours if name.partition(":")[0] in {"offer", "wishlists", "checkout", "customer", "reviews"}
    }
    assert not {name for name in ours if "voucher" in name or "password-reset" in name or "alert" in name}
    assert {name for name in ours if name.startswith("dashboard:")} == {
        "dashboard:index",
        "dashboard:catalogue-product-list",
        "dashboard:catalogue-product-create",
        "dashboard:catalogue-product",
        "dashboard:catalogue-product-list-at",
        "dashboard:catalogue-stock",
        "dashboard:catalogue-category-list",
        "dashboard:catalogue-category-create",
        "dashboard:catalogue-category-update",
        "dashboard:order-list",
        "dashboard:order-detail",
        "dashboard:partner-list",
        "dashboard:partner-create",
        "dashboard:partner-manage",
    }
    assert {name for name in ours if name.startswith("basket:")} == {"basket:summary", "basket:add", "basket:line"}


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/logout/",
        "/accounts/login/",
        "/offers/",
        "/wishlists/",
        "/checkout/",
        "/checkout/shipping-address/",
        "/basket/vouchers/add/",
        "/basket/saved/",
        "/dashboard/logout/",
        "/dashboard/users/",
        "/dashboard/offers/",
        "/dashboard/partners/1/users/1/link/",
        "/dashboard/catalogue/products/bulk-action/",
        "/password-reset/",
    ],
)
def test_closed_addresses_answer_404(client, market, operator, path):
    client.force_login(operator)
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404
