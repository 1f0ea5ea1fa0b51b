"""What residents and villages read, on real records that were verified, hung out and credited."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone, translation

from marketplace.rewards import selectors, services
from tests.rewards.world import give

pytestmark = pytest.mark.django_db


@pytest.fixture
def village(db):
    from tests.service.world import make_world

    return make_world()


@pytest.fixture
def shop(village):
    from marketplace.catalogue.models import Product, ProductClass
    from marketplace.partner.services import create_partner, list_reward

    service = ProductClass.objects.create(name="服务", slug="s", kind="service", track_stock=False)
    house = create_partner(name="洗浴中心", kind="bath", village=village.village)
    product = Product.objects.create(title="洗浴一次", upc="B1", product_class=service)
    return list_reward(product=product, partner=house, points=50)


def test_statement_explains_an_hour_of_help_step_by_step(village):
    from timebank.policy import words

    (record,) = village.credited(village.wang)
    with translation.override("en"):
        (line,) = selectors.statement_of(village.wang).lines
        assert line.why == words.explain(record.quote["steps"])
        assert line.why
    assert line.amount == record.points == line.balance
    assert record.title in line.title
    assert line.expires_on is not None


def test_statement_says_why_points_were_taken_back(village):
    from timebank.service import services as service

    (record,) = village.credited(village.wang)
    service.reverse_record(record=record, actor=village.admin, why="登记重复")
    newest, oldest = selectors.statement_of(village.wang).lines
    assert (newest.amount, oldest.amount) == (-record.points, record.points)
    assert newest.why == ["登记重复"]


def test_village_statement_sums_the_month_and_agrees_with_the_ledger(village, shop):
    (record,) = village.credited(village.wang)
    redeemed = services.redeem(resident=village.wang, lines=[(shop.pk, 2)], key=uuid.uuid4(), actor=village.wang.user)
    first, second = redeemed.tickets.order_by("pk")
    services.hand_over(code=first.code, actor=village.admin, nonce="n")
    services.cancel_ticket(ticket=second, actor=village.wang.user)
    said = selectors.village_statement(village.village, timezone.localdate())
    assert (said.redeemed, said.redemptions, said.given_back, said.handed_over, said.tickets) == (100, 1, 50, 50, 1)
    assert (said.outstanding, said.waiting) == (record.points - 50, 0)
    assert (said.minted, said.credited) == (record.points, record.points)
    assert said.agrees
    earned = selectors.village_statement(village.village, timezone.localdate(record.credited_at))
    assert (earned.earned, earned.records, earned.minutes) == (record.points, 1, record.minutes)
    before = selectors.village_statement(village.village, dt.date(2020, 1, 1))
    assert (before.earned, before.redeemed, before.handed_over) == (0, 0, 0)


def test_village_statement_notices_points_that_no_record_earned(village):
    village.credited(village.wang)
    give(village.wang, 700)
    said = selectors.village_statement(village.village)
    assert not said.agrees
    assert said.minted - said.credited == 700


def test_village_statement_costs_the_same_for_any_number_of_people(village, query_budget):
    village.credited(village.wang)
    for number in range(5):
        village.resident(f"居民{number}")
    with query_budget(12):
        selectors.village_statement(village.village)
