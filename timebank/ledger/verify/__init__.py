"""Prove the promises of the ledger against what the tables say."""

from __future__ import annotations

from timebank.ledger.verify.report import Finding, Report
from timebank.ledger.verify.run import verify

__all__ = ["Finding", "Report", "verify"]
