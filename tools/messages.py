"""Translations without GNU gettext: compile the catalogues, and name every string that has no Chinese yet.

python -m tools.messages compile    .po → .mo where the .po is newer
python -m tools.messages check      exit 1 and a list when a string of the source is missing, fuzzy or empty
python -m tools.messages missing    the same as .po entries, one block a app, to be filled in
"""

from __future__ import annotations

import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("timebank", "marketplace", "settings")
LANGUAGE = "zh_Hans"
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]|%%|%[sd]|\{\w*(?:![rsa])?(?::[^}]*)?\}")


@dataclass(frozen=True)
class Found:
    """A translatable string and where it stands."""

    path: Path
    line: int
    id: str
    plural: str | None = None
    context: str | None = None
    domain: str = "django"

    @property
    def key(self) -> tuple[str, str | None, str]:
        return (self.domain, self.context, self.id)

    @property
    def app(self) -> str:
        parts = self.path.relative_to(ROOT).parts
        return "/".join(parts[:2]) if parts[0] in {"timebank", "marketplace"} else parts[0]

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.id!r}"


# -- Compile -----------------------------------------------------------------------------------------------------------
def catalogues() -> list[Path]:
    """Return every .po file of ours."""
    return sorted(path for source in SOURCES for path in (ROOT / source).rglob("locale/*/LC_MESSAGES/*.po"))


def compile_all() -> int:
    """Write a .mo beside every .po that is newer; return how many were written."""
    done = 0
    for path in catalogues():
        target = path.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
            continue
        out = io.BytesIO()
        mofile.write_mo(out, read(path))
        fresh = target.with_suffix(f".mo.{done}.new")
        fresh.write_bytes(out.getvalue())
        fresh.replace(target)  # a server that is starting never reads half a file
        done += 1
    return done


def read(path: Path) -> Catalog:
    """Read a catalogue."""
    with path.open("rb") as file:
        return pofile.read_po(file, locale=path.parts[-3], domain=path.stem, abort_invalid=True)


# -- Extract -----------------------------------------------------------------------------------------------------------
def extract_all() -> list[Found]:
    """Return every translatable string of our sources: Python, templates, JavaScript."""
    result: list[Found] = []
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if "migrations" in parts or "vendor" in parts or "node_modules" in parts or not path.is_file():
                continue
            if path.suffix == ".py":
                _refuse_other_names(path)
                result += _from(path, "python", path.read_bytes())
            elif path.suffix in {".html", ".txt", ".svg"} and "templates" in parts:
                result += _from(path, "python", _templatize(path))
            elif path.suffix in {".js", ".mjs"} and "static" in parts:
                result += _from(path, "javascript", path.read_bytes(), "djangojs")
    return result


def _refuse_other_names(path: Path) -> None:
    """Raise for a gettext function imported under a name that is not looked for: its strings would be overlooked."""
    for real, name in re.findall(r"\b(n?p?n?gettext\w*) as (\w+)", path.read_text(encoding="utf-8")):
        if name not in KEYWORDS:
            raise SystemExit(f"{path.relative_to(ROOT)}: {real} as {name}: strings under that name are not found")


def _templatize(path: Path) -> bytes:
    from django.utils.translation.template import templatize

    python = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    # What is not a message became a row of X; only its indentation could still confuse a Python tokenizer.
    return "\n".join(line.lstrip() for line in python.splitlines()).encode()


def _from(path: Path, method: str, content: bytes, domain: str = "django") -> Iterator[Found]:
    options = {"encoding": "utf-8"}
    for line, message, _comments, context in extract(method, io.BytesIO(content), KEYWORDS, options=options):
        texts = message if isinstance(message, tuple) else (message,)
        if texts[0]:
            yield Found(path, line, texts[0], texts[1] if len(texts) > 1 else None, context, domain)


# -- Check -------------------------------------------------------------------------------------------------------------
def known() -> dict[tuple[str, str | None, str], list[tuple[Path, Any]]]:
    """Return all Chinese messages of our catalogues by domain, context and id."""
    everything: dict[tuple[str, str | None, str], list[tuple[Path, Any]]] = defaultdict(list)
    for path in catalogues():
        if path.parts[-3] == LANGUAGE:
            for message in read(path):
                if message.id:
                    result = message.id[0] if isinstance(message.id, (tuple, list)) else message.id
                    everything[(path.stem, message.context, result)].append((path, message))
    return everything


def installed(name: str) -> set[str]:
    """Return the ids that an installed package (``django``, ``oscar``) itself translates into Chinese."""
    import importlib.util

    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return set()
    ids: set[str] = set()
    for path in Path(spec.origin).parent.rglob(f"locale/{LANGUAGE}/LC_MESSAGES/django.po"):
        for message in read(path):
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            if message.id and not message.fuzzy and all(texts):
                ids.add(message.id[0] if isinstance(message.id, (tuple, list)) else message.id)
    return ids


def oscar_gaps() -> list[str]:
    """Return the strings of Oscar's own catalogue that it leaves without Chinese."""
    import oscar

    folder = Path(oscar.__file__).parent / "locale"
    done = installed("oscar") | installed("django")
    every = {
        message.id[0] if isinstance(message.id, (tuple, list)) else message.id
        for message in read(folder / LANGUAGE / "LC_MESSAGES" / "django.po")
        if message.id
    }
    return sorted(every - done)


def problems() -> list[str]:
    """Return every fault of the translations, in words."""
    said: list[str] = []
    ours = known()
    said += [f"no Chinese for {row}" for row in absent(ours)]
    for (_domain, _context, id), entries in sorted(ours.items(), key=lambda item: item[0][2]):
        for path, message in entries:
            said += _faults(path.relative_to(ROOT), id, message)
        texts = {_text(message) for _path, message in entries}
        if len(texts) > 1:
            places = ", ".join(f"{path.relative_to(ROOT).parts[1]} {_text(message)!r}" for path, message in entries)
            said.append(f"{id!r} is translated in two ways; only one is shown, so give one a context: {places}")
    gaps = [gap for gap in oscar_gaps() if ("django", None, gap) not in ours]
    said += [f"no Chinese for Oscar's {gap!r}" for gap in gaps]
    return said


def absent(ours: dict[tuple[str, str | None, str], list[tuple[Path, Any]]]) -> list[Found]:
    """Return the strings of our sources that no catalogue of ours has."""
    seen: set[tuple[str, str | None, str]] = set()
    missing = []
    for item in extract_all():
        if item.key not in ours and item.key not in seen:
            seen.add(item.key)
            missing.append(item)
    return missing


def _text(message: Any) -> str:
    return message.string if isinstance(message.string, str) else message.string[0]


def _faults(path: Path, id: str, message: Any) -> Iterable[str]:
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    if not all(texts):
        yield f"{path}: no Chinese for {id!r}"
        return
    if message.fuzzy:
        yield f"{path}: {id!r} is fuzzy"
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    wanted = set(PLACEHOLDER.findall(ids[-1]))
    for text in texts:
        extra = set(PLACEHOLDER.findall(text)) - wanted
        lost = wanted - set(PLACEHOLDER.findall(text)) if len(ids) == 1 else set()
        if extra or lost:
            yield f"{path}: {id!r} and its Chinese differ in {', '.join(sorted(extra | lost))}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def print_missing() -> None:
    """Print what is missing as .po entries, a block for each app."""
    by_file: dict[str, list[Found]] = defaultdict(list)
    for item in absent(known()):
        by_file[f"{item.app}/locale/{LANGUAGE}/LC_MESSAGES/{item.domain}.po"].append(item)
    for path, entries in sorted(by_file.items()):
        print(f"\n########## {path}")
        for item in entries:
            print(f"\n#: {item.path.relative_to(ROOT)}:{item.line}")
            if item.context:
                print(f"msgctxt {_quoted(item.context)}")
            print(f"msgid {_quoted(item.id)}")
            print(f'msgid_plural {_quoted(item.plural)}\nmsgstr[0] ""' if item.plural else 'msgstr ""')


def main(arguments: list[str]) -> int:
    """Run one of the sub-commands."""
    match arguments:
        case ["compile"]:
            if count := compile_all():
                print(f"Translations compiled: {count}.")
            return 0
        case ["check"]:
            said = problems()
            print("\n".join(said) if said else "Every string has its Chinese.")
            return 1 if said else 0
        case ["missing"]:
            print_missing()
            return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
