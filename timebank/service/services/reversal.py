"""Reverse a credited record: its points come back, and what was priced on top of it is priced again."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.policy.replay import past_of
from timebank.registry import rules as registry_rules
from timebank.registry.interests import require_no_interest
from timebank.registry.models import User
from timebank.registry.rules import AUDIT
from timebank.registry.services import record_audit
from timebank.registry.services.points import follow
from timebank.service import errors, rules
from timebank.service.models import PointCorrection, Record, Standing
from timebank.service.rules import VERIFY_RECORD
from timebank.service.selectors.schemes import scheme_of, spec_of
from timebank.service.services.credit import set_level
from timebank.service.services.pricing import (
    History,
    Tariff,
    corrections_of,
    fact_of,
    looks_back_to,
    price,
    shares_caps,
    spec_by_code,
)
from timebank.service.services.records import lock_record, lock_resident, log_change, tell

State = Record.State
REPRICE = "reprice"  # kind of the transfers that take back or add a difference


@transaction.atomic
def reverse_record(*, record: Record, actor: User, reason: str, now: dt.datetime | None = None) -> Record:
    """Reverse a credited record and its points.

    What is already spent becomes a debt that later earnings repay; what has lapsed unspent becomes none. Later records
    of the same window are priced again without it, and the difference is booked.
    """
    lock_resident(record.resident_id)
    locked = lock_record(record.pk)
    if not any(registry_rules.can(actor, action, region=locked.village) for action in (VERIFY_RECORD, AUDIT)):
        registry_rules.require(actor, VERIFY_RECORD, region=locked.village)
    require_no_interest(actor, locked.resident)
    if actor.pk == locked.verified_by_id:
        raise errors.VerifiedByYou  # it takes two: one verified, another takes back
    if not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")
    return reverse(locked, actor=actor, reason=reason, now=now or timezone.now())


def reverse(locked: Record, *, actor: User, reason: str, now: dt.datetime) -> Record:
    """Reverse a record that is locked, with its person; whoever calls has checked the right."""
    rules.require_step(locked, State.REVERSED)
    taken = _take_back(locked, actor, clean_text(reason, lines=True))
    locked.state = State.REVERSED
    locked.save(update_fields=["state"])
    log_change(locked, actor=actor, was=State.CREDITED, now=now, reason=reason, code="reversed")
    changed = _reprice_after(locked, actor, now)
    _lower_standings(locked, taken, changed, now)
    follow(locked.resident, actor=actor)  # what was earned under an earlier number is owed by the person
    record_audit(
        actor=actor,
        action="reverse_record",
        subject=f"record:{locked.pk}",
        region=locked.village,
        reason=clean_text(reason, lines=True),
        facts={"points": locked.points, "repriced": {str(pk): points for (pk, _year), points in changed.items()}},
        now=now,
    )
    told = f"resident:{locked.resident.merged_into_id or locked.resident_id}"
    tell(locked, "record_reversed", now, {"points": taken, "reason": clean_text(reason)}, recipients=[told])
    return locked


def _take_back(record: Record, actor: User, reason: str) -> int:
    """Undo the corrections of a record and its mint; return the net points that it stood for (1/100)."""
    net = (record.points or 0) + sum(record.corrections.values_list("points", flat=True))
    name_of_actor = f"user:{actor.pk}"
    for moved in ledger_read.transfers_for_source(f"record:{record.pk}"):
        if moved.kind == REPRICE and moved.reversed_by_id is None:
            ledger.reverse(moved.id, key=f"reverse:{moved.key}", reason=reason[:64], actor=name_of_actor)
    if record.transfer_key:
        minted = ledger_read.transfer_by_key(record.transfer_key)
        if minted is None:
            raise errors.WrongState(state=record.state, to=str(State.REVERSED))
        key = f"reverse:record:{record.pk}"
        ledger.restore_lapsed(minted.id, amount=minted.amount, key=f"{key}:lapsed", reason=reason, actor=name_of_actor)
        memo = record.what[:80]
        ledger.reverse(minted.id, key=key, reason=reason[:64], actor=name_of_actor, memo=memo)
    return net


def _reprice_after(reversed_record: Record, actor: User, now: dt.datetime) -> dict[tuple[int, int], int]:
    """Price again what was credited after the reversed record; return the differences by (record, year)."""
    tariff = Tariff()
    first = reversed_record
    after = (
        Q(credited_at__gt=first.credited_at)
        | Q(credited_at=first.credited_at, served_on__gt=first.served_on)
        | Q(credited_at=first.credited_at, served_on=first.served_on, pk__gt=first.pk)
    )
    later = list(
        Record.objects.filter(after, resident_id=first.resident_id, state=State.CREDITED)
        .select_related("village", "resident")
        .order_by("credited_at", "served_on", "pk")
    )
    if not later:
        return {}
    schemes = {record.rule_version: spec_by_code(tariff, record.rule_version) for record in later}
    days = [record.served_on for record in (first, *later)]
    since = looks_back_to(schemes.values(), min(days))
    history = _history_before(first, since, households=shares_caps(schemes.values()))
    corrected = corrections_of([record.pk for record in later])
    changed: dict[tuple[int, int], int] = {}
    for record in later:
        quote = price(schemes[record.rule_version], record, history, tariff.since(record.village, record.served_on))
        difference = quote.points - (record.points or 0) - corrected.get(record.pk, 0)
        if difference:
            _book(record, first, difference, quote.as_json(), quote.earns, actor, now)
            changed[record.pk, record.served_on.year] = difference
    return changed


def _history_before(first: Record, since: dt.date | None, *, households: bool) -> History:
    """Read what the person had behind them when the reversed record was priced, and what their household has."""
    history = History.of_household(first.resident_id, since) if households else History()
    before = (
        Q(credited_at__lt=first.credited_at)
        | Q(credited_at=first.credited_at, served_on__lt=first.served_on)
        | Q(credited_at=first.credited_at, served_on=first.served_on, pk__lt=first.pk)
    )
    rows = Record.objects.filter(before, resident_id=first.resident_id, state=State.CREDITED)
    if since is not None:
        rows = rows.filter(served_on__gte=since)
    corrected = corrections_of(rows.values("pk"))
    for record in rows.order_by("credited_at", "served_on", "pk"):
        points = (record.points or 0) + corrected.get(record.pk, 0)
        earns = "points" if record.transfer_key or not record.points else "standing"
        history.add(record.resident_id, past_of(fact_of(record), points=points, rule=record.rule, earns=earns))
    return history


def _book(
    record: Record, cause: Record, difference: int, quote: dict[str, object], earns: str, actor: User, now: dt.datetime
) -> None:
    """Move the difference and keep it on the record."""
    key = f"reprice:record:{record.pk}:{cause.pk}"
    moved = earns == "points"
    if moved and difference < 0:
        _take_difference(record, -difference, key, actor)
    elif moved:
        expires = rules.points_expire_on(
            rules.local_day(now), spec_of(scheme_of(record.village, record.served_on)).point_validity_years
        )
        ledger.post(
            TransferSpec(
                key=key,
                kind=REPRICE,
                legs=(
                    Leg(
                        debit=f"issuance:region:{record.village_id}",
                        credit=record.resident.wallet_key,
                        amount=difference,
                        expires_on=expires,
                    ),
                ),
                effective_on=rules.local_day(now),
                reason="repriced",
                memo=record.what[:80],
                actor=f"user:{actor.pk}",
                source=f"record:{record.pk}",
                rule=f"{record.rule_version}:{record.rule}",
            )
        )
    PointCorrection.objects.create(
        record=record,
        cause=cause,
        points=difference,
        quote=quote,
        transfer_key=key if moved else "",
        created_at=now,
    )


def _take_difference(record: Record, amount: int, key: str, actor: User) -> None:
    """Take points of a record back out of what it was credited with: the latest addition first, then the mint."""
    added = record.corrections.filter(points__gt=0).exclude(transfer_key="").order_by("-pk")
    for part, source in enumerate([*added.values_list("transfer_key", flat=True), record.transfer_key]):
        moved = ledger_read.transfer_by_key(source) if source else None
        taken = min(amount, moved.amount) if moved is not None else 0
        if moved is None or not taken:
            continue
        ledger.take_back(
            moved.id,
            amount=taken,
            key=f"{key}:{part}",
            kind=REPRICE,
            reason="repriced",
            actor=f"user:{actor.pk}",
            memo=record.what[:80],
            rule=f"{record.rule_version}:{record.rule}",
        )
        amount -= taken
    if amount:
        raise errors.WrongState(state=record.state)


def _lower_standings(record: Record, taken: int, changed: dict[tuple[int, int], int], now: dt.datetime) -> None:
    """Take the reversed points and minutes, and the differences, out of the standings of their years."""
    by_year: dict[int, int] = {record.served_on.year: -taken}
    for (_pk, year), difference in changed.items():
        by_year[year] = by_year.get(year, 0) + difference
    rows = Standing.objects.select_for_update().filter(resident_id=record.resident_id).order_by("year")
    years = {row.year: row for row in rows}
    for year, row in years.items():
        row.earned_points += by_year.get(year, 0)
        if year == record.served_on.year:
            row.minutes = max(0, row.minutes - record.minutes)
    for year, row in years.items():
        if year >= min(by_year):
            set_level(row, years, scheme_of(record.village, dt.date(year, 12, 31)), now)
            row.save()
