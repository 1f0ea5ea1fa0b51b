"""Every link of every page, once for each role: what one is shown one may see, and what exists is shown to somebody.

The walk begins at the start page and follows links (GET) to each address once; whatever changes is a form, which it
only notes. ``ATTACK=long`` walks both languages; ``make attack`` runs that on both databases.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from django.urls import Resolver404, resolve
from django.utils.html import strip_tags

from tests.permissions.people import ROLES, Cast, added_roles
from tests.permissions.test_matrix import EVERY_ROLE, addresses

LONG = os.environ.get("ATTACK") == "long"
LANGUAGES = ("zh-hans", "en") if LONG else ("zh-hans",)
TIMES = 3 if LONG else 1
pytestmark = [] if LONG else [pytest.mark.pg_only("links are the same on SQLite; make attack walks them there")]

# Words that stand in Chinese sentences as they are: names of formats, of the payment service, of the platform.
LATIN = {"CSV", "XLSX", "Excel", "PDF", "PIN", "QR", "URL", "JSON", "Stripe", "Shanji", "APP", "English"}
ENGLISH = re.compile(r"\b[A-Za-z]{3,}(?:[ ,’'-]+[A-Za-z]{2,})+")
# Raw keys of the code, as a template that prints a value instead of its name would show them.
# Names that people (here: the cast and the app of the tests) gave, in whatever letters; a command to type.
NAMES = (
    *added_roles(),
    *(name.capitalize() for name in added_roles()),
    "Honey for",
    "hive",
    "Not needed, and sweet",
    "seven",
    "check_receipt",
    "verifier",
    "admin",
)
RAW = re.compile(r"\b(?:[a-z]+_[a-z_]+|__str__|None|False|True|[A-Z]\w+ object \(\d+\))\b")


# Nobody is led there by a page of ours: by whom then.
ELSEWHERE = {
    "common:healthz": "asked by the machine",
    "common:readyz": "asked by the machine",
    "payments:webhook": "called by the payment service",
    "payments:return": "the payment service leads back here",
    "payments:cancelled": "the payment service leads back here",
    "service:attend": "the QR on the leader's screen",
    "rewards:ticket_by_qr": "the QR of a ticket",
    "registry:card": "the QR of a card",
    "registry:factor": "the sign-in leads there",
    "photograph": "pictures of rewards; the stage has none",
    "villages:setup_enter": "the address that start_county prints, before anybody is there",
    "villages:setup": "follows it",
    "villages:setup_example": "the step of the places offers it",
    "villages:setup_county": "follows it",
    "villages:setup_town": "follows it",
    "villages:setup_finish": "follows it",
    "styleguide:home": "for developers, not installed in production",
    "styleguide:desk": "for developers",
    "styleguide:print": "for developers",
    "styleguide:error": "for developers",
}
# Shown in a state that the stage has not: the page or view that leads there.
IN_ANOTHER_STATE = {
    "registry:recovery_codes": "timebank/registry/templates/registry/security.html",  # a factor is on
    "registry:phone_code": "timebank/registry/views/phones.py",  # a code was sent to the new number
    "registry:forgotten_code": "timebank/registry/views/forgotten.py",  # a code was asked for
    "registry:end_factor": "timebank/registry/templates/registry/security.html",  # of another operator
    "registry:end_device": "timebank/registry/templates/registry/security.html",
    "registry:give_sign_in": "marketplace/desk/templates/desk/resident.html",  # who has none
    "service:record_mend": "timebank/service/templates/service/record.html",  # returned
    "service:record_reverse": "timebank/service/templates/service/record.html",  # credited
    "service:lead_close": "timebank/service/templates/service/lead_activity.html",  # it is over
    "service:lead_cancel": "timebank/service/templates/service/lead_activity.html",
    "service:lead_state": "timebank/service/templates/service/_summary.html",  # closed
    "service:lead_enter": "timebank/service/templates/service/_summary.html",
    "service:scheme_approve": "timebank/service/templates/service/schemes/detail.html",  # a draft of another's
    "service:scheme_discard": "timebank/service/templates/service/schemes/detail.html",
    "service:scheme_new_rule": "timebank/service/templates/service/schemes/detail.html",
    "service:scheme_rule": "timebank/service/templates/service/schemes/detail.html",
    "villages:open": "timebank/villages/templates/villages/founding.html",  # ready, not open
    "funds:pay_expense": "marketplace/funds/views/expenses.py",  # approved
    "funds:bank_file": "marketplace/funds/views/payouts.py",
    "payments:status": "marketplace/sponsors/views/money.py",
    "payments:cancel": "marketplace/payments/templates/payments/payer.html",
    "payments:confirm": "marketplace/payments/templates/payments/payment.html",  # recorded by another
    "payments:decide": "marketplace/payments/templates/payments/payment.html",  # a refund asked for
    "payments:bank_line": "marketplace/payments/templates/payments/bank.html",
    "payments:retry": "marketplace/payments/templates/payments/reconciliation.html",
    "rewards:kept": "marketplace/rewards/views/confirm.py",  # the fund is below its floor
    "rewards:wish": "marketplace/rewards/templates/rewards/_restock_wish.html",  # sold out
    "rewards:receipt": "marketplace/rewards/templates/rewards/statement.html",  # sealed
    "desk:send_stock": "marketplace/desk/templates/desk/stock_item.html",  # another village has a shelf
    "desk:publish": "marketplace/desk/views/notices.py",  # verified
    "desk:withdraw_notice": "marketplace/desk/templates/desk/notice.html",  # published today
    "desk:undo_verification": "marketplace/desk/templates/desk/verify.html",  # verified today
    "desk:answer_request": "marketplace/desk/templates/desk/resident.html",  # who waits
    "desk:block_card": "marketplace/desk/templates/desk/resident.html",
    "desk:end_helper": "marketplace/desk/templates/desk/resident.html",
    "sponsors:pay": "marketplace/sponsors/views/portal.py",  # money promised
    "counter:undo": "marketplace/counter/templates/counter/scan.html",  # handed over some minutes ago
    "counter:receipt": "marketplace/counter/views.py",  # sold
    "counter:undo_sale": "marketplace/counter/templates/counter/receipt.html",
}
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Walk:
    """What one role met."""

    reached: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


# What a row is called inside: "#12", "record:12", and what Django says of a model without words of its own.
DATABASE_ID = re.compile(r"(?<![\w/&])#\s?\d+|\b[a-z_]+:\d+\b|\bobject \(\d+\)")
LINK = re.compile(r"""<a\b[^>]*?\bhref="([^"]*)""")
OTHER = re.compile(r"""\b(?:action|formaction|hx-get|hx-post|src)="([^"]*)"|<link\b[^>]*?\bhref="([^"]*)""")


def targets(html: str, path: str) -> tuple[list[str], list[str]]:
    """Return where a page leads by links, and where its forms and parts lead."""
    links = [urljoin(path, unescape(link)) for link in LINK.findall(html)]
    others = [urljoin(path, unescape(one or two)) for one, two in OTHER.findall(html)]
    return [link for link in links if _is_ours(link)], [path, *(other for other in others if _is_ours(other))]


def _is_ours(link: str) -> bool:
    parts = urlsplit(link)
    return parts.scheme in {"", "http"} and parts.netloc in {"", "testserver"} and bool(parts.path)


def said(html: str) -> str:
    """Return what a reader sees of a page's main part."""
    main = re.search(r"<main.*?</main>", html, re.S)
    text = re.sub(
        r"<(script|style|svg|textarea|code|pre|bdi)\b.*?</\1>", " ", main.group() if main else html, flags=re.S
    )
    return re.sub(r"\s+", " ", strip_tags(re.sub(r"<", " <", text))).replace("&nbsp;", " ")


def walk(client: Any, cast: Cast, role: str, language: str, start: str = "/") -> Walk:
    """Follow all links from the start page; each address, by its name, as often as ``TIMES``."""
    client.logout()
    if cast.users[role] is not None:
        client.force_login(cast.users[role])
    client.cookies["language"] = language
    found, seen = Walk(), dict[str, int]()
    waiting = [(start, "the start")]
    known = {start}
    while waiting:
        link, origin = waiting.pop(0)
        parts = urlsplit(link)
        try:
            name = resolve(unquote(parts.path)).view_name
        except Resolver404:
            if not parts.path.startswith(("/static/", "/media/")):
                found.wrong.append(f"{role}: {origin} leads nowhere: {link}")
            continue
        found.reached.add(name)
        if name.partition(":")[0] == "bees" and role not in added_roles():
            continue  # of the tests' own app, whose steps lead everybody there
        if seen.get(name, 0) >= TIMES:
            continue
        seen[name] = seen.get(name, 0) + 1
        answer = client.get(link)
        where = f"{role}: {origin} → {link}"
        if answer.status_code >= 400:
            found.wrong.append(f"{where}: {answer.status_code}")
            continue
        if answer.status_code in {301, 302, 303}:
            waiting.append((urljoin(link, answer["Location"]), where))
            continue
        if answer.streaming:
            b"".join(answer.streaming_content)
        if answer.streaming or not answer.get("Content-Type", "").startswith("text/html"):
            continue
        html = answer.content.decode()
        found.wrong += [f"{where}: {what}" for what in complaints(said(html), cast, language)]
        links, others = targets(html, link)
        found.reached |= set(named(others))
        for one in links:
            bare = one.partition("#")[0]
            if bare not in known:
                known.add(bare)
                waiting.append((bare, name))
    return found


def named(links: list[str]) -> Iterator[str]:
    """Name the addresses of links; what is no page of ours has none."""
    for link in links:
        try:
            yield resolve(unquote(urlsplit(link).path)).view_name
        except Resolver404:
            continue


def complaints(text: str, cast: Cast, language: str) -> Iterator[str]:
    """Name what a reader can't read: raw keys, database ids, and English in Chinese."""
    text = re.sub(r"\S+\.(?:com|cn)\S*|\S+@\S+", " ", text)
    for name in (*NAMES, *(user.name for user in cast.users.values() if user is not None)):
        text = text.replace(name, " ")
    raw = RAW.findall(text)
    if raw:
        yield f"raw: {' '.join(sorted(set(raw)))[:120]}"
    ids = DATABASE_ID.findall(text)
    if ids:
        yield f"database id: {' '.join(sorted(set(ids)))[:120]}"
    if language == "zh-hans":
        english = [
            one
            for one in ENGLISH.findall(text)
            if not set(re.findall(r"[A-Za-z]+", one)) <= LATIN and not one.isupper()
        ]
        if english:
            yield f"English in Chinese: {' / '.join(english)[:160]}"


@pytest.mark.logs_error("what fails is named by the test")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_leads_somewhere_and_every_address_has_a_way_to_it(client: Any, cast: Cast, language: str) -> None:
    wrong: list[str] = []
    reached: set[str] = set()
    for role in EVERY_ROLE if LONG else ROLES:
        found = walk(client, cast, role, language)
        wrong += found.wrong
        reached |= found.reached
    assert wrong == []
    known = {*ELSEWHERE, *IN_ANOTHER_STATE}
    assert [name for name in addresses() if name not in reached | known] == [], "no page leads there"


def test_what_leads_there_in_another_state_names_it() -> None:
    text = {path: (REPOSITORY / path).read_text(encoding="utf-8") for path in IN_ANOTHER_STATE.values()}
    assert [name for name, path in IN_ANOTHER_STATE.items() if not re.search(rf"['\"]{name}['\"]", text[path])] == []
    assert {*ELSEWHERE, *IN_ANOTHER_STATE} <= set(addresses())


def test_control_a_dead_link_a_key_and_english_are_found(cast: Cast) -> None:
    links, others = targets('<a class="x" href="/nowhere/">1</a><form method="post" action="/sign-out/">', "/")
    assert (links, others) == (["/nowhere/"], ["/", "/sign-out/"])
    page = "<main><p>handed_over</p><p>Please enter a number</p><p>\u9875 CSV</p></main>"
    assert [what.partition(":")[0] for what in complaints(said(page), cast, "zh-hans")] == [
        "raw",
        "English in Chinese",
    ]
    assert list(complaints(said("<main>\u9875\u9762 XLSX CSV</main>"), cast, "zh-hans")) == []
    for shown in ("Ticket #12", "see record:7", "Team object (3)"):
        assert [what.partition(":")[0] for what in complaints(shown, cast, "en")] == ["database id"]
    assert list(complaints("List No. 12, 08:30, part 3 of 4", cast, "en")) == []
