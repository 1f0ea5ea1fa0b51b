"""The shelf: the stock keeper lists, the admin prices; a file does both, and the second time nothing."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook

from marketplace.partner.errors import BadPrice
from marketplace.partner.models import StockRecord
from marketplace.partner.strategy import Selector
from marketplace.rewards import errors
from marketplace.rewards.models import GoodsImport, PriceChange
from marketplace.rewards.services import goods_imports, goods_lists, shelf, suppliers
from tests.factories.people import make_regions, make_resident, make_staff
from tests.support.clients import PageClient
from timebank.common import sweeps
from timebank.common.sheets.reading import open_table
from timebank.registry.errors import NotAllowed
from timebank.registry.models import RoleGrant, User

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


class Stage:
    def __init__(self) -> None:
        self.places = make_regions()
        self.admin = make_staff("village_admin", self.places.village)
        self.keeper = make_staff("stock_keeper", self.places.village)
        self.shop = suppliers.open_supplier(
            region=self.places.village, name="小卖部", kind="shop", place="村口", opening_hours="9–17", actor=self.admin
        )

    def soap(self, **more: Any) -> StockRecord:
        given = {"partner": self.shop, "title": "肥皂", "kind": "goods", "unit": "块", "actor": self.keeper}
        return shelf.list_on_shelf(**{**given, **more})

    def price(self, record: StockRecord, points: int, **more: Any) -> PriceChange:
        given = {"stockrecord": record, "since": TODAY(), "reason": "村民代表会", "actor": self.admin}
        return shelf.decide_price(points=points, **{**given, **more})


@pytest.fixture
def stage() -> Stage:
    return Stage()


def signed_in(user: User) -> Client:
    client = PageClient(headers={"accept-language": "en"})
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def book(rows: list[list[Any]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in [["商户", "名称", "类型", "单位", "条码", "积分"], *rows]:
        sheet.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def test_what_has_no_price_yet_can_not_be_redeemed(stage):
    record, resident = stage.soap(), make_resident(stage.places.village)
    strategy = Selector().strategy(resident=resident)
    assert not strategy.fetch_for_product(record.product).availability.is_available_to_buy
    stage.price(record, 500)
    StockRecord.objects.filter(pk=record.pk).update(num_in_stock=3)
    info = (
        Selector().strategy(resident=resident).fetch_for_product(type(record.product).objects.get(pk=record.product_id))
    )
    assert info.availability.is_available_to_buy
    assert info.price.points == 500


def test_who_lists_does_not_price_and_who_prices_does_not_list(stage):
    with pytest.raises(NotAllowed):
        stage.soap(actor=stage.admin)
    record = stage.soap()
    with pytest.raises(NotAllowed):
        stage.price(record, 500, actor=stage.keeper)
    with pytest.raises(NotAllowed):
        stage.price(record, 500, actor=make_staff("village_admin", stage.places.sister))
    with pytest.raises(errors.AlreadyListed):
        stage.soap()
    assert StockRecord.objects.get().price is None


def test_a_price_holds_from_its_day_and_the_history_is_kept(stage):
    record = stage.soap()
    stage.price(record, 500)
    later = stage.price(record, 650, since=TODAY() + dt.timedelta(days=3), reason="进价涨了")
    record.refresh_from_db()
    assert record.price == 5
    when = timezone.now() + dt.timedelta(days=3)
    for _again in range(2):
        for pk in list(shelf.APPLY_PRICES.due(when)):
            shelf.APPLY_PRICES.handle(pk, when)
    record.refresh_from_db()
    assert record.price == 6.5
    later.refresh_from_db()
    assert later.applied_at == when
    page = signed_in(stage.admin).get(reverse("desk:price", args=[record.pk])).content.decode()
    assert "村民代表会" in page
    assert "进价涨了" in page


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"points": 510}, BadPrice),
        ({"points": 333}, BadPrice),
        ({"since": dt.date(2020, 1, 1)}, errors.PricedTooLate),
        ({"reason": " "}, errors.PriceReasonMissing),
    ],
)
def test_a_price_that_can_not_be_is_refused(stage, change, error):
    record = stage.soap()
    given = {"points": 500, **change}
    with pytest.raises(error):
        stage.price(record, given.pop("points"), **given)
    assert not PriceChange.objects.exists()


@pytest.mark.parametrize("code", ["6901234567892", "96385074"])
def test_a_barcode_with_its_check_digit(code):
    assert shelf.read_barcode(f" {code[:4]} {code[4:]} ") == code


@pytest.mark.parametrize("code", ["6901234567891", "96385073", "12345", "no code"])
def test_a_barcode_that_is_none(code):
    with pytest.raises(errors.BadBarcode):
        shelf.read_barcode(code)


def test_one_reward_stands_on_many_shelves(stage):
    second = suppliers.open_supplier(
        region=stage.places.village, name="二店", kind="shop", place="村尾", opening_hours="9–17", actor=stage.admin
    )
    first = stage.soap(barcode="6901234567892")
    other = stage.soap(partner=second, title="香皂", barcode="6901234567892")
    assert first.product_id == other.product_id


ROWS = [
    ["小卖部", "肥皂", "实物", "块", "6901234567892", 5],
    ["小卖部", "理发", "服务", "次", None, 7.5],
    ["无此店", "盐", "实物", "袋", None, 3],
    ["小卖部", "糖", "实物", "袋", "6901234567891", 3],
    ["小卖部", "醋", "什么", "瓶", None, 3],
    ["小卖部", "酱", "实物", "瓶", None, "很便宜"],
    ["小卖部", "茶", "实物", "袋", None, 5.13],
]


def test_a_file_is_looked_at_loaded_and_the_second_time_changes_nothing(stage):
    address = reverse("desk:goods_list", args=[stage.places.village.pk])
    keeper, admin = signed_in(stage.keeper), signed_in(stage.admin)

    def send(client: Client, how: str) -> Any:
        file = SimpleUploadedFile("goods.xlsx", book(ROWS))
        return client.post(address, {"file": file, "reason": "村民代表会", how: "1"}).context["report"]

    looked = send(keeper, "look")
    assert (looked.listed, StockRecord.objects.count()) == (3, 0)
    listed = send(keeper, "do")
    assert (listed.listed, listed.priced, listed.unpriced) == (3, 0, 3)
    assert [number for number, _reason in listed.refused] == [4, 5, 6, 7]
    priced = send(admin, "do")
    assert (priced.listed, priced.priced) == (0, 2)
    assert [number for number, _reason in priced.refused] == [4, 5, 6, 7, 8]  # 5.13 is no whole number of steps
    assert set(StockRecord.objects.values_list("product__title", "price")) == {
        ("肥皂", 5),
        ("理发", 7.5),
        ("茶", None),
    }
    again = send(admin, "do")
    assert (again.changed, again.unchanged) == (0, 2)
    assert PriceChange.objects.count() == 2


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("language", "heads", "title"),
    [
        ("zh-hans", ["商户", "名称", "类型", "单位", "条码", "积分"], "示例毛巾"),
        ("en", ["Supplier", "Name", "Kind", "Unit", "Barcode", "Points"], "Example towel"),
    ],
)
def test_the_table_to_fill_in_is_offered_and_is_taken_as_it_is(stage, language, heads, title, form):
    keeper, admin = (signed_in(user) for user in (stage.keeper, stage.admin))
    keeper.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    page = reverse("desk:goods_list", args=[stage.places.village.pk])
    address = reverse("desk:goods_example", args=[stage.places.village.pk, form])
    assert address in keeper.get(page).text
    table = b"".join(keeper.get(address).streaming_content)
    opened = open_table(io.BytesIO(table), goods_lists.COLUMNS)
    assert ([opened.headings[column.key] for column in goods_lists.COLUMNS], opened.unread) == (heads, [])
    for client, price in ((keeper, None), (admin, 10)):
        file = SimpleUploadedFile(f"goods.{form}", table)
        answer = client.post(page, {"file": file, "reason": "村民代表会", "do": "1"})
        assert answer.status_code == 302, answer.text  # no row is left out
        record = StockRecord.objects.get()
        assert (record.product.title, record.price) == (title, price)
    assert keeper.get(address.replace(f".{form}", ".exe")).status_code == 404


def test_the_table_of_a_place_without_suppliers_names_an_invented_one(stage):
    stage.shop.delete()
    address = reverse("desk:goods_example", args=[stage.places.village.pk, "csv"])
    assert "Example shop" in b"".join(signed_in(stage.keeper).get(address).streaming_content).decode()


def test_a_file_without_a_fault_leads_to_the_shelf(stage):
    address = reverse("desk:goods_list", args=[stage.places.village.pk])
    file = SimpleUploadedFile("goods.xlsx", book(ROWS[:2]))
    answer = signed_in(stage.keeper).post(address, {"file": file, "reason": "村民代表会", "do": "1"})
    assert answer.headers["Location"] == reverse("desk:shelf", args=[stage.places.village.pk])


def test_a_long_list_is_loaded_in_the_background_batch_by_batch_and_goes_on(stage, monkeypatch):
    village, now = stage.places.village, timezone.now()
    monkeypatch.setattr(goods_imports, "AT_ONCE", 5)
    monkeypatch.setattr(goods_imports, "BATCH", 4)
    client, address = signed_in(stage.keeper), reverse("desk:goods_list", args=[village.pk])
    rows = [ROWS[0], *(["小卖部", f"货{number}", "实物", "个", None, None] for number in range(8)), ROWS[3]]
    rows.append(["小卖部", "货0", "实物", "个", None, None])  # what another batch says already

    def hand_in() -> str:
        sent = {"do": "1", "idempotency_key": uuid.uuid4().hex}
        files = [SimpleUploadedFile("goods.xlsx", content) for content in [book(rows)] * 2]
        (where,) = {client.post(address, {**sent, "file": file}).headers["Location"] for file in files}
        return where  # sent twice: one list

    page = hand_in()
    assert not StockRecord.objects.exists()
    assert "0 / 11" in client.get(page).text
    row = GoodsImport.objects.get()
    goods_imports._load_batch(row.pk, now)  # a worker that dies after its first batch
    shown = client.get(page).text
    assert "4 / 11" in shown
    assert page in shown  # without scripts: look again
    part = client.get(page, headers={"HX-Request": "true"})
    assert "<progress" in part.text
    assert "<html" not in part.text
    assert not list(goods_imports.LOAD.due(now))  # it may still be at work
    later = now + goods_imports.SILENT + dt.timedelta(minutes=1)
    assert list(goods_imports.LOAD.due(later)) == [row.pk]
    assert goods_imports.load_goods(row.pk, later) == 7
    row.refresh_from_db()
    assert (row.done, row.lines, row.report["listed"]) == (11, [], 9)
    assert goods_imports.load_goods(row.pk, later) == 0
    done = client.get(page)
    assert [number for number, _reason in done.context["report"].refused] == [11, 12]
    assert client.get(page, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert page in client.get(address).text
    second = hand_in()
    assert second != page
    goods_imports.load_goods(GoodsImport.objects.latest("pk").pk, now)
    report = goods_imports.report_of(GoodsImport.objects.latest("pk"))
    assert (report.changed, report.unchanged) == (0, 9)
    # A right that ended meanwhile stops it, and says why.
    hand_in()
    third = GoodsImport.objects.latest("pk")
    RoleGrant.objects.filter(user=stage.keeper).update(ended_at=now)
    goods_imports.load_goods(third.pk, now)
    third.refresh_from_db()
    assert third.problem
    assert third.done == 0


def test_a_file_allows_names_as_long_as_the_form_does():
    content = f"商户,品名,单位\n店,{'米' * 120},{'袋' * 20}\n店,{'米' * 121},袋\n店,米,{'袋' * 21}\n".encode()
    long, title, unit = goods_lists.read_goods(io.BytesIO(content))
    assert (long.problem, len(long.title), len(long.unit)) == ("", 120, 20)
    assert title.problem == "“品名”列：最多 120 个字，这里有 121 个。"
    assert unit.problem == "“单位”列：最多 20 个字，这里有 21 个。"


def test_what_is_exported_is_read_again(stage):
    stage.price(stage.soap(barcode="6901234567892"), 750)
    stage.soap(title="毛巾").product.__class__.objects.filter(title="毛巾").update(upc="G005")  # a number of our own
    file = signed_in(stage.admin).get(reverse("desk:shelf", args=[stage.places.village.pk]), {"format": "xlsx"})
    content = b"".join(file.streaming_content) if file.streaming else file.content
    lines = goods_lists.read_goods(io.BytesIO(content))
    assert [(line.title, line.barcode, line.points, line.problem) for line in lines] == [
        ("毛巾", "", None, ""),
        ("肥皂", "6901234567892", 750, ""),
    ]
    report = goods_lists.import_goods(region=stage.places.village, lines=lines, reason="x", actor=stage.admin)
    assert (report.changed, report.unchanged) == (0, 2)


def test_unchanged_rows_cost_no_statement(stage):
    lines = [goods_lists.Line(number, "小卖部", f"货{number}") for number in range(2, 32)]
    goods_lists.import_goods(region=stage.places.village, lines=lines[:1], reason="x", actor=stage.keeper)
    with CaptureQueriesContext(connection) as few:
        goods_lists.import_goods(region=stage.places.village, lines=lines[:1], reason="x", actor=stage.keeper)
    goods_lists.import_goods(region=stage.places.village, lines=lines, reason="x", actor=stage.keeper)
    with CaptureQueriesContext(connection) as many:
        report = goods_lists.import_goods(region=stage.places.village, lines=lines, reason="x", actor=stage.keeper)
    assert report.unchanged == 30
    assert len(many) == len(few)


def test_the_file_of_one_village_lands_in_that_village(stage):
    other = make_staff("stock_keeper", stage.places.sister)
    address = reverse("desk:goods_list", args=[stage.places.village.pk])
    assert signed_in(other).get(address).status_code == 404
    with pytest.raises(NotAllowed):
        goods_lists.import_goods(region=stage.places.village, lines=[], reason="x", actor=other)


def test_pages_list_and_price(stage):
    client = signed_in(stage.keeper)
    shown = client.get(reverse("desk:my_shelf"))
    assert shown.headers["Location"] == reverse("desk:shelf", args=[stage.places.village.pk])
    listed = client.post(
        reverse("desk:list_reward", args=[stage.shop.pk]), {"title": "毛巾", "kind": "goods", "unit": "条"}
    )
    assert listed.status_code == 302
    record = StockRecord.objects.get()
    assert "no price yet" in client.get(reverse("desk:shelf", args=[stage.places.village.pk])).content.decode()
    address = reverse("desk:price", args=[record.pk])
    form = {"points": "１２.５", "since": TODAY().isoformat(), "reason": "村民代表会"}
    assert client.post(address, form).status_code == 403
    assert signed_in(stage.admin).post(address, form).status_code == 302
    record.refresh_from_db()
    assert record.price == 12.5
    assert sweeps.all_sweeps()["apply prices"] is shelf.APPLY_PRICES


def test_the_shelf_asks_as_often_for_thirty_as_for_one(stage):
    client, counts = signed_in(stage.keeper), []
    address = reverse("desk:shelf", args=[stage.places.village.pk])
    # the empty shelf bids only who lists to do so
    for user, lists in ((stage.keeper, True), (stage.admin, False)):
        shown = signed_in(user).get(address).content.decode()
        assert ("One by one, or all of them from a file." in shown) is lists
        assert ("Only a stock keeper puts rewards here" in shown) is not lists
    for many in (1, 29):
        for number in range(many):
            stage.soap(title=f"货{many}-{number}")
        client.get(address)
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1]
