"""The place that a verification has reached, kept in a file so that a run that was broken off can go on there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from timebank.ledger.models import Seal
from timebank.ledger.verify.report import Finding, Report


@dataclass
class Place:
    """Everything up to this seal has been looked at; what was wrong there stands in ``findings``.

    Whoever can write the file can make the next run leave something out: keep it where only the verifier can.
    """

    path: Path | None = None
    since: int = 0
    seal: int = 0
    hash: str = ""
    totals: str = ""
    started_at: str = ""
    transfers: int = 0
    postings: int = 0
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path | None, since: int) -> Place:
        """Read the file; the beginning when there is none, or none of ours, or one of a run with another ``since``."""
        try:
            kept: dict[str, Any] = json.loads(path.read_text("utf-8")) if path else {}
            kept["findings"] = [Finding(**item) for item in kept.get("findings", [])]
            result = cls(path, **kept)
            if result.since == since and type(result.seal) is int:
                return result
        except (OSError, ValueError, TypeError, AttributeError):
            pass
        return cls(path, since)

    def keep(self, seal: Seal, report: Report, findings: list[Finding], totals: str) -> None:
        """Write down that everything up to this seal has been looked at."""
        if self.path is None:
            return
        now = Place(None, self.since, seal.number, seal.hash, totals, self.started_at or report.started_at.isoformat())
        now.transfers, now.postings, now.findings = report.transfers, report.postings, findings
        values = asdict(now)
        del values["path"]
        beside = self.path.with_name(f"{self.path.name}.new")
        beside.write_text(json.dumps(values), "utf-8")
        os.replace(beside, self.path)  # never half a file, wherever we are killed

    def done(self) -> None:
        """Take the file away: everything has been looked at, the next run begins anew."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
