"""What is known of every mutant, kept with the code, so that a new checkout need not try all of them again.

``results.json``: database → module → function → [digest of its source as mutmut takes it, a letter for each mutant].
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.mutation.common import HOME, KILLED, LEDGER, NOT_REACHED, RESULTS, SAME, SURVIVED

UNTRIED = "?"
CODES = {"k": 1, "l": 0, "n": NOT_REACHED, "s": SAME, UNTRIED: None}


def store() -> None:
    """Write down what is known by now."""
    known: dict[str, dict[str, dict[str, list[str]]]] = {}
    for database in ("sqlite", "postgresql"):
        for module, content in _metas(HOME / database):
            functions = known.setdefault(database, {}).setdefault(module, {})
            for function, letters in _letters(content["exit_code_by_key"]).items():
                if set(letters) != {UNTRIED}:
                    functions[function] = [content["hash_by_function_name"][function], letters]
    RESULTS.write_text(json.dumps(known, indent=0, ensure_ascii=False, sort_keys=True) + "\n")


def recall(place: Path) -> None:
    """Give the mutants of a new copy the fates that they had, wherever the function is the same."""
    known = json.loads(RESULTS.read_text()).get(place.name, {}) if RESULTS.exists() else {}
    for module, content in _metas(place):
        for name in content["exit_code_by_key"]:
            function, number = _parts(name)
            digest, letters = known.get(module, {}).get(function, ("", ""))
            if digest == content["hash_by_function_name"][function] and number <= len(letters):
                content["exit_code_by_key"][name] = CODES[letters[number - 1]]
        _path(place, module).write_text(json.dumps(content))


def _metas(place: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    root = place / "mutants" / LEDGER
    for path in sorted(root.rglob("*.meta")):
        yield str(path.relative_to(root)).removesuffix(".meta"), json.loads(path.read_text())


def _path(place: Path, module: str) -> Path:
    return place / "mutants" / LEDGER / f"{module}.meta"


def _parts(name: str) -> tuple[str, int]:
    """Return the function and the number of a mutant that mutmut calls ``module.function__mutmut_number``."""
    function, _, number = name.rpartition(".")[2].rpartition("__mutmut_")
    return function, int(number)


def _letters(codes: dict[str, int | None]) -> dict[str, str]:
    found: dict[str, dict[int, str]] = {}
    for name, code in codes.items():
        function, number = _parts(name)
        found.setdefault(function, {})[number] = _letter(code)
    return {
        function: "".join(letters.get(number, UNTRIED) for number in range(1, max(letters) + 1))
        for function, letters in found.items()
    }


def _letter(code: int | None) -> str:
    if code in KILLED:
        return "k"
    if code in {NOT_REACHED, SAME}:
        return "n" if code == NOT_REACHED else "s"
    return "l" if code in SURVIVED else UNTRIED
