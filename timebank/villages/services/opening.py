"""What residents had before the village began: read from a signed list, entered by one, approved by the town, booked.

External: it comes from the village's own account of openings, never from that of earned points, and never from a
payment. A resident has one opening balance. Hours of it are shown, and count for no scheme: a scheme prices what was
recorded here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from timebank.common import events
from timebank.common.batches import batched
from timebank.common.errors import DomainError, ReasonMissing
from timebank.common.input import clean_text, digits, fold
from timebank.common.numbers import parse_points
from timebank.common.sheets.errors import CellProblem
from timebank.common.sheets.reading import Column, Row, open_table
from timebank.common.sheets.sources import Limits
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry import rules as registry_rules
from timebank.registry.errors import NotAVillage
from timebank.registry.interests import matters_of, other_person
from timebank.registry.models import Region, Resident, User
from timebank.registry.services import record_audit
from timebank.service import rules as service_rules
from timebank.service.selectors.schemes import spec_of
from timebank.service.services.pricing import Tariff
from timebank.villages import errors
from timebank.villages.models import Opening, OpeningLine
from timebank.villages.rules import APPROVE_OPENING, ENTER_OPENING

LIMITS = Limits(rows=20_000)
MOST_POINTS = 10_000 * 100
MOST_MINUTES = 20_000 * 60
BATCH = 500
COLUMNS = (
    Column("name", ("姓名", "名字", "name"), required=True, label=gettext_lazy("Name")),
    Column("number", ("志愿者号", "志愿者编号", "编号", "number"), label=gettext_lazy("Volunteer number")),
    Column("phone", ("手机号", "手机", "电话", "phone"), label=gettext_lazy("Mobile number")),
    Column("points", ("积分", "期初积分", "结余积分", "points"), label=gettext_lazy("Points")),
    Column("hours", ("时长", "工时", "小时", "服务时长", "hours"), label=gettext_lazy("Hours")),
)


@dataclass(frozen=True)
class Line:
    """One row of the file, read; ``problem`` says why it can't be used."""

    number: int
    name: str = ""
    volunteer_number: str = ""
    phone: str = ""
    points: int = 0
    minutes: int = 0
    problem: str = ""


@dataclass
class OpeningReport:
    """What a list says: what can be entered, and the rows that can't, each with its reason."""

    lines: list[OpeningLine] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    opening: Opening | None = None

    @property
    def points(self) -> int:
        return sum(line.points for line in self.lines)

    @property
    def minutes(self) -> int:
        return sum(line.minutes for line in self.lines)


def read_opening(file: BinaryIO) -> list[Line]:
    """Read a list; raises ``SheetError`` for what is none. A bad cell spoils its row alone."""
    return [_line(row) for row in open_table(file, COLUMNS, limits=LIMITS)]


def _line(row: Row) -> Line:
    try:
        name, number, phone = clean_text(row.text("name")), digits(row.digits("number")), digits(row.digits("phone"))
        points, hours = clean_text(row.text("points")), clean_text(row.text("hours"))
        amount = parse_points(points) if points else 0
        minutes = _minutes(hours)
    except ValueError:
        return Line(row.number, problem=_("Points and hours are numbers like 10 or 7.5."))
    except (CellProblem, DomainError) as problem:
        return Line(row.number, problem=str(problem))
    said = ""
    if not name:
        said = _("The name is missing.")
    elif amount < 0 or minutes < 0 or not (amount or minutes):
        said = _("Neither points nor hours above zero.")
    elif amount > MOST_POINTS or minutes > MOST_MINUTES:
        said = _("More than 10,000 points or 20,000 hours: look at this figure again.")
    return Line(row.number, name, number, phone, amount, minutes, said)


def _minutes(hours: str) -> int:
    """Return hours like 7.5 as whole minutes."""
    return (parse_points(hours) * 60 + 50) // 100 if hours else 0


def _matched(village: Region, lines: Iterable[Line]) -> OpeningReport:
    """Find whose each row is: by number, else by name and telephone, else by a name that one person here has."""
    report = OpeningReport()
    seen: set[int] = set()
    people = Resident.objects.filter(village=village, status=Resident.Status.ACTIVE).only(
        "pk", "name", "name_key", "volunteer_number", "phone", "user_id", "household_id"
    )
    by_number: dict[str, Resident] = {}
    by_name: defaultdict[str, list[Resident]] = defaultdict(list)
    for resident in people:
        by_number[resident.volunteer_number] = resident
        by_name[resident.name_key].append(resident)
    held = OpeningLine.objects.filter(resident__village=village, counts=True).select_related("opening")
    before = {line.resident_id: line.opening for line in held}
    for line in lines:
        problem = line.problem
        person: Resident | None = None
        if not problem:
            person, problem = _whose(line, by_number, by_name)
        if person is not None and person.pk in seen:
            problem = _("%(name)s stands twice on this list.") % {"name": line.name}
        elif person is not None and person.pk in before:
            problem = _("%(name)s has an opening balance already: %(list)s.") % {
                "name": line.name,
                "list": before[person.pk],
            }
        if problem or person is None:
            report.refused.append((line.number, problem))
            continue
        seen.add(person.pk)
        row = OpeningLine(resident=person, row=line.number, points=line.points, minutes=line.minutes)
        report.lines.append(row)
    return report


def _whose(
    line: Line, by_number: dict[str, Resident], by_name: dict[str, list[Resident]]
) -> tuple[Resident | None, str]:
    key = fold(line.name)
    if line.volunteer_number:
        person = by_number.get(line.volunteer_number)
        if person is None or person.name_key != key:
            return None, _("Nobody here has this name and volunteer number.")
        return person, ""
    same = by_name.get(key, [])
    if line.phone:
        same = [person for person in same if person.phone == line.phone]
    if not same:
        return None, _("Nobody of this name is registered here: %(name)s.") % {"name": line.name}
    if len(same) > 1:
        return None, _("More than one person is called %(name)s: add the volunteer number.") % {"name": line.name}
    return same[0], ""


@transaction.atomic
def enter_opening(
    *,
    village: Region,
    lines: Iterable[Line],
    title: str,
    signed_on: dt.date,
    paper: str,
    actor: User,
    file_name: str = "",
    dry_run: bool = False,
    now: dt.datetime | None = None,
) -> OpeningReport:
    """Enter what can be read of a list, for the town to approve; nothing is booked. ``dry_run``: only say what is."""
    registry_rules.require(actor, ENTER_OPENING, region=village)
    if village.level != Region.Level.VILLAGE:
        raise NotAVillage
    now = now or timezone.now()
    if signed_on > timezone.localdate(now):
        raise errors.SignedLater(field="signed_on")
    report = _matched(village, lines)
    if dry_run or not report.lines:
        return report
    report.opening = Opening.objects.create(
        village=village,
        title=clean_text(title)[:80],
        signed_on=signed_on,
        paper=clean_text(paper)[:120],
        file_name=clean_text(file_name)[:120],
        entered_by=actor,
        entered_at=now,
    )
    for line in report.lines:
        line.opening = report.opening
    try:
        with transaction.atomic():
            OpeningLine.objects.bulk_create(report.lines, batch_size=BATCH)
    except IntegrityError:  # somebody entered one of them at the same moment
        raise errors.EnteredMeanwhile from None
    _audit("enter_opening", report.opening, actor, "", {"points": report.points, "minutes": report.minutes}, now)
    return report


def _audit(action: str, opening: Opening, actor: User, reason: str, facts: dict[str, int], now: dt.datetime) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"opening:{opening.pk}",
        region=opening.village,
        reason=reason,
        facts=facts,
        now=now,
    )


def _lock(opening: Opening, actor: User) -> Opening:
    """Hold a list that waits; refuse whoever may not decide it, entered it, or stands on it."""
    locked = Opening.objects.select_for_update(of=("self",)).select_related("village").get(pk=opening.pk)
    registry_rules.require(actor, APPROVE_OPENING, region=locked.village)
    if locked.state != Opening.State.ENTERED:
        raise errors.OpeningDecided
    if locked.entered_by_id == actor.pk or _concerns(locked, actor):
        raise errors.OwnOpening
    other_person(actor, locked.entered_by_id)
    return locked


def _concerns(opening: Opening, actor: User) -> bool:
    """Say whether a list holds a line of the actor, their household or whom they help."""
    return opening.lines.filter(matters_of(actor, "resident__")).exists()


@transaction.atomic
def refuse_opening(*, opening: Opening, actor: User, reason: str, now: dt.datetime | None = None) -> Opening:
    """Send a list back with a reason; what stands on it may be entered again."""
    now = now or timezone.now()
    locked = _lock(opening, actor)
    reason = clean_text(reason, lines=True)[:200]
    if not reason:
        raise ReasonMissing(field="reason")
    locked.state, locked.reason, locked.decided_by, locked.decided_at = Opening.State.REFUSED, reason, actor, now
    locked.save(update_fields=["state", "reason", "decided_by", "decided_at"])
    locked.lines.update(counts=False)
    _audit("refuse_opening", locked, actor, reason, {}, now)
    return locked


@transaction.atomic
def approve_opening(*, opening: Opening, actor: User, now: dt.datetime | None = None) -> Opening:
    """Approve a list and book it: each line once, from the village's account of openings into the resident's wallet."""
    now = now or timezone.now()
    locked = _lock(opening, actor)
    today = timezone.localdate(now)
    locked.expires_on = _expiry(locked.village, today)
    lines = list(locked.lines.select_related("resident").order_by("pk"))
    # Who left or died since it was entered keeps no wallet to book into.
    gone = [line for line in lines if line.resident.status != Resident.Status.ACTIVE]
    if gone:
        raise errors.OpeningOfGone(name=gone[0].resident.name)
    source = account_key(locked.village_id)
    ledger.open_account(key=source, kind="system", owner=f"village:{locked.village_id}")
    specs = [
        TransferSpec(
            key=f"opening:{line.pk}",
            kind="opening",
            legs=(Leg(source, line.resident.wallet_key, line.points, locked.expires_on),),
            effective_on=today,
            reason="external",
            memo=locked.title,
            actor=f"user:{actor.pk}",
            source=f"opening:{line.pk}",
        )
        for line in lines
        if line.points
    ]
    for part in batched(specs, BATCH):
        for answer in ledger.post_many(part):
            if answer.error is not None:
                raise answer.error
    locked.state, locked.decided_by, locked.decided_at = Opening.State.APPROVED, actor, now
    locked.save(update_fields=["state", "decided_by", "decided_at", "expires_on"])
    facts = {"points": sum(line.points for line in lines), "minutes": sum(line.minutes for line in lines)}
    _audit("approve_opening", locked, actor, "", facts, now)
    _tell(locked, lines, now)
    return locked


def _tell(opening: Opening, lines: list[OpeningLine], now: dt.datetime) -> None:
    each = {f"resident:{line.resident_id}": {"points": line.points, "minutes": line.minutes} for line in lines}
    events.emit(
        "opening_booked",
        subject=opening,
        recipients=sorted(each),
        region=opening.village,
        facts={"what": opening.title, "each": each},
        occurred_at=now,
    )


def _expiry(village: Region, day: dt.date) -> dt.date | None:
    """Return when points booked on a day end, by the scheme of the village as for earned ones."""
    try:
        years = spec_of(Tariff().version(village, day)).point_validity_years
    except DomainError:
        return None
    return service_rules.points_expire_on(day, years)


def account_key(village: int) -> str:
    """Name the account that a village's opening points come from."""
    return f"opening:region:{village}"
