"""Rules and tools of the whole suite.

Every test runs with warnings as errors, in random order, with sockets only to this machine. After each test that had a
database the ledger must verify; no ERROR may have been logged. PostgreSQL is the default, ``--sqlite`` (or
``TEST_DB=sqlite``) takes SQLite.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pytest_django.plugin import blocking_manager_key

if "--sqlite" in sys.argv:
    os.environ["TEST_DB"] = "sqlite"
os.environ.setdefault("TEST_DB", "postgresql")
os.environ["DJANGO_SETTINGS_MODULE"] = "settings.test"
# Only the engine matters here: the place is filled in when the first test asks for a database.
os.environ["DATABASE_URL"] = "sqlite:///:memory:" if os.environ["TEST_DB"] == "sqlite" else "postgresql:///nonexistent"

from tests.support import browser as chrome
from tests.support import databases, postgres, races, run, worlds
from tools import messages

# A busy machine is slow, not wrong: Hypothesis judges results, never the clock.
hypothesis.settings.register_profile(
    "shanji", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("shanji")

REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") not in {"", "0"}
RESULTS = Path(__file__).resolve().parents[1] / "var" / "test-results"
CLONE = pytest.StashKey[databases.Clone]()


# -- The run -----------------------------------------------------------------------------------------------------------
def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of database."""
    parser.addoption("--sqlite", action="store_true", help="test on SQLite instead of PostgreSQL")
    parser.addoption(
        "--differs", action="store_true", help="only what a database can make differ: tests that use one, and attacks"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder before any worker starts, so that all share it."""
    if os.environ["TEST_DB"] not in {"postgresql", "sqlite"}:
        raise pytest.UsageError(f"TEST_DB must be postgresql or sqlite, not {os.environ['TEST_DB']!r}.")
    if not hasattr(config, "workerinput"):
        os.environ.pop(run.VARIABLE, None)
        messages.compile_all()
    run.folder()
    config.stash[CLONE] = databases.Clone(os.environ.get("PYTEST_XDIST_WORKER", "main"))
    from django.conf import settings

    # Reading the settings now lets pytest-django set Django up right after us.
    if databases.kind() not in settings.DATABASES["default"]["ENGINE"]:
        raise pytest.UsageError(
            "The settings were read before the suite chose its database: unset DJANGO_SETTINGS_MODULE."
        )


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark browser tests, and leave out what the chosen database, or a setting, cannot show."""
    from django.conf import settings

    fast = databases.kind() == "postgresql" and settings.LEDGER_FAST_PATH
    left_out = []
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)
        elsewhere = item.get_closest_marker("pg_only" if databases.kind() == "sqlite" else "sqlite_only")
        same = config.getoption("--differs") and not _may_differ(item)
        if elsewhere or same or (not fast and item.get_closest_marker("fast_path")):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
    yield  # what `-m` names is left out here, and the rest shuffled
    if hasattr(config, "workerinput"):
        _put_in_turns(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector leave alone what stays to the end anyway, and come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _put_in_turns(items: list[pytest.Item]) -> None:
    """Let no worker idle: one makes the database, the others need none meanwhile; nothing long is left for the end."""
    browsers = [item for item in items if item.get_closest_marker("e2e")]
    plain = [item for item in items if not item.get_closest_marker("e2e") and not _may_differ(item)]
    walks = [item for item in items if item.path.name in {"test_forms.py", "test_links.py", "test_reads.py"}]
    turn = dict.fromkeys([*walks, *browsers], 2) | dict.fromkeys(plain, 1) | dict.fromkeys(browsers[:1], 0)
    items.sort(key=lambda item: turn.get(item, 3))


def _may_differ(item: pytest.Item) -> bool:
    """Say whether the kind of database can make this test come out otherwise."""
    names = {"db", "transactional_db", "live_server", "admin_client", "admin_user", "client", "django_db_setup"}
    if item.get_closest_marker("django_db") or names & set(getattr(item, "fixturenames", ())):
        return True
    return item.nodeid.startswith(("tests/faults/", "tests/concurrency/"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say in words why a browser test cannot run here."""
    if item.get_closest_marker("e2e"):
        if chrome.chromium() is None:
            reason = "no Chromium found; install it, or name one in CHROME"
            run.could_not("browser tests", reason)
            pytest.skip(reason)
        run.note("browser", chrome.chromium_version())
        font = chrome.chinese_font()
        if font:
            run.note("font", font)
        else:
            run.could_not("Chinese glyphs in the browser", "no font with Chinese glyphs is installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn "could not run" into a failure where all must run (``REQUIRE_ALL=1``, as CI sets it)."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        run.could_not(item.nodeid, reason)
        if REQUIRE_ALL:
            report.outcome = "failed"
            report.longrepr = f"{reason} (REQUIRE_ALL is set, so nothing may be skipped)"
    return report


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Say which real parts this run used and what it could not do; keep both for the summary of all runs."""
    used, missing = [], []
    for one in run.parts():
        (used if one["kind"] == "used" else missing).append(f"{one['part']}: {one['text']}")
    terminalreporter.section("real parts")
    for line in used or ["none: these tests needed no server"]:
        terminalreporter.line(line)
    for line in missing:
        terminalreporter.line(f"COULD NOT RUN {line}")
    counts = {name: len(found) for name, found in terminalreporter.stats.items() if name}
    # Said once more at the very end, where nothing scrolls it away: what failed, and its last line.
    failed = [
        f"{one.nodeid}: {str(one.longrepr).strip().splitlines()[-1][:300]}"
        for name in ("failed", "error")
        for one in terminalreporter.stats.get(name, [])
    ]
    # What each app's tests took, for `make figures`; and where the time goes.
    by_app: Counter[str] = Counter()
    by_test: Counter[str] = Counter()
    for report in (one for found in terminalreporter.stats.values() for one in found if hasattr(one, "duration")):
        by_app[report.nodeid.split("/")[1]] += report.duration
        by_test[report.nodeid] += report.duration
    with contextlib.suppress(OSError):
        RESULTS.mkdir(parents=True, exist_ok=True)
        content = {"exit": int(exitstatus), "counts": counts, "used": used, "missing": missing, "failed": failed}
        content["seconds"] = {name: round(spent, 1) for name, spent in by_app.most_common()}
        content["slowest"] = {name: round(spent, 1) for name, spent in by_test.most_common(60)}
        (RESULTS / f"{databases.kind()}.json").write_text(json.dumps(content, indent=1))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the run started and take its folder away."""
    if os.environ.get(run.VARIABLE) and run.is_owner():
        state = run.folder() / "postgres.json"
        if state.exists():
            with contextlib.suppress(RuntimeError):
                postgres.stop(postgres.Server(**json.loads(state.read_text())))
        run.remove()


# -- Databases ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any
) -> Iterator[None]:
    """Give this process a clone of the migrated template, and renew it after every test that really commits."""
    from django.test import TransactionTestCase

    clone = request.config.stash[CLONE]
    with django_db_blocker.unblock():
        clone.use("", worlds.make)
    # Emptying 170 tables is slower than a new copy, would lose what migrations wrote, and the ledger forbids it.
    original = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda self: clone.reset()  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]
    with django_db_blocker.unblock():
        clone.drop()


@pytest.fixture(scope="session")
def live_server(django_db_setup: None, live_server: Any) -> Any:
    """Start the server once the database is a file: of one in memory all its threads would share one connection."""
    return live_server


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[Any]:
    """Take the database of the world that a test asks for, before its transaction begins."""
    if fixturedef.argname == "_django_db_helper":
        with request.config.stash[blocking_manager_key].unblock():
            request.config.stash[CLONE].use(worlds.builder_of(request), worlds.make)
    return (yield)


def _uses_database(request: pytest.FixtureRequest) -> bool:
    names = {"db", "transactional_db", "live_server", "admin_client", "admin_user"}
    return bool(request.node.get_closest_marker("django_db") or names & set(request.fixturenames))


@pytest.fixture(autouse=True)
def _ledger_still_verifies(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after every test that had a database that the ledger keeps its promises, and that all money adds up.

    ``breaks_ledger`` excuses a control, which shows what a guard prevents; ``money_without_rows`` a test that posts
    money by itself, so that no row says what it was for: it must add up all the same. Each says why.
    """
    if not _uses_database(request):
        yield
        return
    request.getfixturevalue("_django_db_helper")  # first in, last out: the rows are still there when we look
    yield
    if request.node.get_closest_marker("breaks_ledger"):
        return
    try:
        from timebank.ledger.testing import assert_ledger_clean
    except ImportError:
        return
    from django.db import connection

    if connection.needs_rollback or (connection.connection is None and connection.in_atomic_block):
        return
    assert_ledger_clean()
    if request.node.nodeid.startswith("tests/ledger/"):
        return  # the ledger knows no fund: its tests post money from anywhere to anywhere
    from tests.support.money import assert_money_adds_up

    assert_money_adds_up(rows=not request.node.get_closest_marker("money_without_rows"))


@pytest.fixture(autouse=True)
def _language_of_the_house() -> Iterator[None]:
    """Begin every test in the default language: a request in English, say, leaves its own behind in the thread."""
    from django.conf import settings
    from django.utils import timezone, translation

    translation.activate(settings.LANGUAGE_CODE)
    timezone.deactivate()
    yield
    translation.deactivate()


class _ErrorLog(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _tasks_may_be_waited_for() -> Iterator[None]:
    """Let every test wait for the tasks that it starts.

    Celery notes in one global that a task runs at once and must not be waited for, and puts back what it read: two
    threads of a race test that put theirs back in the wrong order leave it set for every later test.
    """
    from celery.result import allow_join_result

    with allow_join_result():
        yield


@pytest.fixture(autouse=True)
def _no_error_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that logged an ERROR, unless it says ``@pytest.mark.logs_error("why")``."""
    handler = _ErrorLog()
    # Some loggers do not pass their records on, so listen at each of these as well as at the root.
    places = [logging.getLogger(name) for name in ("", "django", "django.request", "django.server", "celery")]
    places = [one for one in places if one.name == "root" or not one.propagate]
    for one in places:
        one.addHandler(handler)
    yield
    for one in places:
        one.removeHandler(handler)
    marker = request.node.get_closest_marker("logs_error")
    if marker is None and handler.records:
        said = "\n".join(
            f"{record.name}: {record.getMessage()}"
            + (logging.Formatter().formatException(record.exc_info) if record.exc_info else "")
            for record in handler.records
        )
        pytest.fail(f"ERROR was logged:\n{said}", pytrace=False)
    if marker is not None and not marker.args:
        pytest.fail("logs_error needs a reason", pytrace=False)


@pytest.fixture
def client() -> Any:
    """Return a client that fills in the desk's forms as their page does."""
    from tests.support.clients import PageClient

    return PageClient()


@pytest.fixture
def run_concurrently() -> Callable[..., races.Outcome]:
    """Return the race starter: ``run_concurrently(fn, n)``; see tests/support/races.py."""
    return races.run_concurrently


@pytest.fixture
def query_budget() -> Callable[..., contextlib.AbstractContextManager[Any]]:
    """Return a context manager that takes exactly so many SQL statements, and else shows them.

    One more is a cost that nobody decided, one less a budget that no longer guards: either way the number is changed
    by hand. ``sqlite`` is the number there, where the short way of the ledger or a lock makes it another.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    @contextlib.contextmanager
    def budget(expected: int, *, sqlite: int | None = None) -> Iterator[CaptureQueriesContext]:
        if sqlite is not None and connection.vendor == "sqlite":
            expected = sqlite
        with CaptureQueriesContext(connection) as seen:
            yield seen
        if len(seen) != expected:
            shown = "\n".join(f"{number}. {one['sql'][:240]}" for number, one in enumerate(seen.captured_queries, 1))
            pytest.fail(f"{len(seen)} statements, not {expected}:\n{shown}", pytrace=False)

    return budget


# -- Browser -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Take the machine's Chromium; nothing is downloaded."""
    # Playwright's synchronous side runs an event loop in this thread; the ORM is still called by one thread only.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return {**browser_type_launch_args, "executable_path": chrome.chromium(), "args": chrome.ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Be an old phone in a Chinese village unless a test says otherwise."""
    return {
        **browser_context_args,
        "viewport": {"width": 360, "height": 740},
        "locale": "zh-CN",
        "timezone_id": "Asia/Shanghai",
        "service_workers": "block",
    }


@pytest.fixture
def watch() -> Iterator[chrome.Watch]:
    """Collect console errors and calls to other hosts; any of them fails the test at its end."""
    watching = chrome.Watch()
    yield watching
    assert watching.complaints() == []


@pytest.fixture
def context(context: Any, watch: chrome.Watch) -> Any:
    """Watch the default context of pytest-playwright."""
    watch.follow(context)
    return context


@pytest.fixture
def new_person(browser: Any, browser_context_args: dict[str, Any], watch: chrome.Watch) -> Iterator[Callable[..., Any]]:
    """Return a maker of pages, each in a browser of its own: ``new_person(viewport=…, locale=…)``."""
    opened = []

    def make(**changes: Any) -> Any:
        context = browser.new_context(**{**browser_context_args, **changes})
        opened.append(context)
        watch.follow(context)
        return context.new_page()

    yield make
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def assert_axe_clean() -> Callable[..., None]:
    """Return ``assert_axe_clean(page, exclude=())``: no WCAG 2.2 A or AA violation on the page as it stands."""

    def check(page: Any, *, exclude: tuple[str, ...] = ()) -> None:
        assert chrome.axe_violations(page, exclude=exclude) == [], f"axe on {re.sub('[?].*', '', page.url)}"

    return check
