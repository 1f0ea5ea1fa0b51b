"""Count the statements of a journey: the same steps as over HTTP, within this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bench.http import Answer, RefusedError

#: What opens and ends transactions reads and writes nothing; it is not counted.
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Inside:
    """A browser of this process: Django's test client, redirects followed."""

    def __init__(self, cookies: dict[str, str]) -> None:
        from django.test import Client

        self._client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
        for name, value in cookies.items():
            self._client.cookies[name] = value

    def get(self, path: str) -> Answer:
        """Ask for a page."""
        return self._answer(path, self._client.get(path, follow=True))

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form."""
        return self._answer(path, self._client.post(path, fields, follow=True))

    def _answer(self, path: str, response: Any) -> Answer:
        if response.status_code != 200:
            raise RefusedError(f"{path}: {response.status_code}")
        last = response.redirect_chain[-1][0] if response.redirect_chain else path
        return Answer(response.status_code, last, response.content.decode())


def statements(queries: Iterable[dict[str, str]]) -> int:
    """Count what was asked of the database, without what only opens or ends a transaction."""
    return sum(not query["sql"].lstrip().upper().startswith(CONTROL) for query in queries)


def second_journey(journey: Callable[..., Answer], shop: dict[str, Any]) -> dict[str, int]:
    """Go the way twice as the first person; return the second's statements by step (the first fills the caches)."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser, found = Inside(shop["people"][0]), dict[str, int]()

    def timed(kind: str, what: Callable[[], Answer]) -> Answer:
        with CaptureQueriesContext(connection) as seen:
            answer = what()
        found[kind] = statements(seen.captured_queries)
        return answer

    for product in shop["products"][:2]:
        journey(browser, shop, product, timed)
    return found
