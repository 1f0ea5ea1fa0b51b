"""Which mutants were killed, kept with the code, so that a new checkout need not try all of them again.

``results.json``: database → module → function → [digest of its source as mutmut takes it, a letter for each mutant].
Who survived is tried again: by then there may be a test that notices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.mutation.common import HOME, KILLED, LEDGER, RESULTS, SAME

OTHER = "?"
CODES = {"k": 1, "s": SAME, OTHER: None}


def store() -> None:
    """Write down what is known by now."""
    known = _known()
    for database in ("sqlite", "postgresql"):
        for module, content in _metas(HOME / database):
            known.setdefault(database, {})[module] = {
                function: [content["hash_by_function_name"][function], letters]
                for function, letters in _letters(content["exit_code_by_key"]).items()
                if set(letters) != {OTHER}
            }
    RESULTS.write_text(json.dumps(known, indent=0, ensure_ascii=False, sort_keys=True) + "\n")


def recall(place: Path) -> None:
    """Give the mutants of a new copy the fates that they had, wherever the function is the same."""
    known = _known().get(place.name, {})
    for module, content in _metas(place):
        for name in content["exit_code_by_key"]:
            function, number = _parts(name)
            digest, letters = known.get(module, {}).get(function, ("", ""))
            if digest == content["hash_by_function_name"][function] and number <= len(letters):
                content["exit_code_by_key"][name] = CODES[letters[number - 1]]
        _path(place, module).write_text(json.dumps(content))


def _known() -> dict[str, dict[str, dict[str, list[str]]]]:
    loads: dict[str, dict[str, dict[str, list[str]]]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return loads


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
    result: dict[str, dict[int, str]] = {}
    for name, code in codes.items():
        function, number = _parts(name)
        result.setdefault(function, {})[number] = _letter(code)
    return {
        function: "".join(letters.get(number, OTHER) for number in range(1, max(letters) + 1))
        for function, letters in result.items()
    }


def _letter(code: int | None) -> str:
    if code in KILLED:
        return "k"
    return "s" if code == SAME else OTHER
