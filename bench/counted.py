"""Count the statements of a journey: the same steps as over HTTP, within this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin

from bench.http import Answer, RefusedError

#: What opens and ends transactions reads and writes nothing; it is not counted.
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Inside:
    """A browser of this process that follows redirects; ``asked``: the statements of each request of the last step."""

    def __init__(self, cookies: dict[str, str]) -> None:
        from django.test import Client

        self._client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
        self.asked: list[int] = []
        for name, value in cookies.items():
            self._client.cookies[name] = value

    def get(self, path: str) -> Answer:
        """Ask for a page."""
        return self._follow(path, None)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form."""
        return self._follow(path, fields)

    def _follow(self, path: str, fields: dict[str, str] | None) -> Answer:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.asked = []
        while True:
            with CaptureQueriesContext(connection) as seen:
                response = self._client.get(path) if fields is None else self._client.post(path, fields)
            self.asked.append(statements(seen.captured_queries))
            if response.status_code not in {301, 302, 303}:
                break
            path, fields = urljoin(path, response["Location"]), None
        if response.status_code != 200:
            raise RefusedError(f"{path}: {response.status_code}")
        return Answer(response.status_code, path, response.content.decode())


def statements(queries: Iterable[dict[str, str]]) -> int:
    """Count what was asked of the database, without what only opens or ends a transaction."""
    return sum(not query["sql"].lstrip().upper().startswith(CONTROL) for query in queries)


def second_journey(journey: Callable[..., Answer], shop: dict[str, Any]) -> dict[str, list[int]]:
    """Go the way twice as the first person; return the second's statements, step by step (the first fills the caches).

    A step that redirects has a figure for its request and one for each page that it leads to.
    """
    browser, found = Inside(shop["people"][0]), dict[str, list[int]]()

    def timed(kind: str, what: Callable[[], Answer]) -> Answer:
        answer = what()
        found[kind] = browser.asked
        return answer

    for product in shop["products"][:2]:
        journey(browser, shop, product, timed)
    return found
