"""Loading the tree of places from a file: all of it or nothing, and the second time nothing changes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from timebank.registry.errors import BrokenFile
from timebank.registry.models import Region, RegionCode

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

    def __init__(self, rows: Sequence[Row], recoded: Sequence[Row]):
        self.rows = rows
        self.recoded = recoded
        self.broken: list[Broken] = []
        self.report = ImportReport()
        self.known = {region.code: region for region in Region.objects.all()}
        self.past: dict[str, RegionCode] = {
            code.code: code for code in RegionCode.objects.select_related("region").all()
        }
        self.renewed: dict[str, Row] = {}  # new code → row of the recoded file

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
        seen: set[str] = set()
        for row in self.recoded:
            old, new = row["old_code"] or "", row["new_code"] or ""
            if not (re.fullmatch(r"[0-9]{12}", old) and re.fullmatch(r"[0-9]{12}", new)):
                self.refuse_renewal(row, _("a code must have 12 digits"))
            elif old in seen:
                self.refuse_renewal(row, _("old code %(code)s stands twice") % {"code": old})
            elif not (_day(row["old_last_seen"] or "") and _day(row["new_first_seen"] or "")):
                self.refuse_renewal(row, _("a date must be written as 2020-06-30"))
            elif old != new:
                self.renewed[new] = row
            seen.add(old)

    def _check_form(self, row: Row) -> bool:
        code, level, name = row["code"], row["level"], row["name"]
        before = len(self.broken)
        if row.get("surplus"):
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
        elif code in self.past and self.past[code].region.code != code:
            self.refuse(
                row, _("code %(code)s was replaced by %(new)s") % {"code": code, "new": self.past[code].region.code}
            )
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
            if region is None:
                region = self._recoded_region(row)
                if region is not None:
                    self._recode(region, row, codes, moved)
                    changed.append(region)
                    continue
                fresh.append(row)
            elif region.name != row["name"] or region.kind != (row.get("kind") or ""):
                if region.name != row["name"]:
                    self.report.renamed.append((region.code, region.name, row["name"]))
                else:
                    self.report.renamed.append((region.code, region.kind, row.get("kind") or ""))
                self._rename(region, row)
                changed.append(region)
            else:
                self.report.unchanged += 1
                progress(1)
        if changed:
            Region.objects.bulk_update(changed, ["code", "name", "short_name", "kind"], batch_size=200)
            for region in changed:
                RegionCode.objects.filter(region=region, code=region.code).update(name=region.name)
            progress(len(changed))
        RegionCode.objects.bulk_create(codes, batch_size=BATCH)
        self._add(fresh, progress)
        for region, parent_code in moved:
            Region.objects.move(Region.objects.get(pk=region.pk), Region.objects.get(code=parent_code), "last-child")
        self._remember_old_codes()

    def _recoded_region(self, row: Row) -> Region | None:
        renewal = self.renewed.get(row["code"])
        return self.known.get(renewal["old_code"]) if renewal else None

    def _rename(self, region: Region, row: Row) -> None:
        region.name = row["name"]
        region.short_name = short_name(row["name"], region.level)
        region.kind = row.get("kind") or ""

    def _recode(self, region: Region, row: Row, codes: list[RegionCode], moved: list[tuple[Region, str]]) -> None:
        renewal = self.renewed[row["code"]]
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
                    valid_from=_day(self.renewed.get(row["code"], {}).get("new_first_seen", "")),
                )
                for row in rows
            ],
            batch_size=BATCH,
        )

    def _count_children(self, grown: dict[str, int]) -> None:
        parents = [self.known[code] for code in grown]
        for parent in parents:
            parent.numchild += grown[parent.code]
        Region.objects.bulk_update(parents, ["numchild"], batch_size=200)

    def _remember_old_codes(self) -> None:
        """Keep the codes that a place had before, so that an old paper still finds it."""
        have = set(RegionCode.objects.values_list("code", flat=True))
        old = []
        for new_code, renewal in self.renewed.items():
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
    dry_run: bool = False,
    progress: Progress = lambda done: None,
) -> ImportReport:
    """Load places; raise ``BrokenFile`` naming every broken row and change nothing if there is one.

    ``rows`` carry the file's columns and ``row``, their number in it. ``recoded`` says which old code became which new
    one: a place found under its old code keeps its key and gets the new code.
    """
    with transaction.atomic():
        # One load at a time: the tree's paths are handed out here.
        list(Region.objects.select_for_update().filter(depth=1))
        loader = _Loader(list(rows), list(recoded))
        loader.check()
        loader.write(progress)
        if dry_run:
            transaction.set_rollback(True)
        return loader.report
