"""Credit: every verified, published, undoubted hour becomes points, once.

Work goes in batches. One batch is one transaction: lock the residents (by id), read their due records and the year's
history, price in order of (day of service, id), post all transfers in one call, move the records. The record's id is
the idempotency key, so a crash, a second click or a second worker changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from timebank.common import events, sweeps
from timebank.common.errors import DomainError
from timebank.common.sweeps import Partly, Sweep
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.policy import engine
from timebank.policy.models import SchemeVersion
from timebank.registry.models import Household, Region, Resident
from timebank.service import errors, rules
from timebank.service.models import Record, Standing
from timebank.service.selectors.records import due_for_credit
from timebank.service.selectors.schemes import ladder_of, spec_of
from timebank.service.selectors.standings import ground_of, view_of
from timebank.service.services.pricing import History, Tariff, looks_back_to, price, shares_caps
from timebank.service.services.records import named
from timebank.service.store import Credit, write_credits

State = Record.State
BATCH = 1000  # people
# What a batch reads of its records; the rows are wide, and most of it is evidence.
READ = (
    "resident__household_id", "village_id", "category_id", "served_on", "minutes", "quantity",
    "unit", "factors", "chosen_points", "title",
)  # fmt: skip
MOST = 1_000_000


@dataclass(frozen=True)
class RowError:
    """A record that could not be credited, and why; it is tried again at the next run."""

    record_id: int
    resident_id: int
    code: str
    message: str


@dataclass
class CreditReport:
    """What a run did. ``points`` in 1/100; ``nought``: credited with 0 points, the hours count towards the next."""

    due: int = 0
    credited: int = 0
    zero: int = 0
    points: int = 0
    failed: list[RowError] = field(default_factory=list)


def credit_due(
    *,
    now: dt.datetime | None = None,
    village: Region | None = None,
    batch: int = BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> CreditReport:
    """Credit every record whose notice is over; a failing row is reported and the rest goes on.

    A person whose row fails is left out whole, because later rows are priced on top of earlier ones.
    ``progress(done, due)`` is called after each batch.
    """
    now = now or timezone.now()
    total = CreditReport(due=due_for_credit(now, village).count())
    done = 0

    def tell(many: int) -> None:
        nonlocal done
        done += many
        if progress is not None:
            progress(done, total.due)

    for part in sweeps.run(_sweep(village=village, batch=batch, tell=tell), now=now, most=MOST, at_once=True).results:
        total.credited += part.credited
        total.zero += part.zero
        total.points += part.points
        total.failed += part.failed
    return total


def _sweep(*, village: Region | None = None, batch: int = BATCH, tell: Callable[[int], None] | None = None) -> Sweep:
    """Return the sweep over the people who have something due; each is a row of it, because their rows build on
    each other: who has one that fails is left out whole."""

    def due(now: dt.datetime) -> Any:
        people = due_for_credit(now, village).order_by("resident_id")
        return people.values_list("resident_id", flat=True).distinct()

    def credit(people: list[int], now: dt.datetime) -> Partly:
        report, refused = _credit(people, now, village, Tariff())
        if tell is not None:
            tell(report.credited + len(report.failed))
        return Partly(report, refused)

    return Sweep(
        "credit hours",
        due=due,
        handle=lambda person, now: credit([person], now),
        handle_batch=credit,
        every=5 * 60,
        batch=batch,
    )


CREDIT = _sweep()


@dataclass
class _Priced:
    record: Record
    quote: engine.Quote
    version: SchemeVersion
    expires_on: dt.date | None

    surplus: int = 0  # of the points, what the wallet may not hold and the village pool gets

    @property
    def moves_points(self) -> bool:
        return self.quote.points > 0 and self.quote.earns == "points"

    def legs(self) -> tuple[Leg, ...]:
        """Return what moves: to the resident, and what is above the cap on holding to the pool of the village."""
        issuance = f"issuance:region:{self.record.village_id}"
        parts = (
            (self.record.resident.wallet_key, self.quote.points - self.surplus),
            (pool_key(self.record.village_id), self.surplus),
        )
        return tuple(
            Leg(debit=issuance, credit=wallet, amount=amount, expires_on=self.expires_on)
            for wallet, amount in parts
            if amount
        )

    def quote_json(self) -> dict[str, Any]:
        """Return why this many points, with what went to the pool."""
        data = self.quote.as_json()
        if self.surplus:
            params = {"cap": spec_of(self.version).holding_cap, "surplus": self.surplus}
            data["steps"] = [*data["steps"], {"code": "surplus", "params": params}]
        return data


class _Refused(Exception):
    """Some rows of a batch were refused by the ledger; the batch is undone and repeated without their people."""

    def __init__(self, refused: dict[int, DomainError]):
        self.refused = refused
        super().__init__()


def _credit(
    people: list[int], now: dt.datetime, village: Region | None, tariff: Tariff
) -> tuple[CreditReport, dict[int, Exception]]:
    """Credit what is due to some people; return what was done, and by person why something was not."""
    report = CreditReport()
    refused: dict[int, DomainError] = {}
    with transaction.atomic():
        # First the people, in one order, whoever runs this: then a second worker waits here and finds nothing due.
        list(Resident.objects.select_for_update(of=("self",)).filter(pk__in=people).order_by("pk").values_list("pk"))
        due = list(
            due_for_credit(now, village)
            .filter(resident_id__in=people)
            .select_for_update(of=("self",))
            .select_related("resident")
            .only(*READ)
            .order_by("resident_id", "served_on", "pk")
        )
        villages = Region.objects.in_bulk({record.village_id for record in due})
        for record in due:
            record.village = villages[record.village_id]
        tariff.read(villages.values())
        priced, refused = _price(due, now, tariff)
        while priced:
            try:
                with transaction.atomic():
                    _post(priced, now)
                break
            except _Refused as stopped:
                refused |= stopped.refused
                lost = {row.record.resident_id for row in priced if row.record.pk in stopped.refused}
                priced = [row for row in priced if row.record.resident_id not in lost]
    for item in priced:
        report.credited += 1
        report.zero += not item.moves_points
        report.points += item.quote.points if item.moves_points else 0
    by_pk = {record.pk: record for record in due}
    for pk, refusal in refused.items():
        Record.objects.filter(pk=pk, state=State.PUBLISHED).update(credit_problem=refusal.code)
        report.failed.append(RowError(pk, by_pk[pk].resident_id, refusal.code, str(refusal)))
    return report, {by_pk[pk].resident_id: refusal for pk, refusal in refused.items()}


def _price(due: list[Record], now: dt.datetime, tariff: Tariff) -> tuple[list[_Priced], dict[int, DomainError]]:
    """Quote every record on top of what its person already has; pure reckoning after one read of the history."""
    versions, refused = _versions(due, tariff)
    stopped = {record.resident_id for record in due if record.pk in refused}
    going = [record for record in due if record.resident_id not in stopped]
    if not going:
        return [], refused
    schemes = [spec_of(version) for version in {row.pk: row for row in versions.values()}.values()]
    since = looks_back_to(schemes, min(record.served_on for record in going))
    households = shares_caps(schemes)
    if households:  # two of one family may be credited by two workers: the family's row makes one of them wait
        homes = {record.resident.household_id for record in going if record.resident.household_id}
        list(Household.objects.select_for_update().filter(pk__in=homes).order_by("pk").values_list("pk"))
    history = History.read({record.resident_id for record in going}, since, households=households)
    today = rules.local_day(now)
    priced = []
    for record in going:
        version = versions[record.pk]
        scheme = spec_of(version)
        quote = price(scheme, record, history, tariff.since(record.village, record.served_on))
        lapse = rules.points_expire_on(today, scheme.point_validity_years)
        priced.append(_Priced(record, quote, version, lapse))
    return priced, refused


def _versions(due: list[Record], tariff: Tariff) -> tuple[dict[int, SchemeVersion], dict[int, DomainError]]:
    """Find the version that prices each record; what has none is refused."""
    versions: dict[int, SchemeVersion] = {}
    refused: dict[int, DomainError] = {}
    for record in due:
        try:
            versions[record.pk] = tariff.version(record.village, record.served_on)
        except DomainError as refusal:
            refused[record.pk] = refusal
    return versions, refused


def pool_key(village_id: int) -> str:
    """Name the wallet of a village's common points."""
    return f"pool:region:{village_id}"


def split_at_cap(held: int, points: int, cap: int) -> tuple[int, int]:
    """Return what a wallet that holds so much may take of some points, and the surplus."""
    kept = min(points, max(cap - held, 0))
    return kept, points - kept


def _split_surplus(moving: list[_Priced]) -> None:
    """Keep each wallet within what its scheme lets it hold: what is above goes to the pool of the village."""
    capped = [item for item in moving if spec_of(item.version).holding_cap is not None]
    if not capped:
        return
    held = ledger_read.balances_of([item.record.resident.wallet_key for item in capped])
    headroom: dict[str, int] = {}
    for item in capped:
        wallet, cap = item.record.resident.wallet_key, spec_of(item.version).holding_cap or 0
        before = headroom.get(wallet, held[wallet].total if wallet in held else 0)
        kept, item.surplus = split_at_cap(before, item.quote.points, cap)
        headroom[wallet] = before + kept
    villages = {item.record.village_id for item in capped if item.surplus}
    if villages:
        ledger.open_accounts(
            accounts=[ledger.NewAccount(pool_key(pk), "wallet", "PTS", f"village:{pk}", "") for pk in sorted(villages)]
        )


def _post(priced: list[_Priced], now: dt.datetime) -> None:
    """Post the transfers of a batch and move its records; raises _Refused with the rows the ledger will not take."""
    today = rules.local_day(now)
    moving = [item for item in priced if item.moves_points]
    _split_surplus(moving)
    results = ledger.post_many(
        [
            TransferSpec(
                key=item.record.mint_key,
                kind="mint",
                legs=item.legs(),
                effective_on=today,
                reason="service",
                memo=item.record.what[:80],
                actor="system",
                source=f"record:{item.record.pk}",
                rule=f"{item.quote.version}:{item.quote.rule}",
            )
            for item in moving
        ]
    )
    bad = {
        item.record.pk: result.error for item, result in zip(moving, results, strict=True) if result.error is not None
    }
    if bad:
        raise _Refused(bad)
    moved = write_credits(
        [
            Credit(
                record_id=item.record.pk,
                minutes=item.record.minutes,
                points=item.quote.points,
                quote=item.quote_json(),
                rule=item.quote.rule,
                rule_version=item.quote.version,
                transfer_key=item.record.mint_key if item.moves_points else "",
            )
            for item in priced
        ],
        now,
    )
    if moved != len(priced):
        # The rows are locked, so this cannot be; if it ever is, nothing of this batch may stand.
        raise errors.WrongState(moved=moved, wanted=len(priced))
    _raise_standings(priced, now)
    _tell(priced, now)


def _tell(priced: list[_Priced], now: dt.datetime) -> None:
    """Say to each person of a batch what was credited, and what earned nothing: two events, whatever their number."""
    earned: dict[int, dict[str, Any]] = {}
    nothing: dict[int, dict[str, Any]] = {}
    for item in priced:
        record = item.record
        if item.moves_points:
            sums = earned.setdefault(record.resident_id, {"points": 0, "count": 0})
            sums["points"] += item.quote.points - item.surplus
            sums["count"] += 1
            sums |= named(record)
        else:
            nothing[record.resident_id] = {**named(record), "subject": f"record:{record.pk}"}
    for kind, each in (("points_credited", earned), ("earned_nothing", nothing)):
        if each:
            recipients = [f"resident:{pk}" for pk in sorted(each)]
            facts = {"each": {f"resident:{pk}": own for pk, own in each.items()}}
            events.emit(kind, recipients=recipients, facts=facts, occurred_at=now)


def _raise_standings(priced: list[_Priced], now: dt.datetime) -> None:
    gained: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    versions: dict[int, SchemeVersion] = {}
    for item in priced:
        key = item.record.resident_id, item.record.served_on.year
        gained[key][0] += item.quote.points
        gained[key][1] += item.record.minutes
        versions[item.record.resident_id] = item.version
    kept: dict[int, dict[int, Standing]] = defaultdict(dict)
    for standing in Standing.objects.filter(resident_id__in=versions):
        kept[standing.resident_id][standing.year] = standing
    for (resident, year), (points, minutes) in gained.items():
        row = kept[resident].setdefault(year, Standing(resident_id=resident, year=year))
        row.earned_points += points
        row.minutes += minutes
    rows = []
    first_years: dict[int, int] = {}
    for resident, year in gained:
        first_years[resident] = min(year, first_years.get(resident, year))
    for resident, first in first_years.items():
        # A year's hours and entries may count in later years, too.
        later = [row for year, row in kept[resident].items() if year >= first]
        for row in later:
            set_level(row, kept[resident], versions[resident], now)
        rows += later
    fields = ["earned_points", "minutes", "score", "tier", "star", "updated_at"]
    Standing.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["resident", "year"], update_fields=fields, batch_size=500
    )


def set_level(standing: Standing, years: Mapping[int, Standing], version: SchemeVersion, now: dt.datetime) -> None:
    """Work out the level of a year anew; ``years`` are all the person's; the caller saves."""
    ground = ground_of(years, standing.year, spec_of(version).entry_validity_years)
    view = view_of(standing.resident_id, standing.year, standing.earned_points, ground, ladder_of(version))
    standing.score, standing.tier, standing.star, standing.updated_at = view.score, view.label, view.star, now
