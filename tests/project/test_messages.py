"""The translation tool finds what it should, so that a green check means something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import messages

PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Done %(count)s"
msgstr "已完成 {count}"

msgid "Nothing yet"
msgstr ""

#, fuzzy
msgid "Nearly"
msgstr "差不多"
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an invented house with one app."""
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    room = tmp_path / "timebank" / "room"
    (room / "templates").mkdir(parents=True)
    (room / "static").mkdir()
    (room / "locale/zh_Hans/LC_MESSAGES").mkdir(parents=True)
    (room / "locale/zh_Hans/LC_MESSAGES/django.po").write_text(PO)
    (room / "forms.py").write_text('A = _("Nothing yet")\nB = ngettext("%(n)s hour", "%(n)s hours", n)\n')
    (room / "templates/page.html").write_text(
        "{% load i18n %}<p>\n   {% translate 'In a tag' %}</p>\n{% blocktranslate trimmed %}\n  Two\n  lines {{ name }}"
        '\n{% endblocktranslate %}{{ _("In a variable") }}{% translate "May" context "month" %}'
    )
    (room / "static/page.js").write_text("button.textContent = gettext('Saved here');")
    return tmp_path


def test_every_kind_of_source_is_read(house: Path) -> None:
    found = {(one.id, one.plural, one.context, one.domain) for one in messages.extract_all()}
    assert found == {
        ("Nothing yet", None, None, "django"),
        ("%(n)s hour", "%(n)s hours", None, "django"),
        ("In a tag", None, None, "django"),
        ("Two lines %(name)s", None, None, "django"),
        ("In a variable", None, None, "django"),
        ("May", None, "month", "django"),
        ("Saved here", None, None, "djangojs"),
    }


def test_missing_empty_fuzzy_and_broken_are_all_named(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "oscar_gaps", lambda: ["Of Oscar's own"])
    said = "\n".join(messages.problems())
    for expected in (
        "no Chinese for timebank/room/templates/page.html:2: 'In a tag'",
        "django.po: no Chinese for 'Nothing yet'",
        "'Nearly' is fuzzy",
        "'Done %(count)s' and its Chinese differ in %(count)s, {count}",
        "no Chinese for Oscar's \"Of Oscar's own\"",
    ):
        assert expected in said


def test_one_string_in_two_ways_is_named(house: Path) -> None:
    other = house / "timebank/other/locale/zh_Hans/LC_MESSAGES/django.po"
    other.parent.mkdir(parents=True)
    other.write_text(PO.replace("差不多", "几乎"))
    assert any(one.startswith("'Nearly' is translated in two ways") for one in messages.problems())


def test_compile_writes_once(house: Path) -> None:
    assert (messages.compile_all(), messages.compile_all()) == (1, 0)
    assert (house / "timebank/room/locale/zh_Hans/LC_MESSAGES/django.mo").stat().st_size > 0
