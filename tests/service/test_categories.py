"""Categories are data: what may be entered by whom, in which unit, and what the scheme leaves to choose."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from tests.factories.service import World, at
from timebank.common.errors import ReasonMissing
from timebank.policy import services as policy
from timebank.policy.engine import ANY_HOURS, ORGANISER, Kind, Rule, Scheme
from timebank.policy.models import Category
from timebank.registry.errors import NotAllowed
from timebank.service import errors, selectors, services
from timebank.service.models import Record

NOW = at(20, 12)


def enter(world: World, category: str, minutes: int = 60, quantity: int = 1, actor=None, person=None) -> Record:
    return services.enter_record(
        resident=person or world.wang,
        category=category,
        served_on=dt.date(2026, 9, 19),
        minutes=minutes,
        quantity=quantity,
        actor=actor or world.leader,
        reason="纸条",
        now=NOW,
    )


def credit(world: World, record: Record, **choice) -> Record:
    services.verify_record(record=record, actor=world.admin, now=NOW, **choice)
    services.publish_notice(village=world.village, actor=world.admin, now=NOW)
    until = Record.objects.get(pk=record.pk).notice_until
    services.credit_due(now=until)
    return Record.objects.get(pk=record.pk)


def scheme(world: World, *rules: Rule) -> None:
    draft = policy.draft_version(
        slug="own", name="本村", scheme=Scheme(version="own", rules=rules), effective_from=dt.date(2020, 1, 1)
    )
    policy.approve_version(version=draft, approved_as="村民会议")
    services.adopt_scheme(region=world.village, slug="own", since=dt.date(2020, 1, 1), actor=None)


def deed(**more) -> Rule:
    return Rule(**{"code": "deed", "kind": Kind.OCCURRENCE, "categories": ("tree",), "measure": "quantity", **more})


@pytest.fixture
def tree() -> Category:
    return Category.objects.create(code="tree", name="植树", family="环境", unit="pieces")


def test_a_village_category_in_pieces_is_priced_by_its_quantity(world: World, tree: Category) -> None:
    scheme(world, deed(points=50, unit="pieces"))
    record = credit(world, enter(world, "tree", minutes=0, quantity=7))
    assert (record.points, record.unit, record.quantity, record.minutes) == (350, "pieces", 7, 0)


@pytest.mark.parametrize(
    ("category", "minutes", "quantity", "refusal"),
    [
        ("clean", 60, 2, errors.BadQuantity),
        ("clean", 0, 1, errors.BadMinutes),
        ("neighbour", 0, 1, errors.BadMinutes),
        ("tree", 0, 0, errors.BadQuantity),
        ("tree", 0, 10**9, errors.BadQuantity),
        ("nonsense", 60, 1, errors.UnknownCategory),
        ("donation", 60, 1, errors.UnknownCategory),
    ],
)
def test_what_cannot_be_entered(world: World, tree: Category, category, minutes, quantity, refusal) -> None:
    with pytest.raises(refusal):
        enter(world, category, minutes, quantity)


def test_what_only_staff_may_enter(world: World, tree: Category) -> None:
    Category.objects.filter(code="tree").update(entered_by="staff")
    with pytest.raises(NotAllowed):
        enter(world, "tree", 0, 3)
    assert enter(world, "tree", 0, 3, actor=world.verifier).state == "submitted"
    assert "tree" not in {one.code for one in selectors.categories_for_entry(world.village, staff=False)}


def test_a_closed_category_takes_no_new_entry_and_keeps_the_old(world: World, tree: Category) -> None:
    record = enter(world, "tree", 0, 3)
    Category.objects.filter(code="tree").update(is_active=False)
    with pytest.raises(errors.UnknownCategory):
        enter(world, "tree", 0, 3)
    assert record.get_category_display() == "植树"
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.filter(code="tree").delete()
        transaction.get_connection().check_constraints()


def test_choices_hold_the_practice_activities_and_what_the_scheme_prices(world: World, tree: Category) -> None:
    codes = {one.code for one in selectors.categories_for_entry(world.village, staff=True)}
    assert {"clean", "barber", "training"} <= codes
    assert "tree" not in codes
    scheme(world, deed(points=50))
    assert "tree" in {one.code for one in selectors.categories_for_entry(world.village, staff=True)}


def test_discretion_stays_within_the_published_range_and_has_a_name_and_a_reason(world: World, tree: Category) -> None:
    scheme(world, deed(points=1000, points_max=5000))
    first = enter(world, "tree", 0, 1)
    for points, reason, refusal in (
        (999, "好", errors.OutOfRange),
        (5001, "好", errors.OutOfRange),
        (3000, " ", ReasonMissing),
    ):
        with pytest.raises(refusal):
            services.verify_record(record=first, actor=world.admin, points=points, reason=reason, now=NOW)
    record = credit(world, first, points=3000, reason="全程组织")
    assert (record.points, record.chosen_by, record.chosen_reason) == (3000, world.admin, "全程组织")
    assert [step["code"] for step in record.quote["steps"]][-1] == "chosen"
    lowest = credit(world, enter(world, "tree", 0, 1))
    assert (lowest.points, lowest.chosen_by) == (1000, None)


def test_where_nothing_is_to_be_chosen_nothing_can_be(world: World) -> None:
    record = enter(world, "clean")
    with pytest.raises(errors.NothingToChoose):
        services.verify_record(record=record, actor=world.admin, points=100, reason="好", now=NOW)
    assert Record.objects.get().state == "submitted"


def test_database_refuses_a_choice_without_name_or_reason(world: World) -> None:
    record = enter(world, "clean")
    for change in ({"chosen_points": 5}, {"chosen_points": 5, "chosen_by": world.admin}, {"quantity": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Record.objects.filter(pk=record.pk).update(**change)


def test_whoever_led_the_occasion_gets_the_organisers_factor(world: World) -> None:
    rule = Rule(code="hours", kind=Kind.BLOCK, categories=(ANY_HOURS,), per=60, points=100, factors=((ORGANISER, 150),))
    scheme(world, rule)
    boss = world.resident("组织者")
    world.team.leader = boss.user
    world.team.save()
    records = world.credited(boss, world.li, minutes=240)
    assert {one.resident.name: one.points for one in records} == {"组织者": 600, "李大山": 400}
