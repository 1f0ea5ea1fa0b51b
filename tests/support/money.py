"""What the suite asks of all money."""

from __future__ import annotations

from marketplace.funds.selectors.equation import UNIT, differences, equation
from marketplace.rewards.models import Ticket
from timebank.ledger.models import Transfer


def assert_money_adds_up(*, rows: bool = True) -> None:
    """Fail with every difference: all money in is somewhere, and (``rows``) the rows say the same as the ledger.

    Nothing is asked of a database where no money was ever posted. Tickets that a test invents have no row to compare.
    """
    if not Transfer.objects.filter(unit=UNIT).exists():
        return
    without = () if Ticket.objects.exists() else ("tickets",)
    if rows:
        found = [str(one) for one in differences(without=without)]  # the equation is the first of them
    else:
        made = equation()
        found = [] if made.holds else [f"money in {made.money_in}, found {made.right}; unknown kinds {made.unknown}"]
    if found:
        raise AssertionError("money does not add up:\n" + "\n".join(found))
