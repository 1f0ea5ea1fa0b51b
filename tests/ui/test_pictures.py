"""Every reward has a picture of its own, and every picture is safe under our content policy and light on the line."""

from __future__ import annotations

import csv
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REWARDS = ROOT / "marketplace/catalogue/static/catalogue/pictures"
SERVICE = ROOT / "timebank/service/static/service/pictures"
FACE = ROOT / "timebank/ui/static/ui"
CATALOGUE_CSV = ROOT / "marketplace/catalogue/data/reward_catalogue.csv"

# The catalogue the demo ships; read from its file where that is present.
SKUS = (
    [f"G{n:03d}" for n in (*range(1, 21), *range(101, 110), *range(201, 205))]
    + [f"S{n:03d}" for n in range(1, 12)]
    + [f"B{n:03d}" for n in range(1, 5)]
)
ACTIVITY_KINDS = {"clean", "elder", "canteen", "farm", "teach", "repair", "culture", "safety", "other"}
EMPTY_STATES = {"empty-basket", "empty-tickets", "empty-list", "lost", "offline", "done"}
# What the design asks of the icon sprite; the sprite may hold more.
ICONS = {
    "home",
    "gift",
    "ticket",
    "person",
    "basket",
    "search",
    "scan",
    "camera",
    "check",
    "cross",
    "warning",
    "clock",
    "calendar",
    "place",
    "hours",
    "points",
    "card",
    "printer",
    "plus",
    "minus",
    "arrow-right",
    "arrow-left",
    "arrow-down",
    "list",
    "bell",
    "stock",
    "shield",
    "language",
    "text-size",
    "logout",
    "help",
    "undo",
    "phone",
    "family",
    "chart",
    "verify",
    "notice",
    "edit",
    "download",
    "filter",
    "qr",
}
MAX_BYTES = 6 * 1024
SVG = "{http://www.w3.org/2000/svg}"

PICTURES = sorted([*REWARDS.glob("*.svg"), *SERVICE.glob("*.svg"), *(FACE / "pictures").glob("*.svg")])
MARKS = [FACE / "logo.svg", FACE / "favicon.svg"]


def catalogue_skus() -> list[str]:
    if not CATALOGUE_CSV.exists():
        return SKUS
    with CATALOGUE_CSV.open(encoding="utf-8-sig", newline="") as rows:
        return [row["sku"] for row in csv.DictReader(rows)]


def refusals(svg: str) -> list[str]:
    """What our strict content policy, or a careful reader, would refuse in this SVG text."""
    found = []
    for element in ET.fromstring(svg).iter():
        tag = element.tag.removeprefix(SVG)
        if tag in {"script", "style", "foreignObject", "image", "text", "a", "animate", "set"}:
            found.append(f"<{tag}>")
        for attribute, value in element.attrib.items():
            name = attribute.rpartition("}")[2].lower()
            if name == "style" or name.startswith("on"):
                found.append(name)
            if name in {"href", "src"} and not value.startswith("#"):
                found.append(f"{name}={value}")
            if "url(" in value and "url(#" not in value:
                found.append(f"{name}={value}")
    if re.search(r"<!DOCTYPE|<!ENTITY|<\?xml-stylesheet", svg):
        found.append("doctype, entity or stylesheet")
    return found


@pytest.mark.parametrize("sku", catalogue_skus())
def test_reward_of_the_catalogue_has_a_picture(sku):
    assert (REWARDS / f"{sku}.svg").is_file()


def test_activity_kinds_and_empty_states_have_a_picture():
    assert {path.stem for path in SERVICE.glob("*.svg")} >= ACTIVITY_KINDS
    assert {path.stem for path in (FACE / "pictures").glob("*.svg")} >= EMPTY_STATES


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_picture_is_a_light_four_to_three_svg(path):
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == "0 0 400 300"
    assert path.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("path", [*PICTURES, *MARKS, FACE / "icons.svg"], ids=lambda path: path.stem)
def test_picture_carries_nothing_the_content_policy_refuses(path):
    assert refusals(path.read_text(encoding="utf-8")) == []


def test_reward_pictures_are_all_different():
    bodies = [path.read_bytes() for path in REWARDS.glob("*.svg")]
    assert len(set(bodies)) == len(bodies)


@pytest.mark.parametrize(
    ("_case", "body", "expected"),
    [
        ("script", "<script/>", ["<script>"]),
        ("style_attribute", '<g style="fill:red"/>', ["style"]),
        ("handler", '<g onclick="x()"/>', ["onclick"]),
        ("outside_href", '<use href="https://example.com/a.svg#a"/>', ["href=https://example.com/a.svg#a"]),
        ("outside_paint", '<g fill="url(https://example.com/a#b)"/>', ["fill=url(https://example.com/a#b)"]),
        ("own_reference", '<use href="#a"/>', []),
    ],
)
def test_refusals_names_what_is_not_allowed(_case, body, expected):
    assert refusals(f'<svg xmlns="http://www.w3.org/2000/svg">{body}</svg>') == expected


def test_sprite_holds_every_icon_of_the_design():
    root = ET.fromstring((FACE / "icons.svg").read_text(encoding="utf-8"))
    symbols = {symbol.get("id"): symbol for symbol in root.iter(f"{SVG}symbol")}
    assert symbols.keys() >= {f"i-{name}" for name in ICONS}
    assert {symbol.get("viewBox") for symbol in symbols.values()} == {"0 0 24 24"}
    assert {symbol.get("stroke") for symbol in symbols.values()} == {"currentColor"}


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("icon-192", 192),
        ("icon-512", 512),
        ("icon-maskable-192", 192),
        ("icon-maskable-512", 512),
        ("apple-touch-icon", 180),
    ],
)
def test_home_screen_icon_has_the_size_its_name_says(name, side):
    head = (FACE / f"{name}.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:24]) == (side, side)
