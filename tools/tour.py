"""Take a picture of every page of the path: ``python -m tools.tour``.

Loads the demo into a database of its own (var/tour), serves it, and walks the path in real Chromium as its people do,
once in Chinese and once in English. Every page is photographed on a phone (360 px) and a desk (1,280 px), in standard
and in large text, into var/tour-pictures/. A console error, a request to another host, a page wider than its screen or
a failing step ends the tour with 1. ``--only zh`` walks one language, ``--keep`` takes the demo of the last run.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "tour"
OUT = ROOT / "var" / "tour-pictures"
LANGUAGES = {"zh": ("zh-hans", "zh-CN"), "en": ("en", "en-GB")}
WIDTHS = (360, 1280)
TALLEST = 2400
QUALITY = 46
LARGEST_FOLDER = 25_000_000


def prepare() -> None:
    """Point Django at the tour's own database before anything reads the settings."""
    VAR.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "settings.test",
            "DATABASE_URL": f"sqlite:///{VAR / 'demo.sqlite3'}",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
            "DEMO": "1",
        }
    )
    import django

    django.setup()


def load(*, keep: bool) -> None:
    """Make the demo database, or take the one that is there."""
    from django.core.management import call_command
    from django.db import connection

    target = VAR / "demo.sqlite3"
    if keep and target.exists():
        return
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_demo")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def use_copy(language: str) -> None:
    """Walk on a copy, so that both languages begin in the same village."""
    from django.db import connections

    connections.close_all()
    target = VAR / f"{language}.sqlite3"
    for suffix in ("-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(VAR / "demo.sqlite3", target)
    connections["default"].settings_dict["NAME"] = str(target)
    connections.databases["default"]["NAME"] = str(target)


class Camera:
    """Photographs pages and remembers what was wrong with them."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.names: list[str] = []
        self.wrong: list[str] = []
        self.titles: dict[str, str] = {}

    def __call__(self, visitor: Any, name: str) -> None:
        """Photograph the page in both widths and both text sizes."""
        from tests.support.visitors import SIZES, overflow, set_size

        page, viewport = visitor.page, dict(visitor.page.viewport_size)
        number = len(self.names) + 1
        self.names.append(name)
        self.titles[name] = page.title().split(" · ")[0]
        page.evaluate(
            """async () => {
              for (const image of document.images) image.loading = "eager";
              await Promise.all([...document.images].map((image) => image.decode().catch(() => 0)));
              await document.fonts.ready;
            }"""
        )
        own_size = page.evaluate("document.documentElement.dataset.size") or "normal"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740 if width == 360 else 800})
            for size in SIZES:
                set_size(page, size)
                if too_wide := overflow(page):
                    self.wrong.append(f"{name} {self.language} {width} {size}: wider than the screen: {too_wide}")
                self._store(page, OUT / picture(number, name, self.language, width, size))
        page.set_viewport_size(viewport)
        set_size(page, own_size)

    def _store(self, page: Any, target: Path) -> None:
        from PIL import Image

        page.evaluate("scrollTo(0, 0)")
        # A screen as tall as the page, so that what sticks to its lower edge stands where the page ends.
        width = page.viewport_size["width"]
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": min(max(height, 740), TALLEST)})
        shot = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
        shot.save(target, "WEBP", quality=QUALITY, method=4)
        page.set_viewport_size({"width": width, "height": 740 if width == 360 else 800})


def picture(number: int, name: str, language: str, width: int, size: str) -> str:
    """Name a picture; the same page has the same name on every run."""
    return f"{number:02d}-{name}-{width}-{language}-{size}.webp"


def walk(language: str) -> Camera:
    """Walk the whole path in one language, from a village as the demo left it."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test.testcases import LiveServerThread
    from django.utils import timezone
    from playwright.sync_api import sync_playwright

    from tests.support import browser as chrome
    from tests.support import clock as clocks
    from tests.support.path import Path as Way

    use_copy(language)
    code, locale = LANGUAGES[language]
    village = the_village()
    camera, watch = Camera(language), chrome.Watch()
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    base = f"http://127.0.0.1:{server.port}"
    from django.conf import settings

    settings.SITE_URL = base
    clock = clocks.install(timezone.now())
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=chrome.chromium(), args=chrome.ARGUMENTS)

            def open_page(**changes: Any) -> Any:
                context = chromium.new_context(
                    locale=locale,
                    timezone_id="Asia/Shanghai",
                    service_workers="block",
                    reduced_motion="reduce",
                    **changes,
                )
                watch.follow(context)
                return context.new_page()

            way = Way(village, clock, base, open_page, camera, code)
            try:
                way.walk()
            finally:
                chromium.close()
    finally:
        clocks.remove()
        server.terminate()
        server.join(5)
    camera.wrong += watch.complaints()
    return camera


def remember(camera: Camera) -> None:
    """Keep what a walk saw for the process that started it."""
    content = {"names": camera.names, "titles": camera.titles, "wrong": camera.wrong}
    (VAR / f"{camera.language}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def recall(language: str) -> Camera:
    """Read what a walk saw."""
    camera = Camera(language)
    content = json.loads((VAR / f"{language}.json").read_text(encoding="utf-8"))
    camera.names, camera.titles, camera.wrong = content["names"], content["titles"], content["wrong"]
    return camera


def the_village() -> Any:
    """Find the village of the path and its people in the demo."""
    from marketplace.demo import people, places
    from marketplace.partner.models import Partner, StockRecord
    from tests.factories.village import Village
    from timebank.registry.models import Card, Region, Resident, User
    from timebank.service.models import Activity

    def user(person: Any) -> User:
        return User.objects.get(username=person.username)

    def resident(person: Any) -> Resident:
        residents = Resident.objects.select_related("user", "village").filter(village=region, name=person.name)
        return residents.get()

    region = Region.objects.get(code=places.HOME)
    grandmother = resident(people.GRANDMOTHER)
    activity = Activity.objects.filter(
        village=region, status="open", category=places.CLEAN.category, title=places.CLEAN.title
    )
    soap = StockRecord.objects.select_related("product", "partner").get(partner__village=region, partner_sku="G001")
    bath = StockRecord.objects.select_related("product", "partner").get(partner__village=region, partner_sku="S002")
    chosen = activity.exclude(sign_ups__resident__name=people.RESIDENT.name).order_by("starts_at").first()
    if chosen is None:
        raise SystemExit("The demo has no clean-up to sign up for.")
    return Village(
        region=region,
        admin=user(people.VILLAGE_ADMIN),
        leader=user(people.LEADER),
        stock_keeper=user(people.STOCK_KEEPER),
        clerk=user(people.CLERK),
        bath_clerk=user(people.BATH_CLERK),
        resident=resident(people.RESIDENT),
        nephew=resident(people.NEPHEW),
        grandmother=grandmother,
        card=Card.objects.get(resident=grandmother, status="active"),
        team=chosen.team,
        activity=chosen,
        shop=Partner.objects.get(pk=soap.partner_id),
        bath=Partner.objects.get(pk=bath.partner_id),
        soap=soap,
        bath_ticket=bath,
        password=people.PASSWORD,
        pin=people.CARD_PIN,
    )


def write_index(cameras: dict[str, Camera]) -> None:
    """Write the page and the list that lead to the pictures."""
    first = next(iter(cameras.values()))
    choices = [("lang", tuple(cameras)), ("width", ("360", "1280")), ("size", ("normal", "large"))]
    labels = {"zh": "中文", "en": "English", "360": "360 px", "1280": "1280 px", "normal": "标准", "large": "大字"}
    inputs, rules = [], []
    for group, values in choices:
        for place, value in enumerate(values):
            checked = " checked" if place == 0 else ""
            inputs.append(
                f'<input type="radio" name="{group}" id="{group}-{value}"{checked}>'
                f'<label for="{group}-{value}">{labels[value]}</label>'
            )
            rules.append(f"body:has(#{group}-{value}:not(:checked)) .{group}-{value}{{display:none}}")
    figures, lines = [], []
    for number, name in enumerate(first.names, 1):
        shots = []
        for language, camera in cameras.items():
            for width in WIDTHS:
                for size in ("normal", "large"):
                    file = picture(number, name, language, width, size)
                    title = html.escape(camera.titles.get(name, name))
                    shots.append(
                        f'<img class="lang-{language} width-{width} size-{size}" loading="lazy" src="{file}"'
                        f' alt="{title}, {width} px, {language}, {size}">'
                    )
        titles = " · ".join(dict.fromkeys(camera.titles.get(name, name) for camera in cameras.values()))
        figures.append(
            f'<figure id="{name}"><figcaption>{number}. {html.escape(titles)} <code>{name}</code></figcaption>'
            f"{''.join(shots)}</figure>"
        )
        links = " ".join(
            f"[{width} {language} {labels[size]}]({picture(number, name, language, width, size)})"
            for language in cameras
            for width in WIDTHS
            for size in ("normal", "large")
        )
        lines.append(f"| {number} | {titles} | `{name}` | {links} |")
    style = (
        "body{margin:0;background:#f2ede0;color:#2b2118;font:16px/1.5 system-ui,sans-serif}"
        "header{position:sticky;top:0;background:#fffdf7;border-bottom:2px solid #9e1b16;padding:.75rem 1rem}"
        "h1{font-size:1.25rem;margin:0 0 .5rem}input{position:absolute;opacity:0}"
        "label{display:inline-block;border:2px solid #9e1b16;border-radius:.4rem;padding:.2rem .8rem;margin:.2rem}"
        "input:checked+label{background:#9e1b16;color:#fff}input:focus-visible+label{outline:3px solid #2b2118}"
        "main{display:flex;flex-wrap:wrap;gap:1.5rem;padding:1rem;align-items:flex-start}figure{margin:0;max-width:100%}"
        "figcaption{font-weight:600;margin-bottom:.4rem}code{color:#6b5a45;font-weight:400}"
        "img{display:block;max-width:100%;border:1px solid #cbbf9f;background:#fff}"
    )
    (OUT / "index.html").write_text(
        '<!DOCTYPE html>\n<html lang="zh-Hans"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>善集 Shanji: tour</title>'
        f"<style>{style}{''.join(rules)}</style></head><body><header><h1>善集 Shanji: {len(first.names)} pages</h1>"
        f"{''.join(inputs)}</header><main>\n" + "\n".join(figures) + "\n</main></body></html>\n",
        encoding="utf-8",
    )
    (OUT / "README.md").write_text(
        "# Tour\n\nEvery page of the path, photographed by `make tour` while the people of the demo walk it: on a "
        "phone (360 px) and a desk (1,280 px), in Chinese and English, in standard and large text. "
        "`index.html` shows them side by side.\n\nAll people are invented.\n\n| | page | name | pictures |\n"
        "| --- | --- | --- | --- |\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )


def main() -> int:
    """Walk, photograph, write the index; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(LANGUAGES), help="walk one language only")
    parser.add_argument("--keep", action="store_true", help="take the demo database of the last run")
    parser.add_argument("--one", choices=tuple(LANGUAGES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    began = time.monotonic()
    prepare()
    OUT.mkdir(parents=True, exist_ok=True)
    chosen = [options.only] if options.only else list(LANGUAGES)
    if not options.one:
        load(keep=options.keep)
        print(f"demo ready after {time.monotonic() - began:.0f} s", flush=True)
    for old in [] if options.one else OUT.glob("*.webp"):
        if any(f"-{language}-" in old.name for language in chosen):
            old.unlink()
    if options.one:
        remember(walk(options.one))
        return 0
    # A process for each language: each has a database, a server and a clock of its own, and two cores work.
    walks = [
        (language, subprocess.Popen([sys.executable, "-m", "tools.tour", "--one", language], cwd=ROOT))
        for language in chosen
    ]
    cameras = {}
    for language, process in walks:
        if process.wait():
            print(f"WRONG the walk in {language} broke off", file=sys.stderr)
            return 1
        cameras[language] = recall(language)
        print(f"{language}: {len(cameras[language].names)} pages after {time.monotonic() - began:.0f} s")
    if not options.only:
        write_index(cameras)
    wrong = [text for camera in cameras.values() for text in camera.wrong]
    size = sum(path.stat().st_size for path in OUT.iterdir())
    if size > LARGEST_FOLDER:
        wrong.append(f"var/tour-pictures is {size / 1e6:.1f} MB, 25 MB allowed")
    print(f"var/tour-pictures: {size / 1e6:.1f} MB, {time.monotonic() - began:.0f} s")
    for text in wrong:
        print(f"WRONG {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
