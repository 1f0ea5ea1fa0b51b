"""Who waits in the demo: people of the village whose fund is below its floor."""

from __future__ import annotations

import datetime as dt
import uuid

from marketplace.demo.builder import Village
from marketplace.demo.market import NAMESPACE, Market
from marketplace.funds.models import Fund
from marketplace.funds.services import queue
from marketplace.partner.prices import points_of
from timebank.ledger.selectors import balances_of


def keep_baths(market: Market, fund: Fund, village: Village, now: dt.datetime) -> None:
    """Keep two baths at today's price for people who have the points."""
    bath = next(record for record in market.shelves[village.region.pk] if record.partner_sku == "S002")
    points = points_of(bath.price)
    balances = balances_of([resident.wallet_key for resident in village.residents])
    rich = [resident for resident in village.residents if balances[resident.wallet_key].spendable >= points]
    for number, resident in enumerate(rich[:2]):
        queue.keep_wanted(
            resident=resident,
            fund=fund,
            lines=[(bath.pk, 1, points)],
            cash_fen=market.cost_of(bath),
            actor=village.admin,
            key=uuid.uuid5(NAMESPACE, f"kept:{number}"),
            now=now - dt.timedelta(hours=20 - number),
        )
