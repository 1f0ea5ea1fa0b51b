"""The pages of the shelf as its people use them: filled, priced at once, counted first, sent, photographed."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from marketplace.catalogue.models import Product
from marketplace.catalogue.services import known_rewards
from marketplace.partner.models import StockRecord
from marketplace.partner.services import create_partner
from marketplace.rewards.models import OpeningCount, PriceChange, StockTransfer, TicketReturn
from marketplace.rewards.selectors.templates import PUBLISHED, template
from marketplace.rewards.services import goods_lists
from marketplace.rewards.services.filling import fill_shelf
from marketplace.rewards.services.shelf import list_on_shelf
from tests.desk.test_prices import book
from timebank.common.models import Event
from timebank.registry import services as registry
from timebank.registry.models import User
from timebank.villages.selectors import founding

TODAY = timezone.localdate


def staff(name: str, role: str, region: Any) -> User:
    user = User.objects.create_user(name=name, email=f"{uuid.uuid4().hex}@desk.example", password="a-long-password")
    registry.grant_role(user=user, role=role, actor=None, region=region)
    return user


def key_of(page: Any) -> str:
    return re.findall(r'name="idempotency_key" value="(\w+)"', page.content.decode())[0]


def shelf(village: Any) -> list[tuple[str, Any]]:
    rows = StockRecord.objects.filter(partner=village.shop).order_by("product__title")
    return list(rows.values_list("product__title", "price"))


# -- A shelf filled from a template ------------------------------------------------------------------------------------
def test_the_keeper_fills_the_shelf_and_the_admin_prices_all_at_once(village, enter):
    keeper, admin = enter(village.keeper), enter(village.admin)
    address = reverse("desk:shelf_fill", args=[village.place.pk])
    page = keeper.get(address)
    text = page.content.decode()
    assert "德阳晚报 2020-01-16" in text  # every price with its source
    assert "no price published" in text
    rows = {row.title: row for row in page.context["rows"]}
    assert (rows["香皂"].points, rows["香皂"].lowest, rows["香皂"].highest) == (1000, 300, 1500)
    assert rows["洗浴一次"].points is None
    assert rows["洗浴一次"].is_service
    sent = {"rows": [rows[title].key for title in ("香皂", "洗浴一次", "洗衣粉")], "idempotency_key": key_of(page)}
    for _again in range(2):
        assert keeper.post(address, sent).status_code == 302
    assert dict(shelf(village)) == {"洗衣粉": None, "洗浴一次": None, "香皂": None}
    again = keeper.get(address)
    assert {row.title for row in again.context["rows"] if row.is_here} == {"香皂", "洗浴一次", "洗衣粉"}
    keeper.post(address, {"rows": [rows["香皂"].key, rows["牙膏"].key], "idempotency_key": key_of(again)})
    assert len(shelf(village)) == 4
    assert Product.objects.filter(title="香皂").count() == 1
    assert Product.objects.get(title="香皂").picture  # drawn, categorised and named by what the project knows
    nothing = keeper.post(address, {"rows": ["p:1"]})
    assert nothing.status_code == 422
    # prices: filled in as a suggestion, one reason; what stays empty waits
    address = reverse("desk:shelf_prices", args=[village.place.pk])
    page = admin.get(address)
    fields = {row.label.split(" · ")[0]: row for row in page.context["form"].rows}
    assert fields["香皂" if "香皂" in fields else "Soap"].value() == "10"
    names = {record.product.title: name for name, record in page.context["form"].records.items()}
    priced = {names["香皂"]: "１０", names["牙膏"]: "8.5", names["洗浴一次"]: "", names["洗衣粉"]: "5.13"}
    sent = {**priced, "reason": "村民代表会", "idempotency_key": key_of(page)}
    wrong = admin.post(address, sent)
    assert wrong.status_code == 422
    assert names["洗衣粉"] in wrong.context["form"].errors  # the row is named
    assert not PriceChange.objects.exists()
    sent[names["洗衣粉"]] = "30"
    for _again in range(2):
        assert admin.post(address, sent).status_code == 302
    assert dict(shelf(village)) == {"洗衣粉": 30, "洗浴一次": None, "牙膏": 8.5, "香皂": 10}
    assert PriceChange.objects.count() == 3
    late = admin.post(address, {names["香皂"]: "99", "reason": "x", "idempotency_key": uuid.uuid4().hex})
    assert late.status_code == 422  # in another tab somebody has priced it
    assert dict(shelf(village))["香皂"] == 10


def test_the_shelf_of_a_village_nearby_is_copied_without_its_stock(village, enter):
    near = create_partner(name="周家店", village=village.world.other)
    far = create_partner(name="墩后店", village=village.world.far)
    soap = village.good("香皂", points=450, partner=near, stock=0)
    village.good("远盐", partner=far, stock=0)
    address = reverse("desk:shelf_fill", args=[village.place.pk]) + f"?from={near.village_id}"
    keeper = enter(village.keeper)
    page = keeper.get(address)
    (row,) = page.context["rows"]
    assert (row.product, row.points) == (soap.product, 450)
    assert village.world.far not in page.context["villages"]  # another town
    assert template(village.shop, str(far.village_id)) == []
    keeper.post(address, {"rows": [row.key], "idempotency_key": key_of(page)})
    copied = StockRecord.objects.get(partner=village.shop)
    assert (copied.product, copied.price, copied.num_in_stock) == (soap.product, None, 0)


def test_filling_costs_the_same_for_one_row_as_for_all(village):
    keys = [row.key for row in template(village.shop, PUBLISHED)]
    fill_shelf(partner=village.shop, source=PUBLISHED, keys=keys, actor=village.keeper)  # categories are made once
    counts = []
    for name, some in (("二店", keys[:1]), ("三店", keys)):
        partner = create_partner(name=name, village=village.place)
        with CaptureQueriesContext(connection) as seen:
            filled = fill_shelf(partner=partner, source=PUBLISHED, keys=some, actor=village.keeper)
        assert filled == (len(some), 0)
        counts.append(len(seen))
    assert len(keys) > 20
    assert counts[0] == counts[1]


# -- Goods by file -----------------------------------------------------------------------------------------------------
def test_a_hundred_rows_more_cost_no_statement_more_and_the_second_run_changes_nothing(village):
    for partner in ("一店", "二店", "三店"):
        create_partner(name=partner, village=village.place)
    counts = []
    for shop, many in (("一店", 1), ("二店", 20), ("三店", 220)):
        rows = [[shop, f"{shop}货{number}", "实物", "件", "", "7.5"] for number in range(many)]
        lines = goods_lists.read_goods(io.BytesIO(book(rows)))
        for actor in (village.keeper, village.admin):  # one lists, the other prices
            given = {"region": village.place, "lines": lines, "reason": "村民代表会", "actor": actor}
            with CaptureQueriesContext(connection) as seen:
                goods_lists.import_goods(**given)
            counts.append(len(seen))
        again = goods_lists.import_goods(**given)
        assert (again.changed, again.unchanged) == (0, many)
    # (the first made the category; SQLite takes fewer rows in a statement)
    assert counts[4] - counts[2] <= 10
    assert counts[5] - counts[3] <= 10
    assert StockRecord.objects.filter(price="7.5").count() == 241
    twice = [goods_lists.Line(number, "二店", "新货", points=500) for number in (2, 3)]
    report = goods_lists.import_goods(region=village.place, lines=twice, reason="x", actor=village.keeper)
    assert (report.listed, [number for number, _why in report.refused]) == (1, [3])


def test_the_command_loads_as_the_page_does_and_says_what_it_did(village, tmp_path):
    path = tmp_path / "goods.xlsx"
    path.write_bytes(book([["信用超市", "盐", "实物", "袋", "6901234567892", 3], ["无此店", "糖", "", "", None, 3]]))

    def load(actor: str, **options: Any) -> str:
        out = io.StringIO()
        call_command(
            "import_goods", path, village=village.place.code, actor=actor, reason="村民代表会", stdout=out, **options
        )
        return out.getvalue()

    keeper, admin = village.keeper.email, village.admin.username
    assert "1 changed" in load(keeper, dry_run=True)
    assert not StockRecord.objects.filter(partner=village.shop).exists()
    said = load(keeper)
    assert "row 3: " in said
    assert "1 changed (1 listed, 0 priced)" in said
    assert "(0 listed, 1 priced)" in load(admin)
    assert ": 0 changed" in load(admin)
    with pytest.raises(CommandError, match="nobody signs in"):
        load("13900000000")


# -- What lay there before ---------------------------------------------------------------------------------------------
def test_a_first_count_on_its_pages_and_on_the_list_of_what_a_village_needs(village, enter):
    salt, tea = (
        list_on_shelf(partner=village.shop, title=title, kind="goods", actor=village.keeper) for title in ("盐", "茶")
    )
    keeper, admin = enter(village.keeper), enter(village.admin)
    address = reverse("desk:opening_counts", args=[village.place.pk])
    page = keeper.get(address)
    assert set(page.context["form"].records.values()) == {salt, tea}
    name = f"row{salt.pk}"
    sent = {name: "-1", f"row{tea.pk}": "", "counted_on": TODAY().isoformat(), "idempotency_key": key_of(page)}
    wrong = keeper.post(address, sent)
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (422, [name])
    assert keeper.post(address, {**sent, name: ""}).status_code == 422
    for _again in range(2):
        assert keeper.post(address, {**sent, name: "12"}).status_code == 302
    count = OpeningCount.objects.get()
    assert count.lines.get().units == 12
    stale = keeper.post(address, {**sent, name: "13", "idempotency_key": uuid.uuid4().hex})
    assert (stale.status_code, list(stale.context["form"].errors)) == (422, [name])
    assert "count waits" in {item.step.key: item.fact for item in founding(village.place).standings}["opening_stock"]
    own = reverse("desk:opening_count", args=[count.pk])
    committee = enter(staff("监委会", "supervisor", village.place))
    tile = committee.get(reverse("desk:tile", args=["counts"])).content.decode()
    assert address in tile  # who confirms finds the way
    assert own in committee.get(address).content.decode()
    assert "Confirm the count" in committee.get(own).content.decode()
    assert "Confirm the count" not in keeper.get(own).content.decode()
    assert admin.post(own, {"decline": "1"}).status_code == 422  # without a reason
    assert admin.post(own, {"approve": "1"}).status_code == 302
    assert admin.post(own, {"approve": "1"}).status_code == 422
    salt.refresh_from_db()
    assert salt.num_in_stock == 12
    assert enter(village.far_admin).get(own).status_code == 404


# -- To another village ------------------------------------------------------------------------------------------------
def test_goods_are_sent_counted_and_seen_by_both_villages(village, enter):
    soap = village.good("香皂", stock=10)
    shop = create_partner(name="周家店", village=village.world.other)
    far_keeper = staff("周家保管", "stock_keeper", village.world.other)
    keeper, there = enter(village.keeper), enter(far_keeper)
    address = reverse("desk:send_stock", args=[soap.pk])
    page = keeper.get(address)
    assert list(page.context["form"].fields["target"].queryset) == [shop]
    sent = {"target": shop.pk, "quantity": "4", "note": "老李送", "idempotency_key": key_of(page)}
    assert keeper.post(address, {**sent, "quantity": "11"}).status_code == 422
    places = {keeper.post(address, sent).headers["Location"] for _again in range(2)}
    made = StockTransfer.objects.get()
    assert places == {reverse("desk:transfer", args=[made.pk])}
    own = places.pop()
    told = Event.objects.get(kind="stock_sent")  # once, though the form came twice
    assert told.recipients == [f"user:{far_keeper.pk}"]
    page = there.get(reverse("desk:stock")).content.decode()
    assert "1 on the way" in page
    assert f'href="{own}">香皂 × 4</a>' in page
    assert own not in keeper.get(reverse("desk:stock")).content.decode()
    for client, region in ((keeper, village.place), (there, village.world.other)):
        assert "香皂" in client.get(reverse("desk:transfers", args=[region.pk])).content.decode()
    assert "Count what arrived" not in keeper.get(own).content.decode()
    counted = {"arrived": "1", "counted": "3", "place": str(village.world.other.pk)}
    assert there.post(own, counted).status_code == 422  # another number, no reason
    page = there.get(own)
    counted |= {"difference": "压碎一块", "idempotency_key": key_of(page)}
    for _again in range(2):
        assert there.post(own, counted).status_code == 302
    made.refresh_from_db()
    assert (made.state, made.counted, made.arrived_at.num_in_stock) == ("received", 3, 3)
    assert keeper.post(own, {"cancel": "1"}).status_code == 302  # too late: said on the page, nothing done
    made.refresh_from_db()
    assert made.state == "received"
    assert enter(village.far_admin).get(own).status_code == 404
    assert "Arrived" in there.get(reverse("desk:stock")).content.decode()
    # Taken back: the other village hears of that, too, and sees it.
    sent |= {"quantity": "1", "idempotency_key": key_of(keeper.get(address))}
    back = keeper.post(address, sent).headers["Location"]
    for _again in range(2):
        assert keeper.post(back, {"cancel": "1"}).status_code == 302
    assert Event.objects.get(kind="stock_taken_back").recipients == [f"user:{far_keeper.pk}"]
    assert back in there.get(reverse("desk:stock")).content.decode()


def test_the_list_of_sendings_asks_as_often_for_thirty_as_for_one(village, enter):
    from marketplace.rewards.services.transfers import send_stock

    shop = create_partner(name="周家店", village=village.world.other)
    client, counts = enter(village.keeper), []
    address = reverse("desk:transfers", args=[village.place.pk])
    soap = village.good(stock=60)
    for many in (1, 29):
        for _number in range(many):
            send_stock(stockrecord=soap, target=shop, quantity=1, actor=village.keeper)
        client.get(address)
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1]


# -- Pictures ----------------------------------------------------------------------------------------------------------
def photograph(size: tuple[int, int] = (2000, 1000)) -> SimpleUploadedFile:
    """Return a picture with a place and a camera in it."""
    image = Image.new("RGB", size, "green")
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    exif[0x8825] = {1: "N", 2: (36.0, 9.0, 1.0)}
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return SimpleUploadedFile("香皂.jpg", out.getvalue(), "image/jpeg")


def test_a_village_photographs_its_own_soap_and_nobody_elses(village, enter):
    soap = village.good("香皂")
    near = create_partner(name="周家店", village=village.world.other)
    other = StockRecord.objects.create(product=soap.product, partner=near, partner_sku="x", price=5, num_in_stock=1)
    keeper = enter(village.keeper)
    address = reverse("desk:picture", args=[soap.pk])
    assert keeper.post(address, {"photograph": photograph()}).status_code == 302
    soap.refresh_from_db()
    with soap.photograph.open() as file:
        kept = file.read()
    with Image.open(io.BytesIO(kept)) as drawn:
        assert (drawn.size, dict(drawn.getexif())) == ((1200, 600), {})
    assert b"SECRETCAMERA" not in kept
    assert soap.photograph.name.startswith("images/")  # where photographs are served from
    shown = enter(village.world.wang.user).get(soap.product.get_absolute_url()).content.decode()
    assert soap.photograph.url in shown
    assert soap.photograph.url in enter(village.world.wang.user).get(reverse("catalogue:index")).content.decode()
    assert other.picture_url != soap.photograph.url
    drawing = known_rewards()["香皂"].drawing
    with_drawing = {"drawing": drawing}
    assert keeper.post(address, with_drawing).status_code == 302
    soap.refresh_from_db()
    assert (soap.photograph.name, soap.picture_url.endswith("G001.svg")) == ("", True)
    bomb = Image.new("1", (13000, 13000))
    out = io.BytesIO()
    bomb.save(out, "PNG")
    many = SimpleUploadedFile("bomb.png", out.getvalue(), "image/png")
    for wrong in (
        {"photograph": many},
        {"photograph": SimpleUploadedFile("x.jpg", b"no picture")},
        {"drawing": "../x"},
    ):
        assert keeper.post(address, wrong).status_code == 422
    assert enter(village.admin).post(address, with_drawing).status_code == 403


# -- Some pieces come back ---------------------------------------------------------------------------------------------
def test_some_pieces_of_a_ticket_are_asked_back_withdrawn_and_decided(village, enter):
    (buyer,) = village.credited(1)
    bought = village.redeem(buyer, village.good("香皂"), 2)
    village.hand_over(bought)
    ticket = bought.tickets.get()
    second = staff("监委会", "supervisor", village.place)
    address = reverse("desk:ticket_return", args=[ticket.pk])
    keeper, committee = enter(village.keeper), enter(second)
    form = {"quantity": "3", "restock": "yes", "reason": "压碎"}
    assert keeper.post(address, form).status_code == 422
    assert keeper.post(address, {**form, "quantity": "1"}).status_code == 302
    assert "Withdraw the request" in keeper.get(address).content.decode()
    assert committee.post(address, {"withdraw": "1"}).status_code == 403
    assert keeper.post(address, {"withdraw": "1"}).status_code == 302
    assert list(TicketReturn.objects.values_list("state", flat=True)) == ["withdrawn"]
    assert keeper.post(address, {**form, "quantity": "1"}).status_code == 302
    assert "0.5 points" in committee.get(address).content.decode()
    assert committee.post(address, {"approve": "1"}).status_code == 302
    ticket.refresh_from_db()
    assert (ticket.state, ticket.quantity, ticket.points) == ("handed_over", 1, 50)
    assert "Some pieces returned" in keeper.get(address).content.decode()
    assert "Ask for it" in keeper.get(address).content.decode()  # and the rest may come back
    mine = enter(buyer.user).get(reverse("rewards:ticket", args=[ticket.code])).content.decode()
    assert "Some pieces returned" in mine
