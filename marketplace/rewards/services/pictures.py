"""How a reward looks on one shelf: the village's own photograph, or a drawing of the project."""

from __future__ import annotations

from typing import IO

from django.db import transaction

from marketplace.catalogue.services import known_rewards, redraw
from marketplace.partner.models import StockRecord
from marketplace.rewards import errors
from marketplace.rewards.rules import LIST_REWARD
from timebank.registry.models import User
from timebank.registry.rules import require
from timebank.registry.services import record_audit


@transaction.atomic
def set_picture(
    *, stockrecord: StockRecord, actor: User, photograph: IO[bytes] | None = None, drawing: str = ""
) -> StockRecord:
    """Give a reward its picture on this shelf; without either it looks as everywhere.

    A photograph is drawn anew (no more than 1,200 × 900, nothing but pixels: no place where it was taken). The file it
    replaces is removed once the change stands.
    """
    partner = stockrecord.partner
    require(actor, LIST_REWARD, region=partner.village)
    if drawing and drawing not in {known.drawing for known in known_rewards().values()}:
        raise errors.NoSuchDrawing(field="drawing")
    drawn = redraw(photograph, f"s{stockrecord.pk}") if photograph else None
    record = StockRecord.objects.select_for_update(of=("self",), no_key=True).get(pk=stockrecord.pk)
    before, storage = record.photograph.name, record.photograph.storage
    record.drawing = drawing
    if drawn is not None:
        record.photograph.save(drawn.name, drawn, save=False)
    else:
        record.photograph = ""
    record.save(update_fields=["photograph", "drawing"])
    if before:
        transaction.on_commit(lambda: storage.delete(before))
    record_audit(
        actor=actor,
        action="set_picture",
        subject=f"stockrecord:{record.pk}",
        region=partner.village,
        facts={"photograph": bool(drawn), "drawing": drawing},
    )
    return record
