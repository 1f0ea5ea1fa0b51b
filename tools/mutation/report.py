"""The page with the score and every survivor."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator

from tools.mutation.common import HOME, KILLED, LEDGER, REPORT, ROOT, WORDS, Mutant, mutants


def report() -> int:
    """Write the table and name every survivor; return 1 when a word is missing or a mutant was not tried."""
    rows = list(mutants())
    words = _words()
    survivors = [row for row in rows if row.fate == "survived"]
    untried = [row for row in rows if row.fate == "untried"]
    missing = [survivor for survivor in survivors if survivor.id not in words]
    gone = sorted(set(words) - {row.id for row in [*survivors, *untried]})
    REPORT.write_text("\n".join(_lines(rows, words)) + "\n")
    for item in missing:
        print(f"no word: {item.id} (line {item.line})\n  - {item.before}\n  + {item.after}")
    for id in gone:
        print(f"a word for what does not survive: {id}")
    killed = sum(row.fate == "killed" for row in rows)
    half = sum(bool(survivor.untried_on) for survivor in survivors)
    print(
        f"{REPORT.relative_to(ROOT)}: {killed} of {len(rows)} killed, {len(survivors)} live "
        f"({half} of them tried on one database only), {len(untried)} untried"
    )
    return 1 if missing or gone or untried or half or not rows else 0


def _words() -> dict[str, str]:
    """Read why survivors live, by their id."""
    groups = tomllib.loads(WORDS.read_text())["word"] if WORDS.exists() else []
    return {id: group["says"] for group in groups for id in group["of"]}


def _lines(row: list[Mutant], words: dict[str, str]) -> Iterator[str]:
    yield "# Mutation testing of the ledger\n"
    began, *ran = [path.read_text() for path in (HOME / "began", *sorted(HOME.glob("*/commit"))) if path.exists()]
    when = f"at commit {ran[0]}" if len({began, *ran}) == 1 else f"begun at commit {began}, ended at {ran[-1]}"
    yield f"*Written by `make mutation`, {when}; do not edit. The words are in `tools/mutation/words.toml`.*\n"
    yield (
        "A mutant is the ledger with one small change (a sign turned, an argument dropped, a text altered). It is "
        "killed when a test of `tests/ledger` fails, on SQLite or, if it lives there, on PostgreSQL. Not mutated: "
        "migrations, statements outside functions, `urls.py`, `testing.py` (the suite's own) and the receipt's "
        "script, which runs in a process of its own. A mutant once killed stands in `tools/mutation/results.json` "
        "until its function changes; `make mutation FRESH=1` tries all again. *Same*: only the case of SQL was "
        "changed, which changes nothing; these do not count into the score. What is untried counts as not killed, and "
        "so does a survivor that was tried on one database only.\n"
    )
    yield "| module | mutants | same | killed on SQLite | only on PostgreSQL | live | untried | score |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    modules = sorted({entry.module for entry in row})
    for module in modules:
        yield _row(module, [entry for entry in row if entry.module == module])
    yield _row("**all**", row)
    yield "\n## Survivors"
    for module in modules:
        live = [entry for entry in row if entry.module == module and entry.fate == "survived"]
        if live:
            yield f"\n### {module}\n"
        for item in sorted(live, key=lambda entry: (entry.line, entry.id)):
            word = words.get(item.id, "NO WORD YET")
            change = f"{_code(item.before)} → {_code(item.after)}" if item.after else f"{_code(item.before)} dropped"
            half = f" (not tried on {' and '.join(item.untried_on)})" if item.untried_on else ""
            yield f"- `{LEDGER}/{module}:{item.line}` {change}: {word}{half}"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _row(name: str, mutants: list[Mutant]) -> str:
    fates = Counter(mutant.fate for mutant in mutants)
    first = sum(mutant.fate == "killed" and mutant.fates.get("sqlite") in KILLED for mutant in mutants)
    counted = len(mutants) - fates["same"]
    score = f"{100 * fates['killed'] / counted:.1f} %" if counted else "-"
    cells = [
        name,
        len(mutants),
        fates["same"],
        first,
        fates["killed"] - first,
        fates["survived"],
        fates["untried"],
        score,
    ]
    return f"| {' | '.join(map(str, cells))} |"
