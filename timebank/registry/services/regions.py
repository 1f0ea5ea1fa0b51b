"""Loading the tree of places from a file: all of it or nothing, and the second time nothing changes."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from timebank.registry.errors import BrokenFile
from timebank.registry.models import Region, RegionCode, Resident
from timebank.registry.services.region_merges import merge_region

Row = dict[str, Any]  # a row of the file: column → text; "row" → its number in the file
Progress = Callable[[int], object]

COLUMNS = ("code", "name", "level", "parent_code")
RECODED_COLUMNS = ("old_code", "old_name", "old_last_seen", "new_code", "new_name", "new_first_seen")
LEVELS = ("province", "city", "county", "town", "village")
_DIGITS = {"province": 2, "city": 4, "county": 6, "town": 9, "village": 12}
_START = {"province": 0, "city": 2, "county": 4, "town": 6, "village": 9}
_ABOVE = dict(zip(LEVELS[1:], LEVELS, strict=False))
_SUFFIXES = re.compile(r"(村民委员会|居民委员会|村委会|居委会|居委)$")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that can't be loaded, and why."""

    row: int
    code: str
    reason: str

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"


@dataclass(slots=True)
class ImportReport:
    """What a load changed, or would change."""

    added: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str, str]] = field(default_factory=list)  # code, old name, new name
    merged: list[tuple[str, str]] = field(default_factory=list)  # old code, new code
    unchanged: int = 0
    vanished: list[tuple[Region, int]] = field(default_factory=list)  # with the number of its residents
    divided: list[tuple[str, list[str]]] = field(default_factory=list)  # old code, its new codes

    @property
    def changes(self) -> int:
        return len(self.added) + len(self.renamed) + len(self.merged)


def short_name(name: str, level: str = "village") -> str:
    """Drop the office from an official name: 辛旺庄村委会 → 辛旺庄, 朝阳社区居委会 → 朝阳社区, as people say it."""
    if level == "town":
        return re.sub(r"(?<=街道)办事处$", "", name) if "街道办事处" in name else re.sub(r"(?<=.)办事处$", "", name)
    if level != "village":
        return name
    name = re.sub(r"^.+街道办事处(?=.)", "", name)
    return _SUFFIXES.sub("", name) or name


class _Loader:
    """One load: check everything, then write in sets."""

    def __init__(self, rows: Sequence[Row], recoded: Sequence[Row], heirs: Mapping[str, str]):
        self.rows = rows
        self.recoded = recoded
        self.heirs = heirs
        self.broken: list[Broken] = []
        self.report = ImportReport()
        self.known = {region.code: region for region in Region.objects.all()}
        self.now = timezone.now()
        self._by_pk = {region.pk: region for region in self.known.values()}
        self.past: dict[str, RegionCode] = {
            code.code: code for code in RegionCode.objects.select_related("region").all()
        }
        self.renewed: dict[str, list[Row]] = defaultdict(list)  # new code → rows of the recoded file
        self.merging: list[tuple[Region, str]] = []  # place, code of the place that it becomes a part of

    # -- Check --------------------------------------------------------------------------------------------------------
    def refuse(self, row: Row, reason: str) -> None:
        self.broken.append(Broken(row["row"], str(row.get("code") or ""), reason))

    def refuse_renewal(self, row: Row, reason: str) -> None:
        self.broken.append(Broken(row["row"], str(row.get("old_code") or ""), _("list of new codes: ") + reason))

    def check(self) -> None:
        self._check_recoded()
        seen: dict[str, Row] = {}
        well_formed: list[Row] = []
        for row in self.rows:
            code, level = row["code"] or "", row["level"] or ""
            if code in seen:
                result = {"code": code, "row": seen[code]["row"]}
                self.refuse(row, _("code %(code)s stands in row %(row)s already") % result)
                continue
            if self._check_form(row):
                well_formed.append(row)
            if re.fullmatch(r"[0-9]{12}", code) and level in LEVELS:
                seen[code] = row  # even if the row is refused: don't refuse its children for it too
        for row in well_formed:
            self._check_parent(row, seen)
        if self.broken:
            self.broken.sort(key=lambda broken: broken.row)
            raise BrokenFile(rows=self.broken)

    def _check_recoded(self) -> None:
        by_old: dict[str, list[Row]] = defaultdict(list)
        for row in self.recoded:
            old, new = row["old_code"] or "", row["new_code"] or ""
            if row.get("problem"):
                self.refuse_renewal(row, row["problem"])
            elif not (re.fullmatch(r"[0-9]{12}", old) and re.fullmatch(r"[0-9]{12}", new)):
                self.refuse_renewal(row, _("a code must have 12 digits"))
            elif not (_day(row["old_last_seen"] or "") and _day(row["new_first_seen"] or "")):
                self.refuse_renewal(row, _("a date must be written as 2020-06-30"))
            elif any(other["new_code"] == new for other in by_old[old]):
                self.refuse_renewal(row, _("old code %(code)s stands twice") % {"code": old})
            elif old != new:
                by_old[old].append(row)
        for old, rows in by_old.items():
            if rows:
                self._divide(old, rows)

    def _divide(self, old: str, rows: list[Row]) -> None:
        """Let a place become the one new place that continues it; which one of several it is, is asked."""
        news = [row["new_code"] for row in rows]
        if len(rows) > 1:
            heir = self.heirs.get(old)
            if heir is not None and heir not in news:
                self.refuse_renewal(rows[0], _("%(new)s is no new code of %(old)s") % {"new": heir, "old": old})
                return
            if heir is None:
                place = self.past.get(old)
                if old in self.known and (place is None or place.region.code == old):
                    self.report.divided.append((old, news))
                return
            rows = [row for row in rows if row["new_code"] == heir]
        self.renewed[rows[0]["new_code"]].append(rows[0])

    def _check_form(self, row: Row) -> bool:
        code, level, name = row["code"], row["level"], row["name"]
        before = len(self.broken)
        if row.get("problem"):
            self.refuse(row, row["problem"])
        elif row.get("surplus"):
            self.refuse(row, _("more fields than the header has"))
        elif any(row.get(column) is None for column in COLUMNS):
            self.refuse(row, _("fewer fields than the header has"))
        elif not re.fullmatch(r"[0-9]{12}", code):
            self.refuse(row, _("code %(code)r must have 12 digits") % {"code": code})
        elif level not in LEVELS:
            self.refuse(row, _("level %(level)r is none of %(levels)s") % {"level": level, "levels": ", ".join(LEVELS)})
        elif int(code[_DIGITS[level] :] or 0) != 0 or int(code[_START[level] : _DIGITS[level]]) == 0:
            self.refuse(row, _("code %(code)s is not a code of a %(level)s") % {"code": code, "level": level})
        elif not name:
            self.refuse(row, _("the name is empty"))
        elif len(name) > 80 or "\ufffd" in name or any(ord(c) < 32 for c in name):
            self.refuse(row, _("the name can't be read"))
        elif len(row.get("kind") or "") > 12:
            self.refuse(row, _("the kind is longer than 12 characters"))
        elif code in self.past and self._present(self.past[code].region).code != code:
            self.refuse(
                row,
                _("code %(code)s was replaced by %(new)s")
                % {"code": code, "new": self._present(self.past[code].region).code},
            )
        elif any(old["old_code"] == code for rows in self.renewed.values() for old in rows):
            self.refuse(row, _("code %(code)s was given up by the list of new codes") % {"code": code})
        return len(self.broken) == before

    def _check_parent(self, row: Row, seen: dict[str, Row]) -> None:
        code, level, parent = row["code"], row["level"], row["parent_code"] or ""
        if level == "province":
            if parent:
                self.refuse(row, _("a province has no parent"))
            return
        if not parent:
            self.refuse(row, _("the parent code is empty"))
            return
        above = seen.get(parent)
        loaded = self.known.get(parent)
        above_level = above["level"] if above is not None else loaded.level if loaded is not None else None
        if above_level is None:
            self.refuse(row, _("parent %(code)s is neither in the file nor loaded") % {"code": parent})
        elif above_level != _ABOVE[level]:
            self.refuse(
                row,
                _("parent %(code)s is a %(found)s, not a %(wanted)s")
                % {"code": parent, "found": above_level, "wanted": _ABOVE[level]},
            )
        elif code[: _DIGITS[above_level]] != parent[: _DIGITS[above_level]]:
            self.refuse(row, _("code %(code)s does not lie in parent %(parent)s") % {"code": code, "parent": parent})

    # -- Write --------------------------------------------------------------------------------------------------------
    def write(self, progress: Progress) -> None:
        changed: list[Region] = []
        fresh: list[Row] = []
        moved: list[tuple[Region, str]] = []
        codes: list[RegionCode] = []
        for row in sorted(self.rows, key=lambda row: LEVELS.index(row["level"])):
            region = self.known.get(row["code"])
            old = [self.known[entry["old_code"]] for entry in self._renewals(row)]
            if region is None and not old:
                fresh.append(row)
                continue
            if region is None:
                region, *old = old
                self._recode(region, row, codes, moved)
                changed.append(region)
            elif region.name != row["name"] or region.kind != (row.get("kind") or ""):
                if region.name != row["name"]:
                    self.report.renamed.append((region.code, region.name, row["name"]))
                else:
                    self.report.renamed.append((region.code, region.kind, row.get("kind") or ""))
                self._rename(region, row)
                changed.append(region)
            else:
                if not old:
                    self.report.unchanged += 1
                progress(1)
            for other in old:
                self.report.merged.append((other.code, row["code"]))
                self.merging.append((other, row["code"]))
        if changed:
            Region.objects.bulk_update(changed, ["code", "name", "short_name", "kind"], batch_size=200)
            for region in changed:
                RegionCode.objects.filter(region=region, code=region.code).update(name=region.name)
            progress(len(changed))
        RegionCode.objects.bulk_create(codes, batch_size=BATCH)
        self._add(fresh, progress)
        for region, parent_code in moved:
            Region.objects.move(Region.objects.get(pk=region.pk), Region.objects.get(code=parent_code), "last-child")
        for old, new_code in self.merging:
            merge_region(old=old, into=Region.objects.get(code=new_code), now=self.now)
        self._remember_old_codes()
        self._name_vanished()

    def _renewals(self, row: Row) -> list[Row]:
        """Return which known places, under which old codes, became this one; what was merged before is done."""
        renewals = []
        for renewal in self.renewed.get(row["code"], ()):
            old = self.known.get(renewal["old_code"])
            if old is not None and old.successor_id is None:
                renewals.append(renewal)
        return renewals

    def _present(self, region: Region) -> Region:
        by_pk = self._by_pk
        while region.successor_id is not None:
            region = by_pk[region.successor_id]
        return region

    def _rename(self, region: Region, row: Row) -> None:
        region.name = row["name"]
        region.short_name = short_name(row["name"], region.level)
        region.kind = row.get("kind") or ""

    def _recode(self, region: Region, row: Row, codes: list[RegionCode], moved: list[tuple[Region, str]]) -> None:
        renewal = next(entry for entry in self.renewed[row["code"]] if entry["old_code"] == region.code)
        self.report.merged.append((region.code, row["code"]))
        RegionCode.objects.filter(region=region, code=region.code).update(valid_to=_day(renewal["old_last_seen"]))
        codes.append(
            RegionCode(region=region, code=row["code"], name=row["name"], valid_from=_day(renewal["new_first_seen"]))
        )
        parent = self.known.get(row["parent_code"])
        if parent is None or not (region.path.startswith(parent.path) and region.depth == parent.depth + 1):
            moved.append((region, row["parent_code"]))
        self.known.pop(region.code)
        region.code = row["code"]
        self._rename(region, row)
        self.known[region.code] = region

    def _add(self, rows: Sequence[Row], progress: Progress) -> None:
        """Make new nodes a level at a time, with their paths worked out here: one INSERT for a thousand rows."""
        if not rows:
            return
        last: dict[str, int] = {}  # path of the parent → last step used below it
        for path in Region.objects.values_list("path", flat=True):
            above, step = path[: -Region.steplen], Region._str2int(path[-Region.steplen :])
            last[above] = max(last.get(above, 0), step)
        grown: dict[str, int] = {}
        for level in LEVELS:
            batch: list[Region] = []
            for row in (row for row in rows if row["level"] == level):
                parent = self.known.get(row["parent_code"]) if row["parent_code"] else None
                above = parent.path if parent is not None else ""
                last[above] = last.get(above, 0) + 1
                region = Region(
                    path=Region._get_path(above, LEVELS.index(level) + 1, last[above]),
                    depth=LEVELS.index(level) + 1,
                    numchild=0,
                    code=row["code"],
                    name=row["name"],
                    short_name=short_name(row["name"], level),
                    level=level,
                    kind=row.get("kind") or "",
                )
                if parent is not None:
                    grown[parent.code] = grown.get(parent.code, 0) + 1
                self.known[region.code] = region
                self.report.added.append(region.code)
                batch.append(region)
            for start in range(0, len(batch), BATCH):
                Region.objects.bulk_create(batch[start : start + BATCH])
                progress(len(batch[start : start + BATCH]))
        self._count_children(grown)
        RegionCode.objects.bulk_create(
            [
                RegionCode(
                    region=self.known[row["code"]],
                    code=row["code"],
                    name=row["name"],
                    valid_from=next(
                        (_day(entry["new_first_seen"]) for entry in self.renewed.get(row["code"], ())), None
                    ),
                )
                for row in rows
            ],
            batch_size=BATCH,
        )

    def _first_seen(self, code: str) -> dt.date | None:
        return next((_day(entry["new_first_seen"]) for entry in self.renewed.get(code, ())), None)

    def _count_children(self, grown: dict[str, int]) -> None:
        parents = [self.known[code] for code in grown]
        for parent in parents:
            parent.numchild += grown[parent.code]
        Region.objects.bulk_update(parents, ["numchild"], batch_size=200)

    def _name_vanished(self) -> None:
        """Name places whose parent the file lists, but not them: nobody is moved, somebody must say where they went."""
        in_file = {row["code"] for row in self.rows}
        parents = [region.path for code, region in self.known.items() if code in in_file and region.path]
        paths = set(parents)
        gone = [
            region
            for region in Region.objects.filter(is_active=True, depth__gt=1).order_by("code")
            if region.code not in in_file and region.path[: -Region.steplen] in paths
        ]
        asked = {old for old, _news in self.report.divided}
        counts = dict(Resident.objects.filter(village__in=gone).values_list("village").annotate(Count("pk")).order_by())
        self.report.vanished = [(entry, counts.get(entry.pk, 0)) for entry in gone if entry.code not in asked]

    def _remember_old_codes(self) -> None:
        """Keep the codes that a place had before, so that an old paper still finds it."""
        have = set(RegionCode.objects.values_list("code", flat=True))
        old = []
        pairs = [(code, entry) for code, renewals in self.renewed.items() for entry in renewals]
        for new_code, renewal in pairs:
            region = self.known.get(new_code)
            if region is not None and region.pk and renewal["old_code"] not in have:
                old.append(
                    RegionCode(
                        region=region,
                        code=renewal["old_code"],
                        name=renewal["old_name"],
                        valid_to=_day(renewal["old_last_seen"]),
                    )
                )
        RegionCode.objects.bulk_create(old, batch_size=BATCH)


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def import_regions(
    *,
    rows: Iterable[Row],
    recoded: Iterable[Row] = (),
    heirs: Mapping[str, str] | None = None,
    dry_run: bool = False,
    progress: Progress = lambda done: None,
) -> ImportReport:
    """Load places; raise ``BrokenFile`` naming every broken row and change nothing if there is one.

    ``rows`` carry the file's columns and ``row``, their number in it. ``recoded`` says which old code became which new
    one: a place found under its old code keeps its key and gets the new code; every further place of that new code is
    merged into it. ``heirs`` says for a place that divided which new code continues it (old code → new code).
    """
    with transaction.atomic():
        # One load at a time: the tree's paths are handed out here.
        list(Region.objects.select_for_update().filter(depth=1))
        loader = _Loader(list(rows), list(recoded), heirs or {})
        loader.check()
        loader.write(progress)
        if dry_run:
            transaction.set_rollback(True)
        return loader.report
