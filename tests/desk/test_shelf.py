"""Stock, tickets and the statement."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.desk import selectors
from marketplace.desk.months import behind_figure, sums_of
from marketplace.desk.scope import Scope
from marketplace.desk.statement import statement_of
from marketplace.funds.services import setup
from marketplace.rewards import services as rewards
from marketplace.rewards.models import StockMovement, Ticket, WriteOff
from tests.desk.test_desk import table, url
from tests.factories.rewards import give
from timebank.registry.models import AuditEntry, Resident


def receipt(key: str | None = None, **changes: object) -> dict[str, object]:
    return {"r-quantity": 5, "r-idempotency_key": key or str(uuid.uuid4()), "receive": "1", **changes}


def test_the_stock_keeper_receives_goods_once_however_often_sent(village, enter):
    item = village.good(stock=0)
    client = enter(village.keeper)
    sent = receipt(**{"r-cost": "128.50", "r-batch": "A7", "r-use_by": "2027-03-01", "r-reason": "合作社捐赠"})
    for _ in range(3):
        assert client.post(url("stock_item", item.pk), sent).status_code == 302
    item.refresh_from_db()
    assert item.num_in_stock == 5
    move = StockMovement.objects.get(stockrecord=item)
    assert (move.quantity, move.cost_fen, move.batch, move.use_by, move.actor) == (
        5,
        12850,
        "A7",
        dt.date(2027, 3, 1),
        village.keeper,
    )
    page = client.get(url("stock_item", item.pk)).content.decode()
    assert "¥128.50" in page
    assert "合作社捐赠" in page


@pytest.mark.parametrize("wrong", [{"r-quantity": 0}, {"r-quantity": "x"}, {"r-cost": "-3"}, {"r-cost": "many"}])
def test_a_wrong_receipt_changes_nothing(village, enter, wrong):
    item = village.good(stock=0)
    answer = enter(village.keeper).post(url("stock_item", item.pk), receipt(**wrong))
    assert answer.status_code == 422
    item.refresh_from_db()
    assert (item.num_in_stock, StockMovement.objects.count()) == (0, 0)


@pytest.mark.parametrize("who", ["admin", "town_admin"])
def test_who_does_not_stock_may_look_and_not_touch(village, enter, who):
    item = village.good(stock=3)
    moves = StockMovement.objects.count()
    client = enter(getattr(village, who))
    page = client.get(url("stock_item", item.pk)).content.decode()
    assert "Put on the shelf" not in page
    assert client.post(url("stock_item", item.pk), receipt()).status_code == 403
    adjust = {"a-kind": "count", "a-quantity": 9, "a-reason": "x", "a-idempotency_key": "k" * 8, "adjust": "1"}
    assert client.post(url("stock_item", item.pk), adjust).status_code == 403
    item.refresh_from_db()
    assert (item.num_in_stock, StockMovement.objects.count()) == (3, moves)


def test_stock_of_another_village_is_not_found(village, enter):
    item = village.good(stock=3)
    client = enter(village.far_admin)
    assert client.get(url("stock_item", item.pk)).status_code == 404
    assert client.post(url("stock_item", item.pk), receipt()).status_code == 404


def test_counting_and_writing_off_need_a_reason(village, enter):
    item = village.good(stock=10)
    client = enter(village.keeper)

    def send(**changes: object) -> int:
        base = {
            "a-kind": "count",
            "a-quantity": 8,
            "a-reason": "盘点",
            "a-idempotency_key": str(uuid.uuid4()),
            "adjust": "1",
        }
        return client.post(url("stock_item", item.pk), base | changes).status_code

    assert send(**{"a-reason": ""}) == 422
    assert send() == 302
    assert send(**{"a-kind": "write_off", "a-quantity": 2, "a-reason": "受潮"}) == 422  # one at a time
    decide(village, WriteOff.objects.get())
    item.refresh_from_db()
    assert item.num_in_stock == 8
    assert send(**{"a-kind": "write_off", "a-quantity": 2, "a-reason": "受潮"}) == 302
    decide(village, WriteOff.objects.latest("pk"))
    assert send(**{"a-kind": "write_off", "a-quantity": 99, "a-reason": "x"}) == 422
    item.refresh_from_db()
    assert item.num_in_stock == 6
    assert [row[2] for row in table(client.get(url("stock_item", item.pk, format="csv")))[1:]] == ["-2", "-2", "10"]


def decide(village, asked: WriteOff) -> None:
    rewards.decide_write_off(asked=asked, actor=village.admin, approve=True)


def test_fewer_pieces_are_asked_for_by_the_keeper_and_decided_by_another(village, enter):
    """From the form to the second person: once however often sent; shown on the shelf, in the tile, in the lists."""
    item = village.good(stock=10)
    keeper, admin, town = enter(village.keeper), enter(village.admin), enter(village.town_admin)
    here, listed = url("stock_item", item.pk), reverse("desk:write_offs", args=[village.place.pk])
    sent = {"a-kind": "count", "a-quantity": 7, "a-reason": "少三块", "adjust": "1", "a-idempotency_key": "k" * 12}
    for _again in range(2):
        assert keeper.post(here, sent).status_code == 302
    asked = WriteOff.objects.get()
    assert (asked.missing, asked.kind, asked.prepared_by) == (3, "count", village.keeper)
    page = url("write_off", asked.pk)
    for client in (keeper, admin):
        text = client.get(here).content.decode()
        assert page in text
        assert "3 pieces less" in text
        assert page in client.get(listed).content.decode()
    assert page in keeper.get(listed, {"which": "mine"}).content.decode()
    assert page not in admin.get(listed, {"which": "mine"}).content.decode()
    assert listed in keeper.get(url("stock")).content.decode()
    for client, waits in ((admin, True), (town, True), (keeper, False)):
        assert ("Write-offs to decide" in client.get(reverse("desk:home")).content.decode()) is waits
        assert ("Your decision" in client.get(page).content.decode()) is waits
    stranger = enter(village.far_admin)
    for address in (page, listed):
        assert stranger.get(address).status_code == 404
    for sent in ({"approve": "1", "reason": ""}, {"decline": "1", "reason": "x"}):
        assert keeper.post(page, sent).status_code == 403
        assert stranger.post(page, sent).status_code == 404
    assert admin.post(page, {"withdraw": "1", "reason": "x"}).status_code == 403
    assert admin.post(page, {"decline": "1", "reason": ""}).status_code == 422
    assert keeper.post(page, {"withdraw": "1", "reason": ""}).status_code == 422
    item.refresh_from_db()
    assert (item.num_in_stock, WriteOff.objects.get().state) == (10, "prepared")
    assert admin.post(page, {"approve": "1", "reason": ""}).status_code == 302
    late = town.post(page, {"decline": "1", "reason": "x"})  # in another tab it was decided meanwhile
    assert late.status_code == 422
    assert "This was decided already" in late.content.decode()
    item.refresh_from_db()
    assert item.num_in_stock == 7
    text = keeper.get(here).content.decode()
    assert f"approved by {village.admin.name}" in text
    assert "3 pieces less" not in text
    assert keeper.post(here, sent | {"a-quantity": 9, "a-reason": "多两块", "a-kind": "count", "adjust": "1"})
    item.refresh_from_db()
    assert item.num_in_stock == 9  # more than the books say is written at once
    keeper.post(here, {"a-kind": "write_off", "a-quantity": 1, "a-reason": "看错了", "adjust": "1"})
    mine = url("write_off", WriteOff.objects.latest("pk").pk)
    assert keeper.post(mine, {"withdraw": "1", "reason": "没有坏"}).status_code == 302
    assert "没有坏" in admin.get(mine).content.decode()


def test_the_list_of_write_offs_costs_the_same_with_one_row_or_many(village, enter, django_assert_num_queries):
    listed, admin = reverse("desk:write_offs", args=[village.place.pk]), enter(village.admin)

    def ask(title: str) -> None:
        rewards.adjust_stock(
            stockrecord=village.good(title, stock=2), quantity=1, actor=village.keeper, reason="坏", kind="write_off"
        )

    ask("皂")
    admin.get(listed)
    with CaptureQueriesContext(connection) as seen:
        admin.get(listed)
    for number in range(12):
        ask(f"物{number}")
    with django_assert_num_queries(len(seen)):
        assert admin.get(listed).content.decode().count("Waiting for approval") == 13


def test_tickets_show_what_was_handed_over_and_what_waits(village, enter):
    waiting, done = village.credited(2)
    soap = village.good("香皂")
    village.redeem(waiting, soap)
    village.hand_over(village.redeem(done, soap))
    client = enter(village.admin)
    today, later = (client.get(url("tickets", which=which)).content.decode() for which in ("today", "waiting"))
    assert done.name in today
    assert waiting.name not in today
    assert waiting.name in later
    assert done.name not in later
    assert waiting.name not in enter(village.far_admin).get(url("tickets", which="waiting")).content.decode()


# -- Statement ---------------------------------------------------------------------------------------------------------
def trade(village) -> None:
    one, two, three = village.credited(3)
    soap = village.good(points=50, stock=20)
    village.hand_over(village.redeem(one, soap))
    village.redeem(two, soap)
    rewards.cancel_redemption(redemption=village.redeem(three, soap), actor=three.user)


def test_the_statement_adds_up_and_agrees_with_the_ledger(village, enter):
    trade(village)
    made = statement_of(Scope(village.place))
    totals = made.totals
    assert totals == {
        "minted": 300,
        "redeemed": 150,
        "refunded": 50,
        "expired": 0,
        "other": 0,
        "handed_over": 50,
        "tickets": 1,
    }
    assert made.outstanding == 200
    assert made.agrees
    assert [(check.ledger, check.books) for check in made.checks] == [(300, 300), (200, 200), (50, 50)]
    page = enter(village.admin).get(url("statement")).content.decode()
    assert "The ledger agrees" in page


def test_a_book_that_lies_is_found(village, enter):
    trade(village)
    Ticket.objects.filter(state="handed_over").update(points=F("points") + 50)
    made = statement_of(Scope(village.place))
    assert not made.agrees
    assert [check.agrees for check in made.checks] == [True, True, False]
    assert "does not agree" in enter(village.admin).get(url("statement")).content.decode()


def test_points_that_no_record_earned_are_found(village, enter):
    trade(village)
    give(Resident.objects.filter(village=village.place, status="active").earliest("pk"), 700)
    made = statement_of(Scope(village.place))
    assert [check.agrees for check in made.checks] == [False, True, True]
    assert made.checks[0].ledger - made.checks[0].books == 700


def test_every_figure_is_the_sum_of_its_lines(village, enter):
    trade(village)
    scope = Scope(village.place)
    for month in statement_of(scope).months:
        sums = sums_of(scope, month.month)
        assert sums.points == {
            "minted": month.minted,
            "redeemed": -month.redeemed,
            "refunded": month.refunded,
            "expired": -month.expired,
            "other": month.other,
            "handed_over": month.handed_over,
        }
        for which, points in sums.points.items():
            behind = behind_figure(scope, month.month, which)
            assert sum(line.points for line in behind.all_lines()) == points
            assert len(behind.rows) == sums.counts[which]


def test_lines_say_who_and_for_what(village, enter):
    trade(village)
    client = enter(village.admin)
    month = next(row.month for row in statement_of(Scope(village.place)).months if row.minted)
    page = client.get(url("month", month.year, month.month, which="minted")).content.decode()
    assert "清洁村庄" in page
    assert "4 h" in page
    today = next(row.month for row in statement_of(Scope(village.place)).months if row.redeemed)
    page = client.get(url("month", today.year, today.month, which="redeemed")).content.decode()
    assert "香皂" in page


def test_a_month_says_how_long_in_one_column_only(village, enter):
    """ "What" repeated the duration that stands beside it."""
    (person,) = village.credited()
    (month,) = [row.month for row in statement_of(Scope(village.place)).months if row.minted]
    desk = enter(village.admin)
    (line,) = desk.get(url("month", month.year, month.month, which="minted")).context["lines"]
    assert (line.name, line.what, line.minutes) == (person.name, "清洁村庄", 240)
    book = desk.get(reverse("registry:passbook", args=[person.pk]), headers={"accept-language": "en"}).text
    assert "清洁村庄 · 4 h" in book  # no column for it there


def test_a_month_that_never_was_is_not_found(village, enter):
    client = enter(village.admin)
    for path in ("2026/13", "2026/0", "1999/1", "2026/" + "9" * 30, "9" * 5000 + "/1"):
        assert client.get(f"/village/statement/{path}/").status_code == 404
    assert client.get(url("month", 2026, 9, which="nonsense")).status_code == 404


def test_another_village_has_another_statement(village, enter):
    trade(village)
    made = statement_of(Scope(village.world.far))
    assert (made.outstanding, made.months, made.agrees) == (0, [], True)
    assert "No points yet" in enter(village.far_admin).get(url("statement")).content.decode()
    whole = statement_of(Scope(village.world.town))
    assert (whole.outstanding, whole.agrees) == (200, True)


def test_a_figure_far_above_the_usual_is_asked_about_once(village, enter):
    soap = village.good(stock=10)
    client = enter(village.keeper)
    address = url("stock_item", soap.pk)
    many = {"receive": "1", "r-quantity": "500"}
    page = client.post(address, many)
    assert page.status_code == 422
    assert "500 are far more than ever came at once (10)" in page.content.decode()
    soap.refresh_from_db()
    assert soap.num_in_stock == 10
    client.post(address, {**many, "r-sure": "on"})
    soap.refresh_from_db()
    assert soap.num_in_stock == 510
    assert "r-sure" not in client.get(address).content.decode()


def test_what_runs_low_or_out_of_date_is_named(village, enter):
    soap = village.good(stock=20)
    client = enter(village.keeper)
    assert selectors.stock(Scope(village.place)).filter(selectors.is_low()).count() == 0
    assert client.post(url("stock_item", soap.pk), {"warn": "1", "t-threshold": "-1"}).status_code == 422
    for _again in range(2):
        client.post(url("stock_item", soap.pk), {"warn": "1", "t-threshold": "25"})
    assert AuditEntry.objects.get(action="set_threshold").facts == {"from": None, "to": 25}
    assert list(selectors.stock(Scope(village.place)).filter(selectors.is_low())) == [soap]
    assert enter(village.admin).post(url("stock_item", soap.pk), {"warn": "1", "t-threshold": "1"}).status_code == 403
    setup.open_fund(region=village.place, actor=None)  # whose goods these are: it keeps them by batch
    today = timezone.localdate()
    for days in (10, 90):
        rewards.receive_stock(
            stockrecord=soap, quantity=1, actor=village.keeper, reason="入库", use_by=today + dt.timedelta(days=days)
        )
    batches = list(selectors.use_soon(Scope(village.place)))
    assert [batch.use_by for batch in batches] == [today + dt.timedelta(days=10)]
    assert "Use these first" in client.get(url("stock")).content.decode()


def test_a_scanned_barcode_opens_what_came(village, enter):
    soap = village.good("香皂")
    soap.product.upc = "6901234567892"
    soap.product.save()
    client = enter(village.keeper)
    answer = client.get(url("stock", q="6901234567892"))
    assert answer.headers["Location"] == url("stock_item", soap.pk)
    page = client.get(url("stock_item", soap.pk)).content.decode()
    assert page.index("Goods came in") < page.index("Every movement")  # what one comes for stands first
    assert client.get(url("stock", q="6901234567891")).status_code == 200


def test_labels_are_printed_for_what_has_a_price(village, enter):
    village.good("蓝围裙", points=250)
    page = enter(village.keeper).get(reverse("desk:shelf_labels", args=[village.place.pk])).content.decode()
    assert "蓝围裙" in page
    assert "2.5" in page
    assert enter(village.far_admin).get(reverse("desk:shelf_labels", args=[village.place.pk])).status_code == 404
