"""What a verification found."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One wrong row: which promise it breaks (1 to 7), where it is and what is wrong."""

    promise: int
    table: str
    row: str
    what: str

    def __str__(self) -> str:
        return f"promise {self.promise}: {self.table} {self.row}: {self.what}"


@dataclass
class Report:
    """Outcome of a verification; ``findings`` in the order found, the first wrong row of a check first."""

    started_at: dt.datetime
    since: int = 0
    findings: list[Finding] = field(default_factory=list)
    transfers: int = 0
    postings: int = 0
    seals: int = 0
    unsealed: int = 0
    last_transfer_id: int = 0
    last_digest: str = ""
    seconds: float = 0.0
    resumed_after: int = 0  # the seals up to this one were looked at by a run that was broken off …
    resumed_from: str = ""  # … and had begun then; its transfers and findings are counted here too

    @property
    def clean(self) -> bool:
        """Say whether every promise holds."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "started_at": self.started_at.isoformat(), "clean": self.clean}
