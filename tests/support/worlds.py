"""The people and places that many tests begin with: made once per process, in a database of their own, and copied.

A world of two hundred statements cost as much as the tests that used it. Here it is made once, committed to a copy of
the migrated template, and every test that asks for it runs in that copy (rolled back, or renewed, afterwards) with
fresh Python objects.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.utils.module_loading import import_string

_made: dict[str, Any] = {}
_shared: set[str] = set()


def fixture(name: str, builder: str, *, shared: bool = False) -> Any:
    """Return a fixture of this name that gives each test what ``builder`` (a dotted name) made, as if just made.

    What can't be pickled is ``shared``: the rows are renewed, the Python objects are the same for all tests.
    """

    def copy(db: None) -> Any:
        made = _made[builder]
        return made if shared else pickle.loads(made)

    copy.builder = builder  # type: ignore[attr-defined]
    if shared:
        _shared.add(builder)
    return pytest.fixture(name=name)(copy)


def builder_of(request: pytest.FixtureRequest) -> str:
    """Return which world a test asks for; empty for none: it begins with an empty database."""
    found = set()
    for name, definitions in request.node._fixtureinfo.name2fixturedefs.items():
        # A file may lay a fixture of its own over a world of the same name, and ask for that: then look below it, too.
        for definition in reversed(definitions):
            found.add(getattr(definition.func, "builder", ""))
            if name not in definition.argnames:
                break
    found.discard("")
    assert len(found) < 2, f"{request.node.nodeid} asks for {len(found)} worlds: {found}"
    return found.pop() if found else ""


def make(builder: str) -> None:
    """Fill the database that Django points at, as a test would see it: nothing that follows a commit has run."""
    from django.db import connection, transaction

    together = transaction.atomic()
    together._from_testcase = True  # type: ignore[attr-defined]  # services that insist on a transaction of their own may
    with together:
        made = import_string(builder)()
        _made[builder] = made if builder in _shared else pickle.dumps(made)
        connection.run_on_commit = []
