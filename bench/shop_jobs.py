"""A shop of a village for those who come by HTTP: rewards, residents with points, clerks; all signed in already."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.close_jobs import digest, migrate, setup

__all__ = ["digest", "make_tables", "migrate", "prepare", "setup"]

POINTS = 10_000_000  # in 1/100, for each resident: nobody runs dry
STOCK = 100_000
PASSWORD = "bench-7391-only"  # noqa: S105 (of a database that is thrown away)


def make_tables(folder: str) -> None:
    """Make all tables of a file of SQLite, or copy those that an earlier run made and kept in ``folder``."""
    from django.db import connection

    own, kept = connection.settings_dict["NAME"], Path(folder) / f"sqlite-{digest()}.sqlite3"
    if not kept.exists():
        migrate()
        connection.close()
        kept.parent.mkdir(parents=True, exist_ok=True)
        for old in kept.parent.glob("sqlite-*"):
            old.unlink()
        half = kept.with_suffix(".half")
        _copy(own, half)
        half.rename(kept)
    else:
        _copy(kept, own)


def _copy(source: str | Path, target: str | Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def prepare(products: int, residents: int, clerks: int) -> dict[str, Any]:
    """Make the village with its shop; return the cookies of its people and the addresses of its rewards."""
    from django.urls import reverse

    from marketplace.catalogue.models import Product, ProductClass
    from marketplace.catalogue.services import index_product
    from marketplace.partner import services as partners
    from marketplace.rewards import services as rewards
    from timebank.policy.services import load_published
    from timebank.registry import services as registry
    from timebank.registry.models import Region, User

    load_published()
    place = Region.objects.add_root({"code": "379900000000", "name": "市", "short_name": "市", "level": "city"})
    for code, name, level in (
        ("379902000000", "县", "county"),
        ("379902100000", "镇", "town"),
        ("379902100201", "甲村", "village"),
    ):
        place = Region.objects.add_child(place, {"code": code, "name": name, "short_name": name, "level": level})
    village = Region.objects.get(pk=place.pk)
    registry.open_village_accounts(village=village)
    shop = partners.create_partner(name="信用超市", village=village, place="村委会东侧")
    goods = ProductClass.objects.create(name="实物", kind="goods", track_stock=True, requires_shipping=False)

    def staff(name: str, role: str) -> User:
        user = User.objects.create_user(name=name)
        registry.grant_role(user=user, role=role, actor=None, region=village)
        return user

    keeper = staff("保管员", "stock_keeper")
    made = []
    for number in range(products):
        product = Product.objects.create(
            title=f"物品{number}", slug=f"bench-{number}", upc=f"69{number:06d}", product_class=goods
        )
        record = partners.list_reward(product=product, partner=shop, points=500, sku=f"K{number}")
        rewards.receive_stock(stockrecord=record, quantity=STOCK, actor=keeper, reason="初次入库")
        index_product(product=product)
        made.append({"page": product.get_absolute_url(), "add": reverse("basket:add", args=[product.pk])})
    people = []
    for number in range(residents):
        resident = registry.register_resident(
            village=village,
            name=f"居民{number}",
            actor=None,
            phone=f"151{number:08d}",
            password=PASSWORD,
            consent_on_paper=True,
        )
        _give(resident)
        people.append(_cookies(resident.user))
    return {
        "products": made,
        "people": people,
        "clerks": [_cookies(staff(f"店员{number}", "clerk")) for number in range(clerks)],
        "index": reverse("catalogue:index"),
        "confirm": reverse("rewards:confirm"),
        "points": reverse("rewards:statement"),
        "tickets": reverse("rewards:tickets"),
        "me": reverse("registry:me"),
        "activities": reverse("service:activities"),
        "counter": reverse("counter:scan", args=[shop.pk]),
    }


def _give(resident: Any) -> None:
    from timebank.ledger import services as ledger
    from timebank.ledger.types import Leg, TransferSpec

    leg = Leg(f"issuance:region:{resident.village_id}", resident.wallet_key, POINTS, expires_on=dt.date(2099, 12, 31))
    ledger.post(TransferSpec(key=f"bench:{resident.pk}", kind="mint", legs=(leg,), actor="system"))


def _cookies(user: Any) -> dict[str, str]:
    from django.conf import settings
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "timebank.registry.backends.PhoneCardOrEmailBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    return {settings.SESSION_COOKIE_NAME: str(session.session_key)}


def plain_files() -> None:
    """Name static files plainly, in this process too: none are collected."""
    from django.test.utils import override_settings

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    from django.conf import settings

    override_settings(
        STORAGES={**settings.STORAGES, "staticfiles": plain}, ALLOWED_HOSTS=["127.0.0.1", "testserver"]
    ).enable()


def count(shop: dict[str, Any]) -> dict[str, list[int]]:
    """Count the statements of a resident's second journey, by step."""
    from bench import counted, visits

    return counted.second_journey(visits.redeem, shop)


def profile(shop: dict[str, Any], journeys: bool) -> dict[str, Any]:
    """Ask for the catalogue twenty times, signed out, within this process, under a profiler; or redeem ten times."""
    from django.conf import settings

    from bench import visits
    from bench.counted import Inside
    from bench.profiling import profiled

    settings.SHELF_SECONDS = 0  # what takes the time is drawing it
    browser = Inside(shop["people"][0] if journeys else {})

    def ask(times: int) -> dict[str, Any]:
        for number in range(times):
            if journeys:
                visits.redeem(browser, shop, shop["products"][number], lambda _kind, what: what())
            else:
                browser.get(shop["index"])
        return {}

    ask(1)  # what is remembered between requests is remembered now
    return profiled(lambda: ask(10 if journeys else 20))
