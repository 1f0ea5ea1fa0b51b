"""One code, one meaning: whoever matches a refusal by its code knows what was refused, whichever app said it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from timebank.common.errors import DomainError

ROOT = Path(__file__).resolve().parents[2]


def below(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def all_errors() -> set[type[DomainError]]:
    """Load every errors.py and list what it and the services declare."""
    for path in [*ROOT.glob("timebank/**/errors.py"), *ROOT.glob("marketplace/**/errors.py")]:
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return {kind for kind in below(DomainError) if kind.__module__.startswith(("timebank.", "marketplace."))}


def two_meanings(kinds: set[type[DomainError]]) -> list[str]:
    """Name the codes of classes of which none is the parent of the others."""
    by_code: defaultdict[str, list[type[DomainError]]] = defaultdict(list)
    for kind in kinds:
        if "code" in vars(kind):
            by_code[kind.code].append(kind)
    return sorted(
        f"{code}: {', '.join(sorted(f'{kind.__module__}.{kind.__name__}' for kind in same))}"
        for code, same in by_code.items()
        if not any(all(issubclass(kind, parent) for kind in same) for parent in same)
    )


def test_one_code_has_one_meaning():
    assert two_meanings(all_errors()) == []


def test_control_two_classes_with_one_code_are_found():
    one = type("One", (DomainError,), {"code": "same", "__module__": "a"})
    other = type("Other", (DomainError,), {"code": "same", "__module__": "b"})
    child = type("Child", (one,), {"code": "same", "__module__": "c"})
    assert two_meanings({one, other}) == ["same: a.One, b.Other"]
    assert two_meanings({one, child}) == []


def test_every_refusal_is_raised_somewhere():
    """A class that nothing raises, names or extends says nothing."""
    words = Counter(
        word
        for folder in ("timebank", "marketplace")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
        for word in re.findall(r"\w+", path.read_text())
    )
    idle = [kind.__name__ for kind in all_errors() if words[kind.__name__] < 2]
    assert idle == []
