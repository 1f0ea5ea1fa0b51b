"""What a transfer was for, in words: asked of the apps that its source names, one question an app and page.

The ledger keeps a reference (``record:5``, ``ticket:K7…``) and a machine reason. An app declares for its prefix a
callable ``describe(keys) -> {key: Description}`` (``ledger_sources`` of its contract). Every statement, the residents'
and the villages', is read through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from timebank.common import contract

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Transferred(Protocol):
    """What is read of a transfer: where it came from and why."""

    @property
    def source(self) -> str: ...
    @property
    def memo(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What one source is, for people.

    ``explanation``: sentences that explain a transfer of one of ``kinds``. ``reasons``: machine reason of a transfer →
    sentence, "" for whatever is not named. ``parts``: counterparty's account → its share of the title, where a
    statement may show only some of the legs. ``minutes``: of service, where it is some; ``brief``: the title without
    them, for a list that has a column for them.
    """

    title: str
    href: str = ""
    icon: str = "points"
    explanation: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    parts: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    minutes: int | None = None
    brief: str = ""

    def sentences(self, kind: str, reason: str) -> list[str]:
        """Return why: its own explanation, or the sentence (or the typed words) for a transfer's reason."""
        if kind in self.kinds:
            return list(self.explanation)
        said = self.reasons.get(reason) or self.reasons.get("") or reason
        return [str(said)] if said else []


def reference_of(transfer: Transferred) -> str:
    """Return what a transfer is about: its source, or the part of it that its memo names (one ticket).

    A memo is often what somebody typed, so it counts only beside a source of the same app.
    """
    apps = {declaration.name: declaration.app for declaration in contract.declared("ledger_sources")}
    named, within = transfer.memo.partition(":")[0], transfer.source.partition(":")[0]
    return transfer.memo if named in apps and apps[named] == apps.get(within) else transfer.source


def describe(transfers: Iterable[Transferred]) -> dict[str, Description]:
    """Describe what the transfers are about, by ``reference_of``; what no app knows is left out."""
    wanted: dict[str, set[str]] = {}
    for transfer in transfers:
        prefix, __, key = reference_of(transfer).partition(":")
        wanted.setdefault(prefix, set()).add(key)
    described: dict[str, Description] = {}
    for prefix, source in contract.by_name("ledger_sources").items():
        if keys := wanted.get(prefix):
            described |= {f"{prefix}:{key}": item for key, item in source(keys).items()}
    return described
