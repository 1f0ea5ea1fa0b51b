"""From an empty database to a thing handed over, in browsers alone: setup, two villages, residents, hours, goods."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from openpyxl import Workbook

from tests.support import browser as chrome
from tests.support.path import SEND
from tests.support.visitors import DESK, PHONE, Visitor, overflow
from tests.villages.test_setup import PLACES

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "right-horse-7"
SURNAMES, GIVEN = "于王李张刘毕丛姜宋邹孙徐曲林滕", "秀英大山桂兰建国玉珍明华淑芬志强海燕"
OFFICES = {"village_admin": "村管理", "supervisor": "监委", "stock_keeper": "保管"}


def workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def residents(many: int) -> bytes:
    names = [f"{surname}{first}{second}" for surname, first, second in product(SURNAMES, GIVEN, GIVEN)][:many]
    days = [dt.date(1950, 1, 1) + dt.timedelta(days=40 * number) for number in range(many)]
    return workbook([["姓名", "出生日期"], *([name, day.isoformat()] for name, day in zip(names, days, strict=True))])


def goods() -> bytes:
    rows = [["小卖部", f"日用品{number}", "实物", "件", None, 0.5] for number in range(1, 41)]
    return workbook([["商户", "名称", "类型", "单位", "条码", "积分"], *rows])


def choose_first(visitor: Visitor, name: str) -> None:
    """Choose the first of what there is to choose."""
    field = visitor.page.locator(f"[name={name}]")
    value = field.locator("option:not([value=''])").first.get_attribute("value")
    assert value
    field.select_option(value)


class County:
    """Who walks, and how often somebody pressed something."""

    def __init__(self, base: str, open_page: Callable[..., Any]) -> None:
        self.base, self._open = base, open_page
        self.presses = 0
        self.wrong: list[str] = []
        self._numbers = 0

    def look(self, visitor: Visitor, name: str) -> None:
        if connection.vendor != "sqlite":
            return  # the walk is walked on both databases; what its pages look like does not hang on one
        for language in ("en", "zh-hans"):
            visitor.page.context.add_cookies([{"name": "django_language", "value": language, "url": self.base}])
            visitor.page.reload()
            for size, viewport in (("normal", PHONE), ("xlarge", PHONE), ("normal", DESK)):
                visitor.page.set_viewport_size(viewport)
                if too_wide := overflow(visitor.page, size):
                    self.wrong.append(f"{name} ({language}, {size}, {viewport['width']}): too wide: {too_wide}")
        # What axe looks at is the same in both languages.
        self.wrong += [f"{name}: {said}" for said in chrome.axe_violations(visitor.page)]

    def visitor(self, key: str, phone: str = "") -> Visitor:
        page = self._open(viewport=DESK, locale="zh-CN")
        made = Visitor(key, page, self.base, self.look)
        return made.sign_in(phone, PASSWORD) if phone else made

    def press(self, who: Visitor, selector: str = f"main form[method=post] {SEND}") -> None:
        self.presses += 1
        before = who.page.url
        who.press(selector, within=60_000)
        errors = who.page.locator(".error-summary, .field__error")
        assert who.page.url != before or not errors.count(), f"{who.key} at {before}: {errors.all_inner_texts()}"

    def upload(self, who: Visitor, name: str, content: bytes) -> None:
        kind = "text/csv" if name.endswith("csv") else "application/octet-stream"
        who.page.set_input_files("[name=file]", [{"name": name, "mimeType": kind, "buffer": content}])

    def number(self) -> str:
        self._numbers += 1
        return f"1360000{self._numbers:04d}"

    def set_up(self, token: str) -> str:
        """Walk the setup; return the phone of the county's admin and of the first village's."""
        me = self.county = self.visitor("county")
        me.go("/")
        assert me.path == reverse("villages:setup_enter")
        me.look("setup-enter")
        me.fill(token=token)
        self.press(me)
        me.look("setup-places")
        self.upload(me, "places.csv", PLACES.encode("gb18030"))
        self.press(me)
        me.look("setup-county")
        choose_first(me, "place")
        self.press(me)
        choose_first(me, "place")
        self.press(me)
        me.look("setup-finish")
        self.phones = {key: self.number() for key in ("county", "town", "village")}
        for key, phone in self.phones.items():
            me.fill(**{f"{key}_name": f"{key}管理", f"{key}_phone": phone, f"{key}_password": PASSWORD})
        me.page.locator("[name=scheme]").select_option("wendeng-rural")
        choose_first(me, "village")
        self.press(me)
        assert me.path.startswith("/villages/"), me.text()
        me.look("founding-empty")
        return me.path

    def found(self, village: Any, offices: dict[str, str]) -> None:
        """Bring what the village lacks, each by its own button."""
        me, list_of = self.county, reverse("villages:founding", args=[village.pk])
        for role, phone in offices.items():
            me.go(list_of)
            self.press(me, f"main a[href$='/appoint/{role}/']")
            me.fill(full_name=OFFICES[role], phone=phone, password=PASSWORD)
            self.press(me)
        me.go(list_of)
        self.press(me, "main a[href$='/office/']")
        me.fill(opening_hours="8:30–17:00", help_phone="0631-8450000")
        self.press(me)
        me.go(list_of)
        self.press(me, "main a[href*='/teams/in/']")
        self.press(me, "main a[href$='/found/']")
        me.look("team-found")
        self.leader_phone = self.number()
        me.fill(leader_name="队长", leader_phone=self.leader_phone, leader_password=PASSWORD)
        self.press(me)
        me.look("team")
        me.go(list_of)
        self.press(me, "main a[href*='/suppliers/in/']")
        self.press(me, "main a[href$='/new/']")
        me.fill(name="小卖部", location="村口", opening_hours="9:00–17:00")
        self.press(me)
        me.look("suppliers")
        me.go(list_of)
        self.press(me, f"main form[action$='/open/'] {SEND}")
        me.look("founding-open")


@pytest.mark.path
@pytest.mark.timeout(900)
def test_a_county_from_nothing_to_a_thing_handed_over(site, clock, new_person):
    from marketplace.rewards.models import Ticket
    from tests.factories.village import points
    from timebank.registry.models import Region, Resident
    from timebank.service import services as service
    from timebank.service.models import Activity, Record
    from timebank.villages.models import Office
    from timebank.villages.services import open_setup

    county = County(site, new_person)
    county.set_up(open_setup())
    village = Region.objects.get(pk=int(county.county.path.split("/")[2]))
    sister = Region.objects.filter(level="village").exclude(pk=village.pk).get()
    staff = {"supervisor": county.number(), "stock_keeper": county.number()}
    county.found(village, staff)
    leader_phone = county.leader_phone
    county.found(sister, {role: county.number() for role in OFFICES})
    assert Office.objects.filter(opened_at__isnull=False).count() == 2
    county.county.go(reverse("villages:founding", args=[Region.objects.get(level="county").pk])).look("overview")

    # 300 residents from a workbook; the town says yes to the list
    admin = county.visitor("admin", county.phones["village"])
    admin.go(reverse("registry:resident_lists", args=[village.pk]))
    county.upload(admin, "residents.xlsx", residents(300))
    county.press(admin)
    admin.page.locator("[name=consent]").check()
    county.press(admin, "main [name=action][value=load]")
    assert Resident.objects.filter(village=village, status="active").count() == 300
    town = county.visitor("town", county.phones["town"])
    town.go(admin.path)
    county.press(town, "main [name=action][value=confirm]")

    # one of them gets a sign-in; a morning of work
    resident = Resident.objects.filter(village=village).order_by("pk").first()
    assert resident is not None
    phone = county.number()
    admin.go(reverse("registry:give_sign_in", args=[resident.pk]))
    admin.fill(phone=phone, password=PASSWORD)
    county.press(admin)
    leader = county.visitor("leader", leader_phone)
    leader.go("/lead/new/")
    leader.fill(title="清洁村庄", place="村委会门口", starts="08:30", ends="16:30")
    leader.page.locator("[name=category]").select_option("clean")
    county.press(leader)
    activity = Activity.objects.get()
    me = county.visitor("resident", phone)
    me.go(f"/activities/{activity.pk}/")
    county.press(me, f"form[action$='/sign-up/'] {SEND}")
    for moment, what in ((activity.starts_at, "in"), (activity.ends_at - dt.timedelta(minutes=1), "out")):
        clock.set(moment)
        leader.go(f"/lead/{activity.pk}/")
        me.go(site + leader.qr().removeprefix(site.upper()))
        county.press(me, f"main form:has([name=what][value={what}]) {SEND}")
    clock.set(activity.ends_at + dt.timedelta(minutes=10))
    leader.go(f"/lead/{activity.pk}/close/")
    county.press(leader)

    # verified by the committee's member, published by the admin, credited when the notice has passed
    supervisor = county.visitor("supervisor", staff["supervisor"])
    supervisor.go("/village/verify/")
    supervisor.page.locator("[data-verify-all]").check()
    county.press(supervisor, f"form[data-verify] .bulk {SEND}")
    county.press(supervisor, f"main form:has([name=seen]) {SEND}")
    admin.go("/village/notice/")
    county.press(admin, "main a[href*='/publish/']")
    county.press(admin, f"main form:has([name=seen]) {SEND}")
    record = Record.objects.get()
    clock.set(record.notice_until + dt.timedelta(hours=9))
    assert not service.credit_due().failed
    earned = points(resident)
    assert earned >= 50

    # 40 goods by workbook and two services: listed by the keeper, priced by the admin
    keeper = county.visitor("keeper", staff["stock_keeper"])
    file = reverse("desk:goods_list", args=[village.pk])
    keeper.go(file)
    county.upload(keeper, "goods.xlsx", goods())
    county.press(keeper, "main [name=do]")
    shop = village.partners.get(name="小卖部")
    for title in ("理发", "洗澡"):
        keeper.go(reverse("desk:list_reward", args=[shop.pk]))
        keeper.fill(title=title, unit="次")
        keeper.page.locator("[name=kind]").select_option("service")
        county.press(keeper)
    keeper.look("shelf")
    admin = county.visitor("admin", county.phones["village"])
    admin.go(file)
    admin.look("goods-list")
    county.upload(admin, "goods.xlsx", goods())
    admin.fill(reason="村民代表会定价")
    county.press(admin, "main [name=do]")
    assert "/file/" not in admin.page.url  # nothing was refused: the shelf, with what was done
    for record_of in shop.stockrecords.filter(product__product_class__kind="service"):
        admin.go(reverse("desk:price", args=[record_of.pk]))
        admin.fill(points="0.5", reason="村民代表会定价")
        county.press(admin)
    assert shop.stockrecords.filter(price=Decimal("0.5")).count() == 42
    thing = shop.stockrecords.filter(product__title="日用品1").get()
    keeper.go(f"/village/stock/{thing.pk}/")
    keeper.page.locator("form:has([name=receive]) input[name$=quantity]").fill("20")
    county.press(keeper, "main [name=receive]")

    # the resident is told, redeems, and has it handed over
    me.go("/").look("home-told")
    assert "清洁村庄" in me.text() or record.resident.inbox_messages.exists()
    me.go(thing.product.get_absolute_url())
    county.press(me, f"form[action='{reverse('basket:add', args=[thing.product_id])}'] {SEND}")
    me.go("/redeem/")
    county.press(me, f"main form:has([name=key]) {SEND}")
    ticket = Ticket.objects.get()
    me.go(f"/t/{ticket.code}/").look("ticket")
    assert "0631-8450000" in me.text("body")
    # who gave the resident a password hands nothing over to them: a clerk does
    phone = county.number()
    county.county.go(reverse("villages:appoint", args=[village.pk, "clerk"]))
    county.county.fill(full_name="店员", phone=phone, password=PASSWORD)
    county.press(county.county)
    clerk = county.visitor("clerk", phone)
    clerk.go(f"/counter/{shop.pk}/")
    clerk.fill(code=ticket.code)
    county.press(clerk, f"form[data-scan] {SEND}")
    ticket.refresh_from_db()
    assert ticket.state == "handed_over"
    assert points(resident) == earned - 50
    assert county.wrong == []
    print(f"\nfrom nothing to a thing handed over: {county.presses} presses")
