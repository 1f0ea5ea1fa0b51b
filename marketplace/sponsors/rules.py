"""What needs a role here (``duties`` says whose)."""

from __future__ import annotations

from typing import Any

from marketplace.funds.rules import KEEP_FUND
from marketplace.sponsors.models import Enterprise, Pledge
from timebank.common.errors import NotFound
from timebank.registry.models import Organisation, Region
from timebank.registry.rules import GRANT_ROLE, can, require

PUBLISH_NEED = "publish_need"
APPROVE_SPONSOR = "approve_sponsor"
PLEDGE = "pledge"


def require_staff(actor: Any, enterprise: Enterprise) -> None:
    """Raise ``NotFound`` (404) unless ``actor`` works for this sponsor (or for the one it was merged into)."""
    if not is_staff(actor, enterprise):
        raise NotFound


def is_staff(user: Any, enterprise: Enterprise) -> bool:
    """Say whether ``user`` works for this sponsor or its heir."""
    heir = enterprise.merged_into
    return can(user, PLEDGE, organisation=enterprise.organisation) or (
        heir is not None and can(user, PLEDGE, organisation=heir.organisation)
    )


def may_decide(user: Any, pledge: Pledge) -> bool:
    """Say whether ``user`` may accept this pledge: the fund keeper; the town where the sponsor is paid out of it."""
    region = pledge.fund.region
    if pledge.related_party:
        return can(user, APPROVE_SPONSOR, region=region)
    return can(user, KEEP_FUND, region=region) or can(user, APPROVE_SPONSOR, region=region)


def sees_pledge(user: Any, pledge: Pledge) -> bool:
    """Say whether the desk may show this pledge to ``user``."""
    actions = (KEEP_FUND, APPROVE_SPONSOR, PUBLISH_NEED, "receive_stock")
    return any(can(user, action, region=pledge.fund.region) for action in actions)


def may_manage(user: Any, organisation: Organisation) -> bool:
    """Say whether ``user`` may approve, close and staff an organisation of its region."""
    return can(user, GRANT_ROLE, region=organisation.region)


def require_manage(actor: Any, region: Region) -> None:
    """Raise ``NotAllowed`` unless ``actor`` appoints people in this region."""
    require(actor, GRANT_ROLE, region=region)
