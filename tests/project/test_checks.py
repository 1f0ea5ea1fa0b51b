"""The checks of `make lint` see what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import checks


@pytest.fixture
def check_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that checks one invented template."""
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    path = tmp_path / "timebank/room/templates/page.html"
    path.parent.mkdir(parents=True)

    def check(text: str) -> list[str]:
        path.write_text(text)
        monkeypatch.setattr(checks, "tracked", lambda *endings: [path] if ".html" in endings else [])
        return [said.split(": ", 1)[1] for said in checks.templates()]

    return check


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<script src=\"{% static 'a.js' %}\"></script>", []),
        ('<script type="application/json">{}</script>', []),
        ("<script>go()</script>", ["inline script"]),
        ('<p style="color: red">', ["inline style"]),
        ('<button onclick="go()">', ["inline handler"]),
        ('<img src="//cdn.example/a.png">', ["another host"]),
        ('<a href="https://elsewhere.example/">', ["another host"]),
        ("<h1>Hello</h1>", ["not translated: 'Hello'"]),
        ("<h1>你好</h1>", ["not translated: '你好'"]),
        ("<h1>{% translate 'Hello' %}</h1>", []),
        ("{% blocktranslate trimmed %}Hello {{ name }}{% endblocktranslate %}", []),
        ("{% blocktranslate %}Hello{% endblocktranslate %}", ["blocktranslate without trimmed"]),
        ('<img alt="A soap">', ["not translated: 'A soap'"]),
        ('<img alt="{% translate "A soap" %}">', []),
        ("{% block body_class %}page desk{% endblock %}", []),
        ("<p>善集 · 120 · &nbsp;</p>", []),
    ],
)
def test_template_check(check_template, html: str, expected: list[str]) -> None:
    assert check_template(html) == expected


def test_changed_and_missing_migrations_of_a_fork_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import oscar

    monkeypatch.setattr(checks, "ROOT", tmp_path)
    folder = tmp_path / "marketplace/partner/migrations"
    folder.mkdir(parents=True)
    upstream = sorted((Path(oscar.__file__).parent / "apps/partner/migrations").glob("[0-9]*.py"))
    for path in upstream:
        (folder / path.name).write_text("# formatted otherwise\n" + path.read_text())
    assert checks.forked_migrations() == []
    (folder / upstream[0].name).write_text(upstream[0].read_text().replace("CreateModel", "DeleteModel"))
    (folder / upstream[1].name).unlink()
    assert checks.forked_migrations() == [
        f"marketplace/partner/migrations/{upstream[0].name}: differs from Oscar's",
        f"marketplace/partner/migrations: Oscar's {upstream[1].name} is missing; copy it",
    ]


def test_paths_hosts_markers_and_secrets_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    path = tmp_path / "notes.txt"
    slash, registry = "/", "https://" + "py" + "pi.example"
    path.write_text(
        f"see {slash}root/x\n{registry.replace('.example', '.org')}\n{'<' * 7} HEAD\nsk_{'live'}_0123456789\n"
    )
    monkeypatch.setattr(checks, "tracked", lambda *endings: [path])
    assert [said.split(": ")[1] for said in checks.tracked_files()] == [
        "path of one machine",
        "host of a package registry",
        "merge marker",
        "secret",
    ]


def test_lock_fits_what_is_asked_for() -> None:
    assert checks.lock() == []
