"""The only code that writes schemes."""

from __future__ import annotations

from timebank.policy.services.published import ImportResult, import_table, load_published
from timebank.policy.services.versions import approve_version, content_hash, draft_version

__all__ = ["ImportResult", "approve_version", "content_hash", "draft_version", "import_table", "load_published"]
