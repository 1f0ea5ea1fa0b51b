"""A long list of goods, loaded in the background: batch by batch, each in a transaction of its own.

How far it is stands with the list, so the page can be closed; a worker that died is followed by the sweep, which goes
on where it stopped. What is done already changes nothing the second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, replace

from django.db import transaction
from django.utils import timezone, translation

from marketplace.rewards.models import GoodsImport
from marketplace.rewards.rules import LIST_REWARD, PRICE_REWARD
from marketplace.rewards.services.goods_lists import GoodsReport, Line, import_goods, without_doubles
from timebank.common.errors import DomainError
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep, forget
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, User

AT_ONCE = 500  # rows; a longer list is loaded in the background
BATCH = 250
SILENT = dt.timedelta(minutes=2)  # then its worker is taken for dead
KEPT = dt.timedelta(days=30)


@transaction.atomic
def begin_goods_import(
    *,
    region: Region,
    lines: Sequence[Line],
    file_name: str,
    reason: str,
    actor: User,
    now: dt.datetime | None = None,
) -> GoodsImport:
    """Keep a list that was read, to be loaded in the background with the rights of ``actor``."""
    if not registry_rules.can(actor, PRICE_REWARD, region):
        registry_rules.require(actor, LIST_REWARD, region)
    now = now or timezone.now()
    made = GoodsImport.objects.create(
        region=region,
        file_name=clean_text(file_name, dots=True)[:120] or "file",
        reason=clean_text(reason)[:200],
        lines=[asdict(line) for line in without_doubles(lines)],
        total=len(lines),
        report=asdict(GoodsReport()),
        actor=actor,
        started_at=now,
        worked_at=now,
    )
    transaction.on_commit(_load_soon, robust=True)  # where the broker is away, the sweep begins within minutes
    return made


def _load_soon() -> None:
    from timebank.common.tasks import task_sweep

    task_sweep.delay(LOAD.name)


def load_goods(pk: int, now: dt.datetime) -> int:
    """Load what is left of a list; return how many rows. Of two workers one does each batch."""
    rows = 0
    while (many := _load_batch(pk, now)) > 0:
        rows += many
    return rows


@transaction.atomic
def _load_batch(pk: int, now: dt.datetime) -> int:
    row = GoodsImport.objects.select_for_update(of=("self",)).select_related("region", "actor").get(pk=pk)
    if row.finished_at is not None:
        return 0
    batch = [Line(**line) for line in row.lines[row.done : row.done + BATCH]]
    try:
        with transaction.atomic(), translation.override(row.actor.language or translation.get_language()):
            part = import_goods(region=row.region, lines=batch, reason=row.reason, actor=row.actor, now=now)
    except DomainError as error:  # a right that ended meanwhile: what is loaded stays
        row.problem, row.finished_at, row.lines = str(error)[:300], now, []
        row.save(update_fields=["problem", "finished_at", "lines"])
        return 0
    kept = row.report
    for name in ("listed", "priced", "unchanged", "unpriced"):
        kept[name] += getattr(part, name)
    kept["refused"] += [list(refused) for refused in part.refused]
    row.report, row.done, row.worked_at = kept, row.done + len(batch), timezone.now()
    changed = ["report", "done", "worked_at"]  # the rows themselves, which are many, are written once more at the end
    if row.done >= row.total:
        row.finished_at, row.lines = row.worked_at, []
        changed += ["finished_at", "lines"]
    row.save(update_fields=changed)
    return len(batch)


def report_of(row: GoodsImport) -> GoodsReport:
    """Return what a list did so far."""
    kept = GoodsReport(**row.report)
    return replace(kept, refused=[(number, reason) for number, reason in kept.refused])


LOAD = Sweep(
    "load lists of goods",
    due=lambda now: (
        GoodsImport.objects.filter(finished_at=None)
        .exclude(done__gt=0, worked_at__gt=now - SILENT)
        .order_by("pk")
        .values_list("pk", flat=True)
    ),
    handle=load_goods,
    every=60,
    atomic=False,
)
FORGET_LISTS = forget("forget lists of goods", lambda now: GoodsImport.objects.filter(finished_at__lt=now - KEPT))
