"""Pay the suppliers' escrow out of the wallet, or say how many points are missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.partner.models import Partner
from marketplace.rewards import errors
from marketplace.rewards.models import Redemption
from marketplace.rewards.services.common import person, someone
from marketplace.rewards.services.redemption.checking import RedemptionLine
from timebank.common.numbers import format_points_with_unit
from timebank.ledger import errors as ledger_errors
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry.models import Resident, User


def pay_key(redemption: Redemption) -> str:
    """Return the ledger's key of the payment: one redemption is paid once.

    By number and not by the sender's key, which is random: neighbours in time are then neighbours in the index.
    """
    return f"redemption:{redemption.pk}:pay"


def pay(
    redemption: Redemption,
    resident: Resident,
    lines: Sequence[RedemptionLine],
    *,
    actor: User,
    on_behalf_of: Resident | None,
    now: dt.datetime,
) -> int | None:
    """Move the points from the wallet to each supplier's escrow; last of all, so the wallet is locked shortest."""
    amounts: dict[Partner, int] = {}
    for line in lines:
        amounts[line.partner] = amounts.get(line.partner, 0) + line.points
    legs = tuple(
        Leg(debit=resident.wallet_key, credit=partner.escrow_key, amount=amount)
        for partner, amount in sorted(amounts.items(), key=lambda item: item[0].pk)
        if amount
    )
    if not legs:
        return None
    acts_for_other = actor is not None and resident.user_id != actor.pk
    spec = TransferSpec(
        key=pay_key(redemption),
        kind="redeem",
        legs=legs,
        effective_on=timezone.localdate(now),
        actor=person(actor),
        on_behalf_of=someone(on_behalf_of or (resident if acts_for_other else None)),
        source=f"redemption:{redemption.pk}",
    )
    try:
        return ledger.post(spec).id
    except ledger_errors.InsufficientFunds:
        spendable = ledger_read.balance_of(resident.wallet_key).spendable
        raise _not_enough(sum(leg.amount for leg in legs), spendable) from None


def _not_enough(total: int, spendable: int) -> errors.InsufficientPoints:
    """Say how many points are missing."""
    missing = max(total - spendable, 0)
    return errors.InsufficientPoints(
        _("This costs %(total)s and you have %(spendable)s: %(missing)s are missing.")
        % {
            "total": format_points_with_unit(total),
            "spendable": format_points_with_unit(spendable),
            "missing": format_points_with_unit(missing),
        },
        missing=missing,
        spendable=spendable,
        total=total,
    )
