"""Who may do what with schemes.

This app knows no people: whoever acts brings ``can(action, region)``, as the project's user model does.
"""

from __future__ import annotations

from typing import Any

from timebank.policy.errors import NotYourScheme

DRAFT, APPROVE, ADOPT = "draft_scheme", "approve_scheme", "adopt_scheme"


def may(actor: Any, action: str, region: Any = None) -> bool:
    """Tell whether somebody may do this in a region; a scheme of no region is everybody's who may do it anywhere."""
    can = getattr(actor, "can", None)
    return bool(can is not None and can(action, region))


def require(actor: Any, action: str, region: Any = None) -> None:
    """Raise NotYourScheme unless ``may`` agrees."""
    if not may(actor, action, region):
        raise NotYourScheme
