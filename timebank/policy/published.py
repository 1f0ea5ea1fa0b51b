"""Schemes and ladders as published, read from ``data/``; what the text leaves open is an explicit choice, said here.

Choices, shown to whoever approves the scheme:

* Wendeng's village item "reaching 4 hours: 1 point" is a tier like the district's (2 at 10 h … 50 at 300 h), no rate;
  the two tables price the same hours, so the highest counts (Art. 18(3)) and a higher tier replaces a lower one.
* Donation bands are marginal; under 100 CNY the fine band counts instead. Gifts move the standing, not the points.
* "At most once a month" is read as a cap of that many points a month.
* Star discounts are illustrative: the published Wendeng text names discounts without a percentage.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from timebank.policy.engine import ANY_HOURS, Band, Cap, Kind, Period, Rule, Scheme, Tier
from timebank.policy.ladders import Ladder, Level
from timebank.policy.units import hundredths, read_ends, star_of

HOUR = 60
YUAN = 100
SERVICE = (ANY_HOURS,)  # whatever is counted in minutes
ILLUSTRATIVE_DISCOUNT = {5: 20, 4: 10, 3: 5}  # per cent off by star; nobody published a figure
YEAR_END_CARRY = {5: 1500, 4: 1000, 3: 200}  # Wendeng Art. 41, in 1/100, by star


def rows(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one published table."""
    with (files("timebank.policy") / "data" / name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)


@cache
def hour_tiers(scheme: str, level: str) -> tuple[Tier, ...]:
    """Return the cumulative-hours table of one published scheme and level."""
    tiers = []
    for row in rows("earning_rules.csv"):
        match = re.fullmatch(r"tier:cumulative_hours>=(\d+)", row["unit"])
        if match and row["scheme"] == scheme and row["level"] == level:
            tiers.append(Tier(int(match[1]) * HOUR, hundredths(row["points"])))
    return tuple(sorted(tiers, key=lambda tier: tier.at))


WENDENG_SOURCE = "威文办发〔2019〕20号 附件"
WENDENG_BANDS = (
    Band(0, None, 10 * YUAN, 10, cap=90, only_below=100 * YUAN),
    Band(0, 1000 * YUAN, 100 * YUAN, 100, cap=1000),
    Band(1000 * YUAN, 5000 * YUAN, 400 * YUAN, 100, cap=1000),
    Band(5000 * YUAN, 10000 * YUAN, 500 * YUAN, 100, cap=1000),
    Band(10000 * YUAN, None, 1000 * YUAN, 100, cap=1000),
)
# What lies under 100 CNY is below the first whole step of the second band, so the two never meet.


def _hours(code: str, tiers: tuple[Tier, ...], label: str) -> Rule:
    return Rule(
        code=code,
        kind=Kind.STEPPED,
        categories=SERVICE,
        period=Period.YEAR,
        group="hours",
        tiers=tiers,
        label=label,
        source=WENDENG_SOURCE,
    )


def _each(code: str, points: int, label: str, *caps: Cap) -> Rule:
    return Rule(
        code=code,
        kind=Kind.OCCURRENCE,
        categories=(code,),
        measure="quantity",
        points=points,
        caps=caps,
        label=label,
        source=WENDENG_SOURCE,
    )


def wendeng_rural() -> Scheme:
    """Rural residents of Wendeng: hours by tier, a few deeds by occurrence, gifts for the standing only."""
    return Scheme(
        version="wendeng-rural",
        rules=(
            _hours("village_hours", hour_tiers("rural_resident_attach", "村级"), "村级：志愿服务时间累计"),
            _hours("district_hours", hour_tiers("rural_resident_attach", "区级"), "区级：志愿服务时间累计"),
            _each("training", 100, "参加各类培训", Cap(Period.YEAR, 300)),
            _each("neighbour", 100, "邻里互助", Cap(Period.MONTH, 100)),
            _each("neighbour_machine", 100, "邻里互助（使用机械、车辆或技术含量高）", Cap(Period.MONTH, 200)),
            _each("hardship", 100, "志愿帮扶困难群众", Cap(Period.MONTH, 100)),
            _each("hardship_machine", 200, "使用机械、车辆帮扶困难群众"),
            _each("own_machine", 200, "自带机械、车辆参加集体义务劳动"),
            _each("rescue", 100, "参加救火、防汛、抢险、救灾"),
            _each("facility", 200, "义务维修村级设施"),
            Rule(
                code="donation",
                kind=Kind.BANDS,
                categories=("donation",),
                measure="quantity",
                period=Period.YEAR,
                bands=WENDENG_BANDS,
                caps=(Cap(Period.YEAR, 4000),),
                earns="standing",
                unit="fen",
                label="捐款",
                source=WENDENG_SOURCE,
            ),
        ),
        carry=tuple(YEAR_END_CARRY.items()),
    )


def _simple(slug: str, rule: Rule) -> Scheme:
    return Scheme(version=slug, rules=(rule,))


def other_schemes() -> dict[str, Scheme]:
    """Return the other published hour rules, one scheme each, by slug."""
    block = {"kind": Kind.BLOCK, "categories": SERVICE, "period": Period.YEAR}
    return {
        "rongcheng-dongdaoliujia": _simple(
            "rongcheng-dongdaoliujia",
            Rule(code="hours", per=4 * HOUR, points=100, label="每4小时1分", source="东岛刘家村信用管理办法", **block),  # type: ignore[arg-type]
        ),
        "guanxian-rural": _simple(
            "guanxian-rural",
            Rule(code="hours", per=10 * HOUR, points=200, label="助餐每10小时2分", source="冠县", **block),  # type: ignore[arg-type]
        ),
        "guangzhou-timebank": _simple(
            "guangzhou-timebank",
            Rule(code="hours", kind=Kind.BLOCK, categories=SERVICE, per=HOUR, points=100, source="广州 2019"),
        ),
        "hailin": _simple(
            "hailin",
            Rule(
                code="hours",
                kind=Kind.BLOCK,
                categories=SERVICE,
                per=HOUR,
                points=100,
                measure_cap=2 * HOUR,
                source="海林",
            ),
        ),
        "longxian-beicheng": _simple(
            "longxian-beicheng",
            Rule(code="hours", kind=Kind.BLOCK, categories=SERVICE, per=HOUR, points=100, source="陇县北城社区"),
        ),
    }


@cache
def ladder(code: str) -> Ladder:
    """Return one published ladder by the ``scheme`` column of ``tiers.csv``; KeyError if there is none."""
    result = [row for row in rows("tiers.csv") if row["scheme"] == code]
    if not result:
        raise KeyError(code)
    levels = tuple(
        Level(
            label=row["tier"],
            low=hundredths(row["low"]) if row["low"] else None,
            high=hundredths(row["high"]) if row["high"] else None,
            star=star_of(row["tier"]),
            discount_percent=ILLUSTRATIVE_DISCOUNT.get(star_of(row["tier"]), 0) if code == "wendeng_rural_star" else 0,
        )
        for row in result
    )
    levels = tuple(sorted(levels, key=lambda level: -1 if level.low is None else level.low, reverse=True))
    base = 100_000 if code in {"wendeng_rural_star", "wendeng_individual", "weihai_city_haibeifen"} else 0
    ends, counts = read_ends(result[0]["interval"])
    return Ladder(code=code, ends=ends, levels=levels, base=base, counts=counts)


def ladder_codes() -> list[str]:
    """Return the codes of all published ladders."""
    return sorted({row["scheme"] for row in rows("tiers.csv")})
