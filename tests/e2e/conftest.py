"""The village of the path on a live server, in real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # models can't be imported before Django is set up, and this file is read first
    from tests.factories.village import Village
    from tests.support.clock import Clock
    from tests.support.visitors import Visitor


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Begin on the morning of the path; the server lives by this clock."""
    from tests.factories import village as seed
    from tests.support import clock as clocks

    yield clocks.install(seed.MORNING)
    clocks.remove()


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """Return the address of the running server; what is printed in a QR leads there, too."""
    settings.SITE_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def village(site: str, clock: Clock) -> Village:
    """Make the village of the path, up to its morning."""
    from tests.factories import village as seed

    return seed.build()


@pytest.fixture
def visit(site: str, new_person: Callable[..., Any]) -> Callable[..., Visitor]:
    """Return ``visit(key, user=None, language=…, **context)``: somebody with a browser, signed in when named."""
    from tests.support.visitors import Visitor

    def make(key: str, user: Any = None, *, language: str = "zh-hans", size: str = "normal", **context: Any) -> Visitor:
        page = new_person(**context)
        cookies = {"django_language": language, "shanji_size": size}
        page.context.add_cookies([{"name": name, "value": value, "url": site} for name, value in cookies.items()])
        return Visitor(key, page, site, lambda visitor, name: None).become(user)

    return make
