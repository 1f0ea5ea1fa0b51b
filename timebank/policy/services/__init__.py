"""The only code that writes schemes."""

from __future__ import annotations

from timebank.policy.services.drafts import (
    add_rule,
    copy_version,
    discard_draft,
    draft_from_table,
    remove_rule,
    set_rule,
)
from timebank.policy.services.published import ImportResult, import_table, load_published
from timebank.policy.services.versions import approve_version, content_hash, draft_version

__all__ = [
    "ImportResult",
    "add_rule",
    "approve_version",
    "content_hash",
    "copy_version",
    "discard_draft",
    "draft_from_table",
    "draft_version",
    "import_table",
    "load_published",
    "remove_rule",
    "set_rule",
]
