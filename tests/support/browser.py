"""A real Chromium for the suite: found on the machine, kept at home, its complaints collected."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LOCAL = {"127.0.0.1", "localhost", "[::1]", "::1", ""}

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    # One site only: a process of its own for each page, and a window that fades in, cost a fifth of all loading.
    "--disable-site-isolation-trials",
    "--animation-duration-scale=0",
    # Names of other hosts do not even resolve: a page that calls out fails loudly.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@cache
def chromium() -> str | None:
    """Return the path of what ``CHROME`` names, of a Chromium or a Chrome, or None."""
    named = os.environ.get("CHROME")
    # The same engine without window and toolbar: a page takes half the processor's time.
    windowless = "chromium-headless-shell"
    for candidate in [named, windowless, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]:
        if candidate and (found := shutil.which(candidate)):
            return found
    return None


@cache
def chromium_version() -> str:
    """Return what the browser says of itself."""
    path = chromium()
    if path is None:
        return "none"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() or "unknown"


@cache
def chinese_font() -> str | None:
    """Return the name of an installed font with Chinese glyphs, or None."""
    lister = shutil.which("fc-list")
    if lister is None:
        return None
    done = subprocess.run([lister, ":lang=zh-cn", "family"], capture_output=True, text=True, check=False, timeout=30)
    families = sorted(line.split(",")[0] for line in done.stdout.splitlines() if line.strip())
    return families[0] if families else None


class Watch:
    """Collects what must not happen on a page: console errors, script errors, calls to another host."""

    def __init__(self) -> None:
        self.console: list[str] = []
        self.external: list[str] = []
        self.allowed: tuple[str, ...] = ()

    def follow(self, context: Any) -> None:
        """Watch every page of a browser context, and name each request to another host."""
        # Watched, not routed: a route asks Python about every request and switches the browser's cache off.
        context.on("request", self._request)
        context.on("page", self._page)

    def allow(self, *parts: str) -> None:
        """Accept console errors that contain one of these, where a test provokes them."""
        self.allowed = (*self.allowed, *parts)

    def complaints(self) -> list[str]:
        """Return all that was seen and not allowed."""
        said = [text for text in self.console if not any(part in text for part in self.allowed)]
        return [*said, *(f"request to another host: {url}" for url in self.external)]

    def _page(self, page: Any) -> None:
        page.on("console", lambda message: self._console(page, message))
        page.on("pageerror", lambda error: self.console.append(f"script error on {page.url}: {error}"))

    def _console(self, page: Any, message: Any) -> None:
        if message.type == "error":
            self.console.append(f"console error on {page.url}: {message.text}")

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and (parts.hostname or "") not in LOCAL:
            self.external.append(request.url)


def axe_violations(page: Any, *, exclude: tuple[str, ...] = ()) -> list[str]:
    """Run axe on the page (WCAG 2.2 A and AA) and return each violation in one line."""
    source = _axe_source()
    page.evaluate(source)
    options = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
        "resultTypes": ["violations"],
    }
    found = page.evaluate(
        """async ([exclude, options]) => {
          const done = await axe.run(exclude.length ? {exclude: exclude.map(e => [e])} : document, options);
          return done.violations;
        }""",
        [list(exclude), options],
    )
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + "; ".join(f"{' '.join(map(str, node['target']))} {node.get('failureSummary', '')!r}" for node in one["nodes"])
        for one in found
    ]


@cache
def _axe_source() -> str:
    import axe_playwright_python

    return next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
