"""Every form of every page, once with each bad input (SAFE, the walk that finds new faults).

All text fields of a form are filled with the same bad thing and sent; choices and hidden values are left as they
came, or spoiled in a round of their own. Whatever happens, the answer is a page of ours that a person can go on from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test.html import Element, parse_html
from django.urls import Resolver404, resolve, reverse

from tests.permissions.people import Cast, fingerprint, statements_that_write
from tests.permissions.test_matrix import EVERY_ROLE, MATRIX

pytestmark = pytest.mark.pg_only("PostgreSQL refuses what SQLite takes: NUL, numbers and days out of range")

BAD = {
    "empty": "",
    "long": "很" * 6000,
    "control": "甲\x07\u202e乙",
    "nul": "甲\x00乙",
    "huge": "9" * 40,
    "square": "²",
    "minus": "-1",
    "far": "9999-12-31",
    "early": "0001-01-01",
    "markup": "<b>{{ 7 }}</b>%(x)s{0}",
}
SPOILED = "spoiled"  # choices and hidden values that the page never offered
KEPT = {"csrfmiddlewaretoken", "acts_for"}
TEXTS = {"text", "search", "tel", "email", "url", "number", "date", "datetime-local", "time", "month", "password", ""}
# Words that stand in Chinese sentences as they are.
LATIN = {"CSV", "XLSX", "Excel", "PIN", "ID", "QR", "URL", "UTF", "GB", "Shanji", "APP", "Stripe"}

ERRORS = re.compile(r'class="(?:error-summary|field__error)[^"]*"[^>]*>(.*?)</(?:div|p|section)>', re.S)
# Written whatever is answered: who looked at whom.
READS = {'"registry_personalread"'}


@dataclass
class Form:
    """One form of a page."""

    action: str
    texts: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)


def _elements(node: Any) -> Iterator[Element]:
    for child in getattr(node, "children", ()):
        if isinstance(child, Element):
            yield child
            yield from _elements(child)


def forms_of(html: str, path: str) -> list[Form]:
    """Return the forms of a page that post."""
    found = []
    for node in _elements(parse_html(html)):
        facts = dict(node.attributes)
        if node.name != "form" or str(facts.get("method", "get")).lower() != "post":
            continue
        form = Form(str(facts.get("action") or path))
        for item in _elements(node):
            told = dict(item.attributes)
            name = told.get("name")
            if not name:
                continue
            if item.name == "textarea" or (item.name == "input" and told.get("type", "") in TEXTS):
                form.texts.append(name)
            elif item.name == "select":
                options = [dict(option.attributes).get("value", "") for option in _elements(item)]
                form.others.setdefault(name, []).extend([value for value in options if value][:1])
            elif item.name in {"input", "button"} and told.get("type") != "file":
                form.others.setdefault(name, []).append(told.get("value") or "on")
        found.append(form)
    return found


def _data(form: Form, kind: str) -> dict[str, list[str]]:
    if kind == SPOILED:
        spoiled = {name: values if name in KEPT else ["²"] for name, values in form.others.items()}
        return {**spoiled, **{name: ["1"] for name in form.texts}}
    first = {name: values[:1] for name, values in form.others.items()}
    return {**first, **{name: [BAD[kind]] for name in form.texts}}


def complaints(answer: Any) -> Iterator[str]:
    """Name what a person could not go on from."""
    if answer.status_code >= 500:
        yield f"{answer.status_code}"
        return
    if answer.status_code in {301, 302, 303} or answer.streaming:
        return
    html = answer.content.decode(errors="replace")
    if "<main" not in html and "hx-" not in html and answer.get("Content-Type", "").startswith("text/html"):
        yield f"a bare {answer.status_code}"
    if answer.status_code == 400:
        yield "a 400"
    said = " ".join(ERRORS.findall(html))
    said = re.sub(r"<[^>]*>|&[a-z#0-9]+;", " ", said).replace("%(x)s{0}", "")
    english = [word for word in re.findall(r"[A-Za-z]{3,}", said) if word not in LATIN]
    if english:
        yield f"English in Chinese: {' '.join(english)[:120]}"
    if re.search(r"%\(\w+\)[sd]", said):
        yield f"a placeholder: {said[:120]}"


class _Undo(Exception):
    pass


def walk(client: Any, cast: Cast, app: str, only: str = "") -> tuple[list[str], int]:
    """Send every form of an app's pages (or of one page); return what went wrong, and how many forms there were."""
    wrong: list[str] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for name, row in MATRIX.items():
        if name.partition(":")[0] != app or (only and name != only):
            continue
        path = reverse(name, kwargs=cast.arguments.get(name, dict)())
        for role in EVERY_ROLE:
            if row.get(role, row["default"]) != "ok":
                continue
            cast.sign_in(client, role)
            page = client.get(path)
            if page.status_code != 200 or not page.get("Content-Type", "").startswith("text/html"):
                continue
            for form in forms_of(page.content.decode(), path):
                target = urlsplit(form.action).path
                try:
                    match = resolve(target)
                except Resolver404:
                    wrong.append(f"{name}: a form leads nowhere: {form.action}")
                    continue
                fixed = tuple(form.others.get("act", ()) or form.others.get("do", ()))
                shape = (match.view_name, tuple(sorted({*form.texts, *form.others})) + fixed)
                if shape in seen or not (form.texts or len(form.others) > 1):
                    continue
                seen.add(shape)
                wrong += _send(client, form, f"{name} ({role}) → {match.view_name}")
    return wrong, len(seen)


def _send(client: Any, form: Form, where: str) -> Iterator[str]:
    for kind in (*BAD, SPOILED) if form.texts else (SPOILED,):
        after: dict[str, int] | None = None
        try:
            with transaction.atomic():
                with statements_that_write() as written:
                    answer = client.post(form.action, _data(form, kind))
                for said in complaints(answer):
                    yield f"{where}, {kind}: {said}"
                refused = answer.status_code in {409, 422} or (
                    answer.status_code == 200 and ERRORS.search(answer.content.decode(errors="replace"))
                )
                after = fingerprint() if refused and written else None
                raise _Undo
        except _Undo:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            yield f"{where}, {kind}: {type(error).__name__}: {str(error)[:160]}"
        if after is not None and (changed := _changes(fingerprint(), after)):
            yield f"{where}, {kind}: answered {answer.status_code}, and wrote {changed}"


def _changes(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after if after[name] != before[name] and name not in READS}


@pytest.mark.logs_error("what fails is named by the test")
@pytest.mark.parametrize("app", sorted({name.partition(":")[0] for name in MATRIX if ":" in name} - {"styleguide"}))
def test_no_bad_input_finds_an_answer_that_nobody_can_use(client: Any, cast: Cast, app: str) -> None:
    wrong, _count = walk(client, cast, app)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)


@pytest.mark.logs_error("provokes it")
def test_control_a_form_that_stumbles_is_found(client: Any, cast: Cast, monkeypatch: Any) -> None:
    def stumble(*args: Any, **kwargs: Any) -> None:
        raise ValueError("on purpose")

    monkeypatch.setattr("timebank.registry.services.corrections.ask_correction", stumble)
    wrong, count = walk(client, cast, "registry", "registry:my_correction")
    assert count >= 1
    assert any("registry:my_correction" in one and "ValueError: on purpose" in one for one in wrong), wrong
