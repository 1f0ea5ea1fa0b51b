"""Every page that a role's links lead to, once per kind of page: how many statements, how many milliseconds.

    DATABASE_URL=postgresql://… python -m bench.walk [--explain] [--all]

Prints each page with more than 25 statements or 150 ms (the median of five); ``--all`` prints every page, ``--explain``
the plan of the slowest statement of each page that is listed.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import statistics
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.results import Row

STATEMENTS, MILLISECONDS = 25, 150.0
MOST = 400  # pages looked at per role
#: Why a page may take more than its budget, by what its address holds; without one it stands in the table without.
REASONS = {"format=": "a file of the whole list, sent as it is written: it takes as long as the list is"}
LINK = re.compile(r"""\bhref=["']([^"'#]+)""")
NEVER = ("sign-out", "/static/", "/media/", "/languages/", "/export")


@dataclass(frozen=True)
class Page:
    """A kind of page, as one role sees it."""

    role: str
    name: str
    path: str
    status: int
    statements: int
    milliseconds: float
    size: int
    slowest: str = ""
    params: Any = None
    slowest_ms: float = 0.0
    database_ms: float = 0.0

    @property
    def is_over(self) -> bool:
        return self.statements > STATEMENTS or self.milliseconds > MILLISECONDS


def setup() -> None:
    """Start the application."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    os.environ.setdefault("DEMO", "1")  # its people are whom the pages are walked as
    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    settings.SHELF_SECONDS = 0  # the shelf as it is drawn, not as it is kept
    settings.STAFF_IDLE_SECONDS = settings.STAFF_SESSION_SECONDS = settings.CONFIRM_SECONDS = 10**9
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


def roles() -> dict[str, Any]:
    """Return the demo's people by what they are."""
    from timebank.registry.models import User

    found = {user.username.removeprefix("demo-"): user for user in User.objects.filter(username__startswith="demo-")}
    return {"nobody": None, **found}


def walk(role: str, user: Any, again: int = 4) -> list[Page]:
    """Follow a role's links from its home, each kind of page once."""
    from django.test import Client
    from django.urls import Resolver404, resolve

    client = Client(headers={"accept-language": "en"}, raise_request_exception=False)
    if user is not None:
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    pages: list[Page] = []
    seen: set[tuple[str, str]] = set()
    waiting = deque(["/"])
    while waiting and len(pages) < MOST:
        path = waiting.popleft()
        try:
            match = resolve(path.partition("?")[0])
        except Resolver404:
            continue
        # Tabs and pages of a list are pages of their own kind, their values are not.
        query = ",".join(sorted(part.partition("=")[0] for part in path.partition("?")[2].split("&")))
        kind = (match.view_name or path, query)
        if kind in seen or any(word in path for word in NEVER):
            continue
        seen.add(kind)
        page, links = look(client, role, match.view_name or "?", path, again)
        if page is not None:
            pages.append(page)
            if page.is_over:
                print(
                    f"{role} {page.name} {page.path}: {page.statements} statements, {page.milliseconds:.0f} ms",
                    file=sys.stderr,
                    flush=True,
                )
        waiting.extend(links)
    return pages


def look(client: Any, role: str, name: str, path: str, again: int) -> tuple[Page | None, list[str]]:
    """Ask for a page once to count and to read its links, then several times to measure."""
    from django.db import connection

    sent: list[tuple[float, str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            sent.append(((time.perf_counter() - began) * 1000, sql, params))

    client.get(path)  # what is remembered between requests is remembered now
    with connection.execute_wrapper(note):
        answer = client.get(path)
    if answer.status_code in {301, 302}:
        return None, [str(answer["Location"])]
    kind = answer.get("Content-Type", "")
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    links = []
    if "html" in kind and answer.status_code == 200:
        for link in LINK.findall(content.decode(errors="replace")):
            link = html.unescape(link)
            if link.startswith("?"):
                link = path.partition("?")[0] + link
            if link.startswith("/") and not link.startswith("//"):
                links.append(link)
    times = []
    for _ in range(again):
        began = time.perf_counter()
        later = client.get(path)
        if later.streaming:
            b"".join(later.streaming_content)
        times.append((time.perf_counter() - began) * 1000)
        if sum(times) > 2000:
            break
    slowest_ms, sql, params = max(sent, key=lambda one: one[0], default=(0.0, "", None))
    page = Page(role, name, path, answer.status_code, len(sent), statistics.median(times), len(content),
                sql, params, slowest_ms, sum(one[0] for one in sent))  # fmt: skip
    return page, links


def line(page: Page) -> str:
    """Return a page as a row."""
    return (
        f"| {page.role} | {page.name} `{page.path}` | {page.statements} | {page.milliseconds:,.0f} "
        f"| {page.size / 1024:,.0f} |"
    )


def explain(sql: str, params: Any) -> str:
    """Return the plan of a statement, with what it took."""
    from django.db import connection, transaction

    if not sql.startswith(("SELECT", "WITH")):
        return "-"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + sql, params)
        return "\n".join(row[0] for row in cursor.fetchall())


def measure(only: list[str] | None = None, again: int = 4) -> list[Page]:
    """Walk as everybody, or as those who are named."""
    found: list[Page] = []
    for role, user in roles().items():
        if only and role not in only:
            continue
        found += walk(role, user, again)
        print(f"{role}: {sum(page.role == role for page in found)} pages", file=sys.stderr, flush=True)
    return found


def table(pages: list[Page]) -> str:
    """Return the pages as a table."""
    head = ["| Role | Page | Statements | Median ms | KB |", "|---|---|--:|--:|--:|"]
    return "\n".join(head + [line(page) for page in sorted(pages, key=lambda page: -page.milliseconds)])


def row_of(pages: list[Page]) -> Row:
    """Return what is over as a row of the results: the budgets hold, or the page is listed with its reason."""
    # On a machine with more to do than it can, milliseconds are not the page's own: only statements are judged.
    busy = os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)
    over = [page for page in pages if page.statements > STATEMENTS or (page.is_over and not busy)]
    # Of pages with a reason the slowest stands for all of its kind.
    slowest = {(page.name, reason_of(page)): page for page in sorted(over, key=lambda page: page.milliseconds)}
    shown = [page for page in over if not reason_of(page) or page is slowest[page.name, reason_of(page)]]
    listed = [
        {
            "role": page.role,
            "page": page.name,
            "statements": page.statements,
            "ms": round(page.milliseconds),
            "database": round(page.database_ms),
            "slowest": f"{page.slowest_ms:.0f} ms: {tables_of(page.slowest)}",
            "reason": reason_of(page),
        }
        for page in sorted(shown, key=lambda page: (-page.statements, -page.milliseconds))
    ]
    facts = {
        "pages": listed,
        "walked": len(pages),
        "roles": sorted({page.role for page in pages}),
        "statements": max((page.statements for page in pages), default=0),
        "load": round(os.getloadavg()[0], 1),
        "busy": busy,
    }
    unit = f"of {len(pages)} pages over {STATEMENTS} statements" + ("" if busy else f" or {MILLISECONDS:.0f} ms")
    return Row("county", "walk", len(over), unit, facts=facts)


def reason_of(page: Page) -> str:
    """Say why a page may be over its budget; nothing when no reason is known."""
    return next((reason for part, reason in REASONS.items() if part in page.path), "")


def tables_of(sql: str) -> str:
    """Name the tables that a statement reads."""
    return ", ".join(list(dict.fromkeys(re.findall(r'(?:FROM|JOIN) "?(\w+)', sql)))[:3])


def main(arguments: list[str]) -> int:
    """Print what is over."""
    parser = argparse.ArgumentParser(prog="python -m bench.walk", description=__doc__)
    parser.add_argument("roles", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--again", type=int, default=4, help="how often a page is timed, after it was counted")
    parser.add_argument("--json", type=Path, help="write what is over to this file, too")
    chosen = parser.parse_args(arguments)
    setup()
    pages = measure(chosen.roles, chosen.again)
    shown = [page for page in pages if chosen.all or page.is_over]
    print(table(shown))
    over = sum(page.is_over for page in pages)
    print(f"\n{over} of {len(pages)} pages are over {STATEMENTS} statements or {MILLISECONDS:.0f} ms")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} of {os.cpu_count()}")
    wrong = [page for page in pages if page.status >= 500]
    for page in wrong:
        print(f"{page.role} {page.path}: {page.status}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row_of(pages))]))
    if chosen.explain:
        for page in shown:
            print(f"\n{page.role} {page.path}, {page.slowest_ms:.0f} ms:\n{page.slowest[:3000]}")
            print(explain(page.slowest, page.params))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
