"""What the suite asks of all money."""

from __future__ import annotations

from marketplace.funds.selectors.equation import UNIT, differences
from marketplace.rewards.models import Ticket
from timebank.ledger.models import Transfer


def assert_money_adds_up() -> None:
    """Fail with every difference between the ledger and the rows, in a database where money was ever posted.

    Tickets that a test invents have no row to compare with.
    """
    if not Transfer.objects.filter(unit=UNIT).exists():
        return
    without = () if Ticket.objects.exists() else ("tickets",)
    found = list(map(str, differences(without=without)))
    if found:
        raise AssertionError("money does not add up:\n" + "\n".join(found))
