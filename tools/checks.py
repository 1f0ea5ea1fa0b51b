"""Checks that no ready-made tool does: each returns what it found wrong, one line each."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from tools import messages
from tools.reading import findings

ROOT = Path(__file__).resolve().parents[1]

# Oscar's dashboard is for operators, keeps its look and has a policy of its own; only calls to other hosts count there.
OSCARS_LOOK = ("marketplace/operators/",)
# Words that are the same in every language.
SAME_EVERYWHERE = re.compile(
    r"善集|善|集|Shanji|\bQR\b|\bPDF\b|\bCSV\b|\bXLSX\b|\bPIN\b|&\w+;|&#\d+;|中文|\bEN\b|\bEnglish\b|check_receipt\.py"
)
WORDS = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]+")


def tracked(*endings: str) -> list[Path]:
    """Return the files that git tracks or would add, those with one of the endings."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = [ROOT / name for name in out.split("\0") if name]
    return [path for path in paths if path.is_file() and (not endings or path.suffix in endings)]


def script(name: str) -> str:
    """Return the path of a tool that stands beside this Python."""
    return str(Path(sys.executable).parent / name)


def relative(path: Path) -> str:
    """Return a path as it stands in the repository."""
    return path.relative_to(ROOT).as_posix()


# -- Templates ---------------------------------------------------------------------------------------------------------
INLINE = {
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/(?:ld\+)?json\")[^>]*>", re.I),
    "inline style element": re.compile(r"<style[\s>]", re.I),
    "inline style": re.compile(r"\sstyle\s*=", re.I),
    "inline handler": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.I),
    "javascript: address": re.compile(r"[\"']javascript:", re.I),
}
EXTERNAL = re.compile(
    r"""(?:src|href|srcset|action|poster|data)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""", re.I
)
CALLS_OUT = re.compile(r"[\"'`](?:https?|wss?)://(?!127\.0\.0\.1|localhost|www\.w3\.org)", re.I)


def templates() -> list[str]:
    """Find what the content policy forbids, calls to other hosts, and text that no translator ever sees."""
    result: list[str] = []
    for path in tracked(".html", ".svg", ".txt"):
        name = relative(path)
        if "/templates/" not in name:
            continue
        text = path.read_text(encoding="utf-8")
        result += [f"{place}: another host" for place in _places(name, text, EXTERNAL)]
        result += [
            f"{place}: blocktranslate without trimmed"
            for place in _places(name, text, re.compile(r"{%-?\s*blocktrans(?:late)?\b(?![^%]*\btrimmed\b)"))
        ]
        if name.startswith(OSCARS_LOOK):
            continue
        for what, pattern in INLINE.items():
            result += [f"{place}: {what}" for place in _places(name, text, pattern)]
        if path.suffix == ".html":
            result += [f"{name}: not translated: {said!r}" for said in _untranslated(text)]
    for path in tracked(".css", ".js", ".mjs"):
        name = relative(path)
        if "/static/" in name and "/vendor/" not in name:
            pattern = EXTERNAL if path.suffix == ".css" else CALLS_OUT
            result += [f"{place}: another host" for place in _places(name, path.read_text("utf-8"), pattern)]
    return result


def _places(name: str, text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    for match in pattern.finditer(text):
        yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}"


class _Texts(HTMLParser):
    """Collects what a person reads or hears."""

    SILENT = {"script", "style", "template", "code", "svg"}
    SPOKEN = {"alt", "title", "placeholder", "aria-label", "aria-description", "aria-roledescription", "label"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.SILENT:
            self._silent += 1
        self.said += [value for name, value in attrs if name in self.SPOKEN and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.said += [value for name, value in attrs if name in self.SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


def _untranslated(text: str) -> list[str]:
    from django.template.base import Lexer, TokenType

    kept: list[str] = []
    skipping = ""
    for token in Lexer(text).tokenize():
        word = token.contents.split(" ", 1)[0] if token.token_type == TokenType.BLOCK else ""
        if skipping:
            if word == skipping:
                skipping = ""
            continue
        if word in {"blocktranslate", "blocktrans", "comment", "verbatim"}:
            skipping = f"end{word}"
        elif word == "block" and token.contents.endswith(("class", "attributes", "paper")):
            skipping = "endblock"  # goes into a tag's attribute, nobody reads it
        elif token.token_type == TokenType.TEXT:
            kept.append(token.contents)
    parser = _Texts()
    parser.feed("".join(kept))
    said = (" ".join(item.split()) for item in parser.said)
    return [item for item in said if WORDS.search(SAME_EVERYWHERE.sub("", item))]


def template_format() -> list[str]:
    """Ask djade which templates are out of shape."""
    files = [str(path) for path in tracked(".html") if "/templates/" in relative(path)]
    if not files:
        return []
    done = subprocess.run(
        [script("djade"), "--check", "--target-version", "5.2", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).replace(f"{ROOT}/", "").splitlines() if done.returncode else []


# -- Migrations --------------------------------------------------------------------------------------------------------
def forked_migrations() -> list[str]:
    """Compare the migrations that our forks carry with those of the installed Oscar: all there, none changed."""
    spec = importlib.util.find_spec("oscar")
    if spec is None or spec.origin is None:
        return ["django-oscar is not installed"]
    upstream = Path(spec.origin).parent / "apps"
    result = []
    for folder in sorted((ROOT / "marketplace").glob("*/migrations")):
        theirs = upstream / folder.parent.name / "migrations"
        for path in sorted(theirs.glob("[0-9]*.py")):
            ours = folder / path.name
            if not ours.exists():
                result.append(f"{relative(folder)}: Oscar's {path.name} is missing; copy it")
            elif _meaning(ours) != _meaning(path):
                result.append(f"{relative(ours)}: differs from Oscar's")
    return result


def _meaning(path: Path) -> str:
    return ast.dump(ast.parse(path.read_text(encoding="utf-8")))


# -- What people type --------------------------------------------------------------------------------------------------
def reading() -> list[str]:
    """Name every place that reads what was typed or sent by itself, past the common readers."""
    return [
        f"{name}:{finding}"
        for path in tracked(".py")
        if (name := relative(path)).startswith(("timebank/", "marketplace/")) and "/migrations/" not in name
        for finding in findings(name, path.read_text(encoding="utf-8"))
    ]


# -- Words, files, lock ------------------------------------------------------------------------------------------------
def translations() -> list[str]:
    """Name every string without Chinese."""
    return messages.problems()


OWN_MACHINE = re.compile(r"(?:^|[^A-Za-z0-9_.}])/(?:work|root|farm|opt|home/\w+)/[a-z.]")
REGISTRIES = re.compile(r"https?://[A-Za-z0-9.-]*(?:pypi|pythonhosted|npmjs|debian)\.")
CONFLICT = re.compile(r"^(?:<{7} |>{7} |={7}$)", re.M)
SECRETS = re.compile(r"\b(?:sk|rk)_live_[0-9A-Za-z]{8,}|-----BEGIN (?:RSA |EC )?PRIVATE KEY-----")
LARGEST = 3_000_000  # bytes


def tracked_files() -> list[str]:
    """Find paths of one machine, hosts of registries, merge markers, secrets and very large files."""
    result = []
    for path in tracked():
        name = relative(path)
        if path.is_symlink():
            result.append(f"{name}: a link")
            continue
        if path.stat().st_size > LARGEST:
            result.append(f"{name}: {path.stat().st_size / 1e6:.1f} MB")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if name == "tools/checks.py":
            continue
        for what, pattern in {
            "path of one machine": OWN_MACHINE,
            "host of a package registry": REGISTRIES,
            "merge marker": CONFLICT,
            "secret": SECRETS,
        }.items():
            if what == "path of one machine" and "/vendor/" in name:
                continue
            result += [f"{place}: {what}" for place in _places(name, text, pattern)]
    return result


def lock() -> list[str]:
    """Compare requirements.in with requirements.txt: everything pinned as asked, everything with its hash."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins: dict[str, str] = {}
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements.txt").read_text())
    result = []
    for block in blocks:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\\n]+)", block)
        if match:
            pins[canonicalize_name(match[1])] = match[2]
            if "--hash=sha256:" not in block:
                result.append(f"requirements.txt: {match[1]} has no hash")
    for line in (ROOT / "requirements.in").read_text().splitlines():
        text = line.split("#")[0].strip()
        if text:
            wanted = Requirement(text)
            version = pins.get(canonicalize_name(wanted.name))
            if version is None or not wanted.specifier.contains(version):
                result.append(f"requirements.txt: {text} is locked as {version}; run make lock")
    return result
