"""Published tables row by row: what loads, what is refused and why, and that what is stored is what was read."""

from __future__ import annotations

import csv
import datetime as dt
from importlib.resources import files
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import translation

from timebank.policy import categories, services
from timebank.policy.engine import Cap, Fact, Kind, Past, Period, quote
from timebank.policy.ladders import Counts, gaps, level_of
from timebank.policy.models import Category, SchemeVersion
from timebank.policy.tables import TableReport, read_table
from timebank.policy.units import NotReadable, read_cap, read_unit

DATA = files("timebank.policy") / "data"
DAY = dt.date(2026, 9, 12)


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def table(name: str) -> TableReport:
    return read_table(list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines())))


def row(**cells: str) -> TableReport:
    plain = {"activity": "扫街", "points": "1", "unit": "per_occurrence", "scheme": "town", "source": "公告"}
    return read_table([{**plain, **cells}])


def reason(report: TableReport) -> str:
    (one,) = report.rows
    return one.refusal.code if one.refusal else ""


def test_every_row_of_the_published_rules_is_loaded_or_refused_with_a_reason():
    report = table("earning_rules.csv")
    assert (len(report.rows), report.loaded) == (184, 179)
    assert [(one.number, one.refusal.code) for one in report.refused] == [
        (18, "not_service"),
        (145, "contradiction"),
        (146, "contradiction"),
        (147, "contradiction"),
        (148, "contradiction"),
    ]


def test_every_row_of_ladders_and_benefits():
    ladders, benefits = table("tiers.csv"), table("level_benefits.csv")
    assert (ladders.loaded, len(ladders.refused), len(ladders.drafts)) == (37, 0, 8)
    assert (benefits.loaded, [one.refusal.code for one in benefits.refused]) == (14, ["cash"])


def test_ladders_keep_what_the_text_leaves_undefined():
    ladder = table("tiers.csv").drafts["wendeng-individual"].ladder()
    assert ladder is not None
    assert level_of(ladder, 104_950) is None
    assert [(upper.label, lower.label) for upper, lower in gaps(ladder)] == [
        ("AAA", "AA"), ("AA", "A"), ("A", "B"), ("B", "C"), ("C", "D"),
    ]  # fmt: skip
    stars = table("tiers.csv").drafts["wendeng-rural-star"].ladder()
    assert stars is not None
    assert (gaps(stars), stars.base) == ([], 100_000)
    hours = table("tiers.csv").drafts["volunteer-star-hours"].ladder()
    assert hours is not None
    assert hours.counts is Counts.HOURS
    assert table("tiers.csv").drafts["rongcheng-2016-2019"].unconfirmed


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"points": "-5"}, "subtracts"),
        ({"points": "many"}, "no_number"),
        ({"points": "1.005"}, "decimals"),
        ({"points": "NaN"}, "no_number"),
        ({"points": "9" * 40}, "no_number"),
        ({"points": ""}, "no_points"),
        ({"unit": "per_lightyear"}, "unit"),
        ({"cap": "often"}, "cap"),
        ({"activity": ""}, "no_activity"),
        ({"activity": "不信访的"}, "not_service"),
        ({"scheme": ""}, "no_scheme"),
        ({"points": "5", "points_max": "3"}, "range"),
        ({"activity": "累计达到20小时", "unit": "tier:cumulative_hours>=50"}, "contradiction"),
        ({"unit": "per_hour", "points_max": "3"}, "range"),
        ({"unit": "per_100_CNY (band 900-100)"}, "band"),
    ],
)
def test_row_that_cannot_be_taken_says_why(cells: dict[str, str], code: str):
    report = row(**cells)
    assert reason(report) == code
    assert report.refused[0].refusal.reason  # a sentence, not only a code
    assert not report.drafts.get("town") or not report.drafts["town"].rules


def test_same_deed_twice_is_refused_not_overwritten():
    twice = {"activity": "扫街", "unit": "每次", "scheme": "town"}
    report = read_table([{**twice, "points": "1"}, {**twice, "points": "2"}])
    # The second of one text is a place of its own (first and second prize); a third pricing of hours is not.
    assert report.loaded == 2
    hours = {"activity": "志愿服务", "scheme": "town"}
    report = read_table(
        [{**hours, "points": "1", "unit": "每小时"}, {**hours, "activity": "服务", "points": "2", "unit": "每2小时"}]
    )
    assert [one.refusal.code for one in report.refused] == ["twice"]


def test_a_higher_step_worth_less_is_refused():
    steps = [("10", "5"), ("20", "2")]
    report = read_table(
        [
            {"activity": f"累计达到{at}小时", "points": points, "unit": f"累计达到{at}小时", "scheme": "town"}
            for at, points in steps
        ]
    )
    assert [one.refusal.code for one in report.refused] == ["falling"]


def test_chinese_heads_units_and_limits_are_read():
    report = read_table(
        [
            {"项目": "护林", "分值": "２", "单位": "每次", "上限": "每月最多4分"},
            {"项目": "助餐", "分值": "1", "单位": "每小时", "上限": "每次最多2小时"},
            {"项目": "植树", "分值": "0.5", "单位": "每棵", "上限": "每户每年最多20分"},
            {"项目": "授课", "分值": "1", "单位": "每次", "上限": "每季度最多2次"},
        ],
        default_scheme="某某镇",
    )
    assert report.loaded == 4
    (draft,) = report.drafts.values()
    wood, meal, tree, talk = draft.rules.values()
    assert wood.caps == (Cap(Period.MONTH, 400),)
    assert (meal.kind, meal.per, meal.measure_cap) == (Kind.BLOCK, 60, 120)
    assert (tree.points, tree.unit, tree.caps) == (50, "pieces", (Cap(Period.YEAR, 2000, "household"),))
    assert talk.caps == (Cap(Period.QUARTER, 200),)


def test_table_of_unknown_columns_is_refused():
    with pytest.raises(NotReadable, match="fit no table"):
        read_table([{"a": "1"}])
    with pytest.raises(NotReadable):
        read_table([])


@pytest.mark.parametrize("text", ["per_0_hours_", "²", "每²小时", "1/decade", ""])
def test_odd_units_and_limits_are_refused_not_guessed(text: str):
    with pytest.raises(NotReadable):
        read_unit(text)
    with pytest.raises(NotReadable):
        read_cap(text)


# -- Stored ------------------------------------------------------------------------------------------------------------
def run(*names: str) -> list[str]:
    out = StringIO()
    call_command("import_rules", *[str(DATA / name) for name in names], stdout=out)
    return out.getvalue().splitlines()


@pytest.mark.django_db
def test_command_reports_and_a_second_run_changes_nothing():
    lines = run("earning_rules.csv", "tiers.csv", "level_benefits.csv")
    assert lines[-1] == "230 loaded, 6 refused"
    assert sum("contradiction" in line or "The text says" in line for line in lines) == 4
    before = list(SchemeVersion.objects.order_by("pk").values_list("pk", "rules", "ladder_data", "benefits"))
    again = run("earning_rules.csv", "tiers.csv", "level_benefits.csv")
    assert not [line for line in again if "draft" in line]
    assert list(SchemeVersion.objects.order_by("pk").values_list("pk", "rules", "ladder_data", "benefits")) == before


@pytest.mark.django_db
def test_rules_ladder_and_benefits_of_one_scheme_meet_in_one_draft():
    run("earning_rules.csv", "tiers.csv", "level_benefits.csv")
    village = SchemeVersion.objects.get(scheme__slug="rongcheng-dongdaoliujia")
    assert (len(village.spec().rules), [one.title for one in village.benefit_list()]) == (
        1,
        ["闭路电视费", "小麦玉米收种"],
    )
    city = SchemeVersion.objects.get(scheme__slug="weihai-city-haibeifen")
    assert (city.ladder().levels[0].label, len(city.benefits)) == ("AAA", 11)


@pytest.mark.django_db
def test_what_was_stored_prices_what_was_read():
    run("earning_rules.csv")
    report = table("earning_rules.csv")
    for draft in report.drafts.values():
        stored = SchemeVersion.objects.get(scheme__slug=draft.slug).spec()
        assert stored.rules == draft.scheme().rules
        assert stored.holding_cap == draft.holding_cap


@pytest.mark.django_db
def test_imported_blood_trees_months_and_ranges_are_priced():
    run("earning_rules.csv")

    def spec(slug: str):
        return SchemeVersion.objects.get(scheme__slug=slug).spec()

    company = spec("alibaba-gongyishi")
    blood = next(rule for rule in company.rules if rule.unit == "ml")
    assert quote(company, [], Fact(blood.categories[0], DAY, quantity=400, unit="ml")).points == 800
    assert quote(company, [], Fact(blood.categories[0], DAY, quantity=399, unit="ml")).points == 400
    month = spec("suixian-shuangzhai")
    clean = month.rules[0].categories[0]
    first = quote(month, [], Fact(clean, DAY, unit="times"))
    before = Past(clean, DAY, points=first.points, rule=first.rule, unit="times")
    assert (first.points, quote(month, [before], Fact(clean, DAY, unit="times")).points) == (500, 0)
    project = spec("yancheng-dongsheng")
    deed = project.rules[0].categories[0]
    points = [
        quote(project, [], Fact(deed, DAY, unit="times", chosen=chosen)).points
        for chosen in (None, 500, 25_000, 99_999_999)
    ]
    assert points == [1000, 1000, 25_000, 60_000]
    body = spec("rural-resident-attach")
    gift = next(rule for rule in body.rules if "器官" in rule.label)
    assert gift.earns == "standing"


@pytest.mark.django_db
def test_deeds_of_a_table_become_categories_once():
    before = Category.objects.count()
    assert before == len(categories.SEEDS)
    run("earning_rules.csv")
    first = Category.objects.count()
    run("earning_rules.csv")
    assert (Category.objects.count(), first > before) == (first, True)


@pytest.mark.django_db
def test_twenty_six_practice_activities_are_seeded_and_named_in_both_languages():
    codes = [one.code for one in categories.PRACTICE]
    assert len(codes) == len(set(codes)) == 26
    assert set(Category.objects.values_list("code", flat=True)) >= set(codes)
    assert {one.code for one in categories.SEEDS} == set(categories.NAMES)
    with translation.override("zh-hans"):
        assert {str(name) for name in categories.NAMES.values()} == {one.name for one in categories.SEEDS}


@pytest.mark.django_db
def test_dry_run_stores_nothing(tmp_path: Path):
    out = StringIO()
    call_command("import_rules", str(DATA / "tiers.csv"), "--dry-run", stdout=out)
    assert (out.getvalue().splitlines()[-1], SchemeVersion.objects.count()) == ("37 loaded, 0 refused", 0)


def test_unreadable_file_is_a_sentence(tmp_path: Path):
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_rules", str(tmp_path / "nothing.csv"))
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(CommandError, match="fit no table"):
        call_command("import_rules", str(odd))


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"rules": {}}, {"status": "draft"}, {"approved_as": "somebody"}])
def test_database_keeps_an_approved_version_as_it_was(change: dict):
    version = services.load_published()[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        SchemeVersion.objects.filter(pk=version.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        SchemeVersion.objects.filter(pk=version.pk).delete()
    # A draft may still change: the guard is on what is approved, not on the table.
    call_command("import_rules", str(DATA / "tiers.csv"), stdout=StringIO())
    assert SchemeVersion.objects.filter(status="draft").update(reason="x") > 0


@pytest.mark.django_db
def test_score_cases_leaves_the_database_as_it_was():
    out = StringIO()
    call_command("score_cases", str(DATA / "scoring_cases.csv"), stdout=out)
    assert (out.getvalue().splitlines(), SchemeVersion.objects.count()) == (["33 passed, 0 failed"], 0)
