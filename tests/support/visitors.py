"""People in browsers: each with a context of their own, walking pages by address, name of field and place in the form.

Nothing here reads a translated word, so the same steps walk in Chinese and in English.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
SIZES = ("normal", "large")


class Visitor:
    """One person at one screen."""

    def __init__(self, key: str, page: Any, base: str, look: Callable[[Visitor, str], None]) -> None:
        self.key = key
        self.page = page
        self.base = base.rstrip("/")
        self._look = look
        #: Whose points the pages show, if anybody's.
        self.acts_for: Any = None

    def go(self, path: str) -> Any:
        """Open a page of the site; anything but 200 fails."""
        response = self.page.goto(path if path.startswith("http") else self.base + path)
        assert response is not None
        assert response.status == 200, f"{self.key}: {response.status} on {path}"
        return self

    def look(self, name: str) -> None:
        """Say that the page of this name is before one's eyes."""
        self._look(self, name)

    def press(self, selector: str, *, within: float = 10_000) -> None:
        """Press what the selector names (a button, a link) and wait for the page that follows."""
        target = self.page.locator(selector).first
        with self.page.expect_navigation(timeout=within):
            target.click()

    def fill(self, **fields: str) -> None:
        """Fill fields by their names."""
        for name, value in fields.items():
            self.page.locator(f"[name={name}]:visible").first.fill(value)

    def sign_in(self, login: str, password: str) -> Visitor:
        """Come in by phone number and password."""
        self.go("/sign-in/")
        self.fill(username=login, password=password)
        self.press("main form:has([name=password]) button:not([type=button])")
        assert urlsplit(self.page.url).path != "/sign-in/", f"{self.key} could not sign in"
        return self

    def become(self, user: Any, **kept: Any) -> Visitor:
        """Go on as somebody else (None: nobody signed in) by a session alone; the paths walk the sign-in page.

        ``kept``: what the session holds besides.
        """
        from django.conf import settings
        from django.test import Client

        self.page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
        if user is not None or kept:
            client = Client()
            if user is not None:
                client.force_login(user)
            store = client.session
            store.update(kept)
            store.save()
            session = {"name": settings.SESSION_COOKIE_NAME, "value": store.session_key, "url": self.base}
            self.page.context.add_cookies([session])
        return self

    @property
    def path(self) -> str:
        """Where one is."""
        return urlsplit(self.page.url).path

    def text(self, selector: str = "main") -> str:
        """Read a part of the page."""
        return str(self.page.locator(selector).first.inner_text())

    def qr(self, selector: str = ".qr") -> str:
        """Read the QR on the screen as another phone would: from its picture."""
        target = self.page.locator(selector).first
        target.scroll_into_view_if_needed()
        return decode(target.screenshot())


def decode(picture: bytes) -> str:
    """Return the text of the one QR in a picture."""
    import zxingcpp
    from PIL import Image

    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    assert len(found) == 1, f"{len(found)} codes in the picture"
    return str(found[0].text)


def set_size(page: Any, size: str) -> None:
    """Show the page in another text size, without leaving it."""
    page.evaluate("size => { document.documentElement.dataset.size = size }", size)


def overflow(page: Any, size: str = "") -> str:
    """Name what makes the page (shown in a text size) wider than its screen; nothing when it fits."""
    return str(
        page.evaluate(
            """size => {
              if (size) document.documentElement.dataset.size = size;
              const wide = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= wide) return "";
              const inScroller = (e) => {
                for (let p = e.parentElement; p; p = p.parentElement) {
                  if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return true;
                }
                return false;
              };
              const found = [...document.body.querySelectorAll("*")].filter((e) => {
                const box = e.getBoundingClientRect();
                return box.width && box.right > wide + 1 && !inScroller(e);
              });
              const names = found.map((e) => e.tagName.toLowerCase() + (e.className.baseVal ?? e.className ? "." +
                String(e.className.baseVal ?? e.className).trim().split(/ +/).join(".") : ""));
              return `${document.documentElement.scrollWidth} > ${wide}: ` + [...new Set(names)].slice(0, 8).join(", ");
            }""",
            size,
        )
    )


def weight(page: Any, url: str) -> tuple[int, dict[str, int]]:
    """Return what a first visit loads over the wire without photos, gzipped, in bytes: the sum and each part."""
    parts: dict[str, int] = {}

    def count(response: Any) -> None:
        kind = response.request.resource_type
        if kind in {"image", "media"} and not response.url.split("?")[0].endswith(".svg"):
            return
        if "/pictures/" in response.url:
            return
        if response.ok:
            parts[urlsplit(response.url).path] = len(gzip.compress(response.body(), 6))

    page.on("response", count)
    page.goto(url, wait_until="networkidle")
    page.remove_listener("response", count)
    return sum(parts.values()), parts
