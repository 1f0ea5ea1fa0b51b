"""Stored schemes: drafts, approval, what is in force, explanations and the case command."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import translation

from timebank.policy import published, services, words
from timebank.policy.engine import Fact, Past, quote
from timebank.policy.errors import NoSchemeInForce, SchemeFrozen
from timebank.policy.models import SchemeVersion
from timebank.policy.selectors import version_in_force

DAY = dt.date(2026, 9, 12)


@pytest.mark.django_db
def test_load_published_twice_changes_nothing():
    first = services.load_published()
    assert {version.scheme.slug for version in first} >= {"wendeng-rural", "rongcheng-dongdaoliujia"}
    assert services.load_published() == []
    assert SchemeVersion.objects.count() == len(first)


@pytest.mark.django_db
def test_load_schemes_command_says_what_is_new():
    out = StringIO()
    call_command("load_schemes", stdout=out)
    assert out.getvalue().splitlines()[-1] == "6 new"
    out = StringIO()
    call_command("load_schemes", stdout=out)
    assert out.getvalue().splitlines() == ["0 new"]


@pytest.mark.django_db
def test_stored_version_prices_like_the_published_text():
    services.load_published()
    version = version_in_force("wendeng-rural", DAY)
    fact = Fact("clean", DAY, minutes=600)
    assert quote(version.spec(), [], fact).points == quote(published.wendeng_rural(), [], fact).points == 200
    assert quote(version.spec(), [], fact).version == "wendeng-rural@1"
    assert version.ladder() == published.ladder("wendeng_rural_star")


@pytest.mark.django_db
def test_later_version_takes_over_on_its_day_and_not_before():
    services.load_published()
    draft = services.draft_version(
        slug="wendeng-rural", name="", scheme=published.wendeng_rural(), effective_from=dt.date(2027, 1, 1)
    )
    assert version_in_force("wendeng-rural", dt.date(2027, 6, 1)).number == 1
    services.approve_version(version=draft, approved_as="张三，镇长")
    assert version_in_force("wendeng-rural", dt.date(2026, 12, 31)).number == 1
    assert version_in_force("wendeng-rural", dt.date(2027, 1, 1)).number == 2


@pytest.mark.django_db
def test_approved_version_cannot_be_approved_again():
    version = services.load_published()[0]
    before = version.approved_at
    with pytest.raises(SchemeFrozen):
        services.approve_version(version=version, approved_as="another")
    version.refresh_from_db()
    assert version.approved_at == before


@pytest.mark.django_db
def test_database_refuses_approval_without_a_name():
    version = services.load_published()[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        SchemeVersion.objects.filter(pk=version.pk).update(approved_as="")


@pytest.mark.django_db
def test_no_scheme_in_force_is_a_sentence():
    with pytest.raises(NoSchemeInForce, match="积分办法"):
        version_in_force("wendeng-rural", DAY)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Village clean-up: 3 h 20 min"),
        ("zh-hans", "清洁村庄：3 小时 20 分"),
    ],
)
def test_explanation_follows_the_reader(language: str, sentence: str):
    steps = quote(published.wendeng_rural(), [], Fact("clean", DAY, minutes=200)).as_json()["steps"]
    with translation.override(language):
        assert words.explain(steps)[0] == sentence


def test_every_step_has_a_sentence():
    scheme = published.wendeng_rural()
    history = [
        Past("clean", DAY, minutes=240, points=100, rule="village_hours"),
        Past("neighbour", DAY, points=100, rule="neighbour"),
    ]
    facts = [Fact("clean", DAY, minutes=m) for m in (30, 400, 5000)] + [
        Fact("neighbour", DAY),
        Fact("donation", DAY, quantity=50_000),
        Fact("knitting", DAY, unit="pieces"),
    ]
    facts.append(Fact("clean", DAY, minutes=10))
    seen = set()
    for fact in facts:
        for before in ([], history):
            steps = quote(scheme, before, fact).as_json()["steps"]
            seen |= {step["code"] for step in steps}
            with translation.override("en"):
                assert all(words.explain(steps))
    for other in published.other_schemes().values():
        steps = quote(other, [], Fact("clean", DAY, minutes=500)).as_json()["steps"]
        seen |= {step["code"] for step in steps}
        assert all(words.explain(steps))
    assert seen == {
        "no_rule", "measure", "counted", "cumulative", "each", "blocks", "tier", "below_tiers", "bands", "granted",
        "to_next", "highest", "cap",
    }  # fmt: skip


def score(path: Path) -> tuple[int, list[str]]:
    out = StringIO()
    status = 0
    try:
        call_command("score_cases", str(path), stdout=out)
    except SystemExit as stop:
        status = int(str(stop.code))
    return status, out.getvalue().splitlines()


@pytest.mark.django_db
def test_published_cases_all_pass():
    status, lines = score(Path(str(files("timebank.policy") / "data" / "scoring_cases.csv")))
    assert (status, lines) == (0, ["33 passed, 0 failed"])


@pytest.mark.django_db
def test_failing_rows_are_named(tmp_path: Path):
    file = tmp_path / "cases.csv"
    file.write_text(
        "rule,input,unit,expected,basis\n"
        "wendeng_district_hours,10,hours,3,\n"
        "nobody,1,hours,1,\n"
        "wendeng_village_hours,many,hours,1,\n"
        "wendeng_village_hours,240,minutes,1.0,\n"
        "volunteer_star_hours,100,hours,一星级,\n",
        encoding="utf-8",
    )
    status, lines = score(file)
    assert status == 1
    assert lines == [
        "row 2: wendeng_district_hours 10 hours: got 2, expected 3",
        "row 3: nobody 1 hours: no published rule or unit of that name (nobody)",
        "row 4: wendeng_village_hours many hours: input can't be read (Invalid literal for Fraction: 'many')",
        "2 passed, 3 failed",
    ]


def test_file_without_columns_is_refused(tmp_path: Path):
    file = tmp_path / "cases.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(CommandError, match="lacks the column"):
        score(file)
