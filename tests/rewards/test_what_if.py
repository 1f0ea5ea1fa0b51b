"""What a price may go by, and a past time under another scheme or price list: the unchanged one gives what was."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from marketplace.funds.services import prices, setup
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.services import create_partner, list_reward
from marketplace.rewards.selectors.pricing import advice_for, published_for
from marketplace.rewards.selectors.what_if import WhatIf, what_if
from marketplace.rewards.services import cancel_ticket, redeem
from tests.factories.service import World, at
from tests.rewards.test_reach import offer
from tests.service.test_simulation import FIRST, LAST, minted
from tests.service.test_windows import adopt, serve
from tests.support import worlds
from timebank.policy import published
from timebank.policy.effort import curve, minutes_for
from timebank.policy.selectors import version_by_code
from timebank.registry import services as registry
from timebank.registry.models import User

HOURLY = "longxian-beicheng"
TODAY = dt.date(2026, 9, 30)


hamlet = worlds.fixture("hamlet", "tests.factories.service.make_world")


def staff(role: str, region: Any) -> User:
    user = User.objects.create_user(name=role, email=f"{role}@shanji.example", password="a-long-password")
    registry.grant_role(user=user, role=role, actor=None, region=region)
    return user


def open_fund(hamlet: World) -> Any:
    return setup.open_fund(
        region=hamlet.village,
        actor=None,
        holder="村集体",
        bank_name="银行",
        number="8100000000000001",
        point_value_fen=500,
    )


def bath_of(hamlet: World, points: int = 1000) -> StockRecord:
    partner = offer(hamlet.village, Partner.Kind.BATH, points)
    return StockRecord.objects.select_related("partner__village", "product").get(partner=partner)


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


# -- The price assistant -----------------------------------------------------------------------------------------------
def test_what_a_price_may_go_by(hamlet: World) -> None:
    bath = bath_of(hamlet)
    bare = advice_for(bath, today=TODAY)
    assert (bare.cost_fen, bare.fund, bare.suggested, bare.value_fen, bare.neighbours) == (None, None, None, None, [])
    assert (bare.now, bare.minutes_now) == (1000, 50 * 60)  # Wendeng: ten points at fifty hours
    fund = open_fund(hamlet)
    since, keeper = dt.date(2026, 9, 1), staff("fund_keeper", hamlet.village)
    price = prices.propose_price(stockrecord=bath, fen=800, valid_from=since, actor=keeper, key=uuid.uuid4())
    prices.decide_price(price=price, actor=staff("town_admin", hamlet.town))
    adopt_at(hamlet, HOURLY)
    there = create_partner(name="周家浴室", village=hamlet.other, kind=Partner.Kind.BATH)
    list_reward(product=bath.product, partner=there, points=250, sku="x")
    serve(hamlet, hamlet.wang, 600, 8)
    advice = advice_for(bath, tried=5000, today=TODAY)
    assert (advice.cost_fen, advice.is_agreed, advice.fund) == (800, True, fund)
    assert (advice.suggested, advice.minutes_suggested) == (200, 10 * 60)  # 8 yuan at 5 yuan a point, in half points
    assert advice.minutes_tried is None  # no published tier within two hundred hours
    assert (advice.value_fen, advice.month_points, advice.volunteers) == (5000, 200, 1)
    assert [(row.village, row.points, row.minutes) for row in advice.neighbours] == [("周家", 250, 3 * 60)]
    assert (advice.median, advice.neighbours_in_all) == (250, 1)
    client, address = signed_in(hamlet.admin), reverse("desk:price", args=[bath.pk])
    page = client.get(address, {"try": "5"}).content.decode()
    for said in ("¥8.00", "agreed with the supplier", "周家浴室", "3 h", "At 5 points"):
        assert said in page, said
    # A broken price to try is none; a county of suppliers asks no more of the database.
    assert (
        "At " not in signed_in(hamlet.admin).get(reverse("desk:price", args=[bath.pk]), {"try": "-1"}).content.decode()
    )
    with CaptureQueriesContext(connection) as few:
        advice_for(bath, today=TODAY)
    for number in range(12):
        more = create_partner(name=f"浴室{number}", village=hamlet.far if number % 2 else hamlet.other, kind="bath")
        list_reward(product=bath.product, partner=more, points=300, sku="x")
    with CaptureQueriesContext(connection) as many:
        crowded = advice_for(bath, today=TODAY)
    assert len(many) == len(few)
    assert (len(crowded.neighbours), crowded.neighbours_in_all, crowded.median) == (8, 13, 300)
    assert crowded.neighbours[0].village == "周家"  # the nearest first


def adopt_at(hamlet: World, slug: str) -> None:
    from timebank.service import services

    services.adopt_scheme(region=hamlet.other, slug=slug, since=dt.date(2020, 1, 1), actor=None)


def test_published_prices_are_those_that_somebody_published() -> None:
    assert {row.points for row in published_for("香皂")} >= {"10", "15", "3"}
    assert all(row.source and row.place for row in published_for("香皂"))
    assert published_for("洗浴一次") == []  # named by many, priced by nobody
    assert published_for("") == []


@given(st.integers(1, 3000), st.integers(0, 500))
def test_a_dearer_reward_never_takes_less_work(points: int, more: int) -> None:
    for scheme in (published.wendeng_rural(), *published.other_schemes().values()):
        totals = curve(scheme, 2026)
        assert list(totals) == sorted(totals)
        less, dearer = minutes_for(scheme, points, 2026), minutes_for(scheme, points + more, 2026)
        assert dearer is None or (less is not None and less <= dearer)
        if less:
            assert totals[less // 60 - 1] >= points
            assert less == 60 or totals[less // 60 - 2] < points


# -- What if -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def quarter(hamlet: World) -> Any:
    """Two who served, of whom one bathed twice and cancelled a third bath."""
    bath = bath_of(hamlet, 100)
    for day in (8, 9):
        serve(hamlet, hamlet.wang, 600, day)  # 20 h: 5 points
    serve(hamlet, hamlet.li, 120, 10)  # nothing
    for number in range(3):
        made = redeem(
            resident=hamlet.wang, lines=[(bath.pk, 1)], key=uuid.uuid4(), actor=hamlet.wang.user, now=at(26, 9, number)
        )
        if number == 2:
            cancel_ticket(ticket=made.tickets.get(), actor=hamlet.wang.user, now=at(26, 10))
    return bath


def nets(result: WhatIf) -> dict[int, tuple[int, int, int, int]]:
    return {row.person: (row.earned_before, row.earned_after, row.paid_before, row.paid_after) for row in result.people}


def test_unchanged_it_gives_what_the_ledger_minted_and_took(hamlet: World, quarter: StockRecord) -> None:
    open_fund(hamlet)
    result = what_if(hamlet.village, FIRST, LAST)
    assert (result.earning.before, result.earning.after) == (minted(hamlet), minted(hamlet))
    assert (result.paid_before, result.paid_after, result.tickets) == (200, 200, 2)
    assert (result.gains, result.loses, result.outstanding, result.fund_fen) == ([], [], 0, 0)
    # The price of today, said again, is no change.
    assert nets(what_if(hamlet.village, FIRST, LAST, prices={quarter.pk: 100})) == nets(result)
    assert [(row.title, row.before, row.after, row.of) for row in result.rewards] == [("bath100service", 1, 1, 1)]
    assert what_if(hamlet.other, FIRST, LAST).people == []


def test_another_scheme_and_another_price(hamlet: World, quarter: StockRecord) -> None:
    open_fund(hamlet)
    result = what_if(hamlet.village, FIRST, LAST, version=version_by_code(f"{HOURLY}@1"), prices={quarter.pk: 250})
    assert nets(result) == {hamlet.wang.pk: (500, 2000, 200, 500), hamlet.li.pk: (0, 200, 0, 0)}
    assert [row.person for row in result.gains] == [hamlet.wang.pk, hamlet.li.pk]
    assert (result.outstanding, result.fund_fen) == (1400, 7000)  # 14 points at 5 yuan
    assert [(row.points, row.before, row.after, row.of) for row in result.rewards] == [(250, 1, 1, 2)]
    dear = what_if(hamlet.village, FIRST, LAST, prices={quarter.pk: 300})
    assert [(row.person, row.change) for row in dear.loses] == [(hamlet.wang.pk, -400)]


def test_command_and_page(hamlet: World, quarter: StockRecord, tmp_path: Any) -> None:
    listed = "商户,名称,类型,积分\nbath100,bath100service,服务,2.5\nbath100,没有的,服务,1\n"
    file = tmp_path / "prices.csv"
    file.write_text(listed, encoding="utf-8")
    out = StringIO()
    given_ = (hamlet.village.code, FIRST.isoformat(), LAST.isoformat())
    call_command("what_if", *given_, "--scheme", f"{HOURLY}@1", "--prices", str(file), stdout=out)
    said = out.getvalue()
    assert said.startswith("row 3: ")
    assert "earned 5 -> 22" in said
    assert "paid 2 -> 5 for 2 tickets, 1 prices of the list" in said
    assert "bath100service from 2.5: 1 -> 1 of 2" in said
    for wrong in (("1", *given_[1:]), (*given_, "--scheme", "none@1"), (*given_, "--prices", str(tmp_path))):
        with pytest.raises(CommandError):
            call_command("what_if", *wrong)
    address = reverse("desk:what_if", args=[hamlet.village.pk])
    client = signed_in(hamlet.admin)
    assert address in client.get(reverse("desk:shelf", args=[hamlet.village.pk])).content.decode()
    draft = version_by_code(f"{HOURLY}@1")
    body = {"place": hamlet.village.pk, "first": FIRST, "last": LAST, "version": draft.pk}
    sent = client.post(address, {**body, "file": SimpleUploadedFile("prices.csv", io.BytesIO(listed.encode()).read())})
    page = sent.content.decode()
    assert (sent.status_code, sent.context["result"].paid_after) == (200, 500)
    for said in ("2 people gain", "王秀英", "1 row of the list was left out"):
        assert said in page, said
    assert client.post(address, {**body, "last": "2025-01-01"}).status_code == 422
    assert StockRecord.objects.get(pk=quarter.pk).price == 1  # nothing was written


def test_it_reads_in_sets(hamlet: World, quarter: StockRecord) -> None:
    with CaptureQueriesContext(connection) as few:
        what_if(hamlet.village, FIRST, LAST, version=version_by_code(f"{HOURLY}@1"))
    for day in range(11, 20):
        serve(hamlet, hamlet.resident(), 240, day)
    adopt(hamlet, HOURLY, dt.date(2026, 12, 1))
    with CaptureQueriesContext(connection) as many:
        what_if(hamlet.village, FIRST, LAST, version=version_by_code(f"{HOURLY}@1"))
    assert len(many) == len(few)
