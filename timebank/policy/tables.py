"""Read published rule tables row by row: each row becomes a rule, a level or a benefit, or a reason why not. Pure.

Three kinds of table, told apart by their columns (English or Chinese heads): earning rules, ladders, benefits of a
level. A row that contradicts itself is refused, never guessed; what a text leaves open becomes an *open choice* that
whoever approves the scheme must answer (``choices``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from timebank.policy.engine import ANY_HOURS, Band, Cap, Kind, Period, Rule, Scheme, Tier
from timebank.policy.ladders import Counts, Ends, Ladder, Level
from timebank.policy.units import (
    HOUR,
    YUAN,
    NotReadable,
    Shape,
    hundredths,
    read_cap,
    read_ends,
    read_unit,
    star_of,
)

HEADS = {
    "项目": "activity", "事项": "activity", "内容": "activity", "类别": "category", "分值": "points", "积分": "points",
    "单位": "unit", "计分方式": "unit", "来源": "source", "依据": "source", "最高分": "points_max", "上限": "cap",
    "办法": "scheme", "级别": "level", "备注": "note", "状态": "status", "等级": "tier", "下限": "low",
    "区间": "interval", "待遇": "benefit", "优惠": "benefit", "内容说明": "value",
}  # fmt: skip
RULES, LADDERS, BENEFITS = "rules", "ladders", "benefits"
NEEDED = {
    RULES: {"activity", "points", "unit"},
    LADDERS: {"tier", "low", "interval"},
    BENEFITS: {"level", "benefit"},
}
# Deeds that the product knows by a category of its own, by the start of their published text.
KNOWN_DEEDS = (
    ("参加村新时代文明实践所组织的理论宣讲", "training"),
    ("邻里之间义务帮助环境整治、农业生产生活、维修", "neighbour"),
    ("邻里之间义务帮助环境整治、农业生产生活等日常事务，使用", "neighbour_machine"),
    ("志愿帮扶与自己没有亲属关系的", "hardship"),
    ("使用机械、车辆志愿帮助", "hardship_machine"),
    ("使用个人机械、车辆，参加集体组织", "own_machine"),
    ("义务参加各级组织的救火、防汛、排涝、抢险、救灾的", "rescue"),
    ("自觉维护村级设施", "facility"),
)
# Left out on purpose (product.md, rules of conscience 3): the bank records service, not conduct, belief or family life.
NOT_OURS = re.compile(r"信访|上访|举报|入党|党员|征兵|参军|信仰|宗教|结婚|生育|骨灰|彩礼|言论")
OF_MONEY = re.compile(r"捐款|捐助资金|资金及物资")
OF_BODY = re.compile(r"遗体|器官|骨髓")
BY_RELATIVE = re.compile(r"(父母|配偶|子女).*作为加分对象")


@dataclass(frozen=True)
class Refusal:
    """Why a row was not loaded: a code and a sentence."""

    code: str
    reason: str


@dataclass(frozen=True)
class Benefit:
    """What a level opens; no points move. ``level`` as published, empty when the text names none."""

    level: str
    title: str
    value: str
    source: str = ""
    organisations: bool = False  # for enterprises, not for residents


@dataclass(frozen=True)
class Deed:
    """A category that a row needs and the product may not know yet."""

    code: str
    name: str
    family: str
    unit: str


@dataclass(frozen=True)
class RowOutcome:
    """What became of one row; ``number`` counts from 2, the first line being the heads."""

    number: int
    scheme: str
    text: str
    rule: str = ""
    refusal: Refusal | None = None

    @property
    def loaded(self) -> bool:
        return self.refusal is None


@dataclass
class Draft:
    """What a table says about one scheme."""

    slug: str
    source: str = ""
    rules: dict[str, Rule] = field(default_factory=dict)
    levels: list[tuple[Ends, Level]] = field(default_factory=list)
    counts: Counts = Counts.POINTS
    base: int = 0
    unconfirmed: bool = False
    benefits: list[Benefit] = field(default_factory=list)
    deeds: dict[str, Deed] = field(default_factory=dict)
    holding_cap: int | None = None
    questions: list[dict[str, Any]] = field(default_factory=list)

    def scheme(self) -> Scheme:
        """Return the earning rules as the engine takes them."""
        return Scheme(version=self.slug, rules=tuple(self.rules.values()), holding_cap=self.holding_cap)

    def ladder(self) -> Ladder | None:
        """Return the ladder from its highest level to its lowest, gaps left undefined."""
        if not self.levels:
            return None
        levels = sorted(
            (level for _ends, level in self.levels), key=lambda item: -1 if item.low is None else item.low, reverse=True
        )
        return Ladder(
            code=self.slug.replace("-", "_"),
            ends=self.levels[0][0],
            levels=tuple(levels),
            base=self.base,
            counts=self.counts,
        )


@dataclass
class TableReport:
    """What a file says: drafts by slug, and every row's outcome."""

    kind: str
    drafts: dict[str, Draft] = field(default_factory=dict)
    rows: list[RowOutcome] = field(default_factory=list)

    @property
    def loaded(self) -> int:
        return sum(row.loaded for row in self.rows)

    @property
    def refused(self) -> list[RowOutcome]:
        return [row for row in self.rows if not row.loaded]


def slug_of(text: str) -> str:
    """Turn a table's name of a scheme into a key."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.strip().lower()).strip("-")
    if plain:
        return plain[:40]
    return f"scheme-{hashlib.sha256(text.strip().encode()).hexdigest()[:8]}" if text.strip() else ""


def heads_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the row under the English names of its columns, all texts stripped."""
    plain = {
        str(head or "").strip().lower(): str(value if value is not None else "").strip() for head, value in row.items()
    }
    return {HEADS.get(head, head): value for head, value in plain.items()}


def kind_of(heads: Iterable[str]) -> str:
    """Tell which table a set of columns belongs to; "" for none."""
    names = {HEADS.get(head.strip().lower(), head.strip().lower()) for head in heads}
    return next((kind for kind, needed in NEEDED.items() if needed <= names), "")


def read_table(rows: Sequence[Mapping[str, Any]], *, default_scheme: str = "") -> TableReport:
    """Read all rows of one table; raises NotReadable when its columns belong to no table that is known."""
    kind = kind_of(rows[0].keys()) if rows else ""
    if not kind:
        raise NotReadable(_("The columns fit no table that can be read: rules need activity, points and unit."))
    report = TableReport(kind=kind)
    reader = {RULES: _rule_row, LADDERS: _ladder_row, BENEFITS: _benefit_row}[kind]
    seen: dict[tuple[str, str], int] = {}
    for number, raw in enumerate(rows, start=2):
        row = heads_of(raw)
        if not any(row.values()):
            continue
        name = row.get("scheme") or default_scheme
        text = row.get("activity") or row.get("tier") or row.get("benefit") or ""
        slug = slug_of(name)
        if not slug:
            report.rows.append(_refused(number, "", text, "no_scheme", _("The row names no scheme.")))
            continue
        draft = report.drafts.setdefault(slug, Draft(slug=slug, source=row.get("source", "")))
        # Three prizes may share one text: their order in the table tells first from third.
        place = seen[slug, text] = seen.get((slug, text), 0) + 1
        try:
            code = reader(draft, row, place)
        except NotReadable as problem:
            report.rows.append(_refused(number, slug, text, problem.code, str(problem)))
        else:
            report.rows.append(RowOutcome(number, slug, text, rule=code))
    return report


def _refused(number: int, slug: str, text: str, code: str, reason: str) -> RowOutcome:
    return RowOutcome(number, slug, text, refusal=Refusal(code, reason))


# -- Earning rules -----------------------------------------------------------------------------------------------------
def _rule_row(draft: Draft, row: dict[str, str], place: int) -> str:
    text = row["activity"]
    if not text:
        raise NotReadable(_("The row says nothing of what is done."), "no_activity")
    if NOT_OURS.search(text):
        raise NotReadable(
            _("This is about conduct, belief or family life. The bank records service, so it earns no points."),
            "not_service",
        )
    shape = read_unit(row["unit"])
    _require_one_story(text, shape, row["points"])
    low, high = _points_of(row, shape)
    if shape.kind == "tier":
        return _add_tier(draft, row, shape, low)
    if shape.kind == "band":
        return _add_band(draft, row, shape, low)
    return _add_deed(draft, row, shape, low, high, place)


def _points_of(row: dict[str, str], shape: Shape) -> tuple[int, int | None]:
    """Return the points of a row and the end of its range, if it is one."""
    cap = row.get("cap", "")
    if not row["points"]:
        match = re.search(
            r"each\s*<=\s*(\d+(?:\.\d+)?)\s*points|每(?:项|条)(?:不超过|最多)\s*(\d+(?:\.\d+)?)\s*分", cap
        )
        if match and shape.kind == "free":
            return 0, hundredths(match[1] or match[2])
        raise NotReadable(_("The row gives no points and no range to choose from."), "no_points")
    low = hundredths(row["points"])
    if low < 0:
        raise NotReadable(
            _("The row takes points away. Points are only taken back by reversing the entry that gave them."),
            "subtracts",
        )
    high = hundredths(row["points_max"]) if row.get("points_max") and shape.kind != "band" else None
    if high is not None and high < low:
        raise NotReadable(_("The highest value is below the lowest."), "range")
    return low, high


def _require_one_story(text: str, shape: Shape, points: str) -> None:
    """Refuse a row whose text and figures disagree: one of them is a slip, and which one is not ours to guess."""
    told = re.search(r"累计(?:达到|满)?\s*(\d+)\s*小时", text)
    if told and shape.measure == "minutes" and shape.size and int(told[1]) * HOUR != shape.size:
        raise NotReadable(
            _("The text says %(text)s hours, the unit says %(unit)s: one of them is a slip.")
            % {"text": told[1], "unit": shape.size // HOUR},
            "contradiction",
        )
    told = re.search(r"每\s*(\d+)\s*元加\s*(\d+(?:\.\d+)?)\s*分", text)
    if told and shape.kind == "band" and (int(told[1]) * YUAN, hundredths(told[2])) != (shape.size, hundredths(points)):
        raise NotReadable(
            _("The text says %(worth)s point(s) for every %(yuan)s CNY, the columns say %(points)s for every %(size)s.")
            % {"worth": told[2], "yuan": told[1], "points": points, "size": shape.size // YUAN},
            "contradiction",
        )


def _add_tier(draft: Draft, row: dict[str, str], shape: Shape, points: int) -> str:
    code = f"hours-{_key(row.get('level', ''))}" if row.get("level") else "hours"
    rule = draft.rules.get(code)
    if rule is not None and any(tier.at == shape.size for tier in rule.tiers):
        raise NotReadable(_("The table has this step already."), "twice")
    if rule is None:
        rule = Rule(
            code=code,
            kind=Kind.STEPPED,
            categories=(ANY_HOURS,),
            period=Period.YEAR,
            group="hours",
            label=f"{row.get('level', '')}：累计服务时间".lstrip("："),
            source=row.get("source", ""),
        )
    tiers = tuple(sorted((*rule.tiers, Tier(shape.size, points)), key=lambda tier: tier.at))
    worth = [tier.points for tier in tiers]
    if worth != sorted(worth):
        raise NotReadable(_("A higher step would be worth less than a lower one."), "falling")
    draft.rules[code] = replace(rule, tiers=tiers)
    return code


def _add_band(draft: Draft, row: dict[str, str], shape: Shape, points: int) -> str:
    cap = hundredths(row["points_max"]) if row.get("points_max") else None
    first = shape.first
    if shape.last is not None and first == 0 and shape.last < 100 * YUAN:
        band = Band(0, None, shape.size, points, cap=cap, only_below=shape.last + YUAN)
    else:
        # "100-1000 per 100" counts the first hundred: the band begins where the one below ends, at a round figure.
        above = 0 if first <= shape.size else first // (10 * YUAN) * (10 * YUAN)
        band = Band(above, shape.last, shape.size, points, cap=cap)
    rule = draft.rules.get("donation") or Rule(
        code="donation",
        kind=Kind.BANDS,
        categories=("donation",),
        measure="quantity",
        unit="fen",
        period=Period.YEAR,
        earns="standing",
        label="捐款",
        source=row.get("source", ""),
    )
    if any((item.above, item.upto, item.only_below) == (band.above, band.upto, band.only_below) for item in rule.bands):
        raise NotReadable(_("The table has this band already."), "twice")
    bands = tuple(sorted((*rule.bands, band), key=lambda item: (item.only_below is None, item.above)))
    caps = dict.fromkeys((*rule.caps, *_caps_of(draft, row)))
    draft.rules["donation"] = replace(rule, bands=bands, caps=tuple(caps))
    return "donation"


def _add_deed(draft: Draft, row: dict[str, str], shape: Shape, low: int, high: int | None, place: int) -> str:
    text = row["activity"]
    by_hours = shape.measure == "minutes"
    name = f"{text} ({place})" if place > 1 or "place in row order" in row.get("note", "") else text
    known = next((code for start, code in KNOWN_DEEDS if text.startswith(start)), "")
    code = ("hours" if by_hours else "") or known or deed_code(name)
    if code in draft.rules:
        raise NotReadable(_("Another row prices the same deed."), "twice")
    if by_hours:
        category = ANY_HOURS
    else:
        category = known or code
        draft.deeds[code] = Deed(category, name[:80], row.get("category", "")[:40], shape.unit)
    money, body = OF_MONEY.search(text), OF_BODY.search(text)
    caps, measure_cap = _limits_of(draft, row, low)
    if shape.kind == "once_a":
        caps = (*caps, Cap(shape.period, low))
    rule = Rule(
        code=code,
        kind=Kind.BLOCK if shape.size > 1 else Kind.OCCURRENCE,
        categories=(category,),
        measure=shape.measure,
        unit="" if by_hours else shape.unit,
        # Blocks of several hours add up over the year; an hour counts by itself, as published tables do.
        period=Period.YEAR if by_hours and shape.size > HOUR else Period.FACT,
        per=shape.size if shape.size > 1 else 0,
        points=low,
        points_max=high,
        caps=caps,
        measure_cap=measure_cap,
        earns="standing" if money or body else "points",
        label=name,
        source=row.get("source", ""),
    )
    if high is not None and shape.size > 1:
        raise NotReadable(_("A range fits a single deed, not an hour."), "range")
    _ask(draft, rule, row, shape, relative=BY_RELATIVE.search(text) is not None)
    draft.rules[code] = rule
    return code


def _ask(draft: Draft, rule: Rule, row: dict[str, str], shape: Shape, *, relative: bool) -> None:
    """Write down what the published text leaves open about a rule; approval asks for it."""
    if rule.points_max is not None:
        draft.questions.append({"kind": "range", "rule": rule.code, "low": rule.points, "high": rule.points_max})
    if shape.measure == "minutes" and shape.size and not shape.whole_only and rule.kind is Kind.BLOCK:
        draft.questions.append({"kind": "parts", "rule": rule.code})
    cap = row.get("cap", "")
    if re.fullmatch(r"\d+/(day|month|quarter|year)", cap) and rule.points not in (0, 100):
        draft.questions.append({"kind": "cap_counts", "rule": rule.code, "cap": cap, "each": rule.points})
    if relative:
        draft.questions.append({"kind": "relative", "rule": rule.code})
    if rule.earns == "standing":
        draft.questions.append({"kind": "standing_only", "rule": rule.code})


def _caps_of(draft: Draft, row: dict[str, str]) -> tuple[Cap, ...]:
    return _limits_of(draft, row, 0)[0]


def _limits_of(draft: Draft, row: dict[str, str], each: int) -> tuple[tuple[Cap, ...], int | None]:
    """Read the cap column: limits in points, minutes of one activity, or what a wallet may hold."""
    text = row.get("cap", "")
    if not text or text.startswith("<="):
        return _item_cap(text), None
    limit = read_cap(text)
    if limit.kind == "held":
        draft.holding_cap = limit.amount * 100
        return (), None
    if limit.kind == "minutes":
        return (), limit.amount
    points = limit.amount * (each if limit.kind == "times" else 100)
    return (Cap(limit.period, points, limit.per),), None


def _item_cap(text: str) -> tuple[Cap, ...]:
    """Read "<=5 items, each <=2 points": so many such entries a year."""
    match = re.match(r"<=\s*(\d+)\s*items?,\s*each\s*<=\s*(\d+(?:\.\d+)?)", text)
    return (Cap(Period.YEAR, int(match[1]) * hundredths(match[2])),) if match else ()


def deed_code(text: str) -> str:
    """Return the lasting code of a deed by its published text, so that two schemes price one category."""
    return f"deed-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _key(text: str) -> str:
    known = {"区级": "district", "村级": "village", "区村级": "shared", "社区": "community", "市级": "city"}
    return known.get(text, hashlib.sha256(text.encode()).hexdigest()[:6])


# -- Ladders and benefits ----------------------------------------------------------------------------------------------
def _ladder_row(draft: Draft, row: dict[str, str], place: int) -> str:
    label = row["tier"]
    if not label:
        raise NotReadable(_("The level has no name."), "no_level")
    if place > 1:
        raise NotReadable(_("The ladder has this level already."), "twice")
    ends, counts = read_ends(row["interval"])
    if draft.levels and ends is not draft.levels[0][0]:
        raise NotReadable(_("One ladder, two ways to read its ends."), "ends")
    low = hundredths(row["low"]) if row["low"] else None
    high = hundredths(row["high"]) if row.get("high") else None
    if low is None and high is None:
        raise NotReadable(_("The level has neither a lower nor an upper end."), "no_ends")
    if low is not None and high is not None and high <= low:
        raise NotReadable(_("The upper end is not above the lower one."), "ends")
    if any(_overlap(level, Level(label, low, high)) for _ends, level in draft.levels if ends is not Ends.AT_LEAST):
        raise NotReadable(_("The level overlaps another one."), "overlap")
    draft.counts = counts
    draft.levels.append((ends, Level(label=label, low=low, high=high, star=star_of(label))))
    match = re.search(r"(?:base|default|基础分)\s*(\d+)", row.get("note", ""))
    if match:
        draft.base = int(match[1]) * 100
    if row.get("status", "published") not in ("", "published"):
        draft.unconfirmed = True
    return label


def _overlap(level: Level, other: Level) -> bool:
    def below(high: int | None, low: int | None) -> bool:
        return high is not None and low is not None and high <= low

    return not (below(level.high, other.low) or below(other.high, level.low))


def _benefit_row(draft: Draft, row: dict[str, str], _place: int) -> str:
    title, value = row["benefit"], row.get("value", "")
    if not title:
        raise NotReadable(_("The row names no benefit."), "no_benefit")
    if "现金" in title or "现金" in value:
        raise NotReadable(
            _("A level never pays cash. An award of money is paid by the fund, with its own decision and receipt."),
            "cash",
        )
    level = "" if row["level"].lower() in ("", "not stated", "未注明") else row["level"]
    benefit = Benefit(level, title, value, row.get("source", ""), organisations="企业" in title)
    if benefit in draft.benefits:
        raise NotReadable(_("The table has this benefit already."), "twice")
    draft.benefits.append(benefit)
    if not level:
        draft.questions.append({"kind": "benefit_level", "benefit": title})
    return title
