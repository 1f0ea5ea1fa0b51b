"""What people do in our shop by HTTP, step by step, with the forms that the pages show."""

from __future__ import annotations

import collections
import itertools
import re
from typing import Any

from bench.http import Answer, Browser, Person, RefusedError, Timed

TICKET = re.compile(r"/t/([A-Za-z0-9]+)/")
Tickets = collections.deque[str]


def reader(browser: Browser, shop: dict[str, Any], number: int) -> Person:
    """Look at one page after the other, signed in."""
    product = shop["products"][number % len(shop["products"])]["page"]
    pages = {name: shop[name] for name in ("index", "points", "tickets", "me", "activities")}
    turns = itertools.cycle([("home", "/"), *pages.items(), ("product", product)])

    def look(timed: Timed) -> None:
        name, path = next(turns)
        timed(f"read {name}", lambda: browser.get(path))

    return look


def redeem(browser: Browser, shop: dict[str, Any], product: dict[str, str], timed: Timed) -> Answer:
    """Go the whole way: product, "redeem now", check, redeem; return the page that shows the tickets."""
    page = timed("product", lambda: browser.get(product["page"]))
    fields = {**page.form(product["add"]), "quantity": "1", "now": "1"}
    check = timed("check", lambda: browser.post(product["add"], fields))
    if shop["confirm"] != check.path:
        raise RefusedError(f"{product['page']} did not get into the basket")
    done = timed("redeem", lambda: browser.post(shop["confirm"], check.form()))
    if "/redeemed/" not in done.path:
        raise RefusedError(f"redeeming ended on {done.path}")
    return done


def order(browser: Browser, shop: dict[str, Any], product: dict[str, str], timed: Timed) -> Answer:
    """Go stock Oscar's whole way: product, basket, checkout, preview, place the order; return its thanks."""
    page = timed("product", lambda: browser.get(product["page"]))
    fields = {**page.form(product["add"]), "quantity": "1", "next": page.path}  # back to where one came from
    timed("basket", lambda: browser.post(product["add"], fields))
    checkout = timed("checkout", lambda: browser.get(shop["checkout"]))
    if shop["preview"] not in checkout.text:
        raise RefusedError(f"the checkout ended on {checkout.path}")
    preview = timed("preview", lambda: browser.get(shop["preview"]))
    done = timed("place", lambda: browser.post(shop["preview"], preview.form(shop["preview"])))
    if "thank-you" not in done.path:
        raise RefusedError(f"ordering ended on {done.path}")
    return done


def redeemer(browser: Browser, shop: dict[str, Any], number: int, tickets: Tickets) -> Person:
    """Redeem one reward after the other; lay the tickets down for those who scan."""
    products = itertools.cycle(shop["products"][number:] + shop["products"][:number])

    def once(timed: Timed) -> None:
        done = redeem(browser, shop, next(products), timed)
        tickets.extend(dict.fromkeys(TICKET.findall(done.text)))

    return once


def scanner(browser: Browser, shop: dict[str, Any], tickets: Tickets, handed: list[str]) -> Person:
    """Hand over what was redeemed; look at the counter while there is nothing."""
    counter = shop["counter"]

    def once(timed: Timed) -> None:
        page = timed("counter", lambda: browser.get(counter))
        try:
            code = tickets.popleft()
        except IndexError:
            return
        fields = {**page.form(counter), "code": code}
        seen = timed("hand over", lambda: browser.post(counter, fields))
        if f"/undo/{code}/" not in seen.text:  # what can be undone was handed over
            raise RefusedError(f"{code} was not handed over")
        handed.append(code)

    return once
