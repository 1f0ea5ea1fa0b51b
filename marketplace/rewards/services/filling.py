"""A new shelf filled from a template: chosen rows only, none in stock, the price left to the admin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction

from marketplace.partner.models import Partner
from marketplace.rewards.selectors.templates import template
from marketplace.rewards.services.listing import Item, Wanted, list_many
from timebank.registry.models import User


class Filled(NamedTuple):
    """How many rewards were put on the shelf, how many stood there already."""

    listed: int
    standing: int


@transaction.atomic
def fill_shelf(
    *, partner: Partner, source: str, keys: Collection[str], actor: User, now: dt.datetime | None = None
) -> Filled:
    """Put the chosen rows of a template on a supplier's shelf; what stands there already stays as it is."""
    chosen = [row for row in template(partner, source) if row.key in keys]
    wanted = [
        Wanted(
            partner,
            Item(
                title=row.title,
                kind=row.kind,
                unit=row.unit,
                title_en=row.title_en,
                category=row.category,
                drawing=row.drawing,
                product=row.product,
            ),
        )
        for row in chosen
        if not row.is_here
    ]
    made = list_many(wanted=wanted, actor=actor, now=now) if wanted else []
    listed = sum(record is not None for record in made)
    return Filled(listed, len(chosen) - listed)
