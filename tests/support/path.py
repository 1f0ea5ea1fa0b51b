"""The path, from an hour of work to a bath ticket, as people walk it: browser test and tour take the same steps.

Each step leaves the browsers where the next begins. After every step that could move a point, the balance on the
resident's screen is compared with the ledger.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse

from marketplace.partner.models import StockRecord
from marketplace.partner.prices import decimal_of
from tests.factories.village import Village, points
from tests.support.clock import Clock
from tests.support.visitors import DESK, PHONE, Visitor
from timebank.common.numbers import format_points
from timebank.registry.models import Resident
from timebank.service import services as service

SEND = "button:not([type=button])"
# Where a page says how many points its person has: beginning of the address, selector.
BALANCES = (
    (r"/$", ".plaque__figure"),
    (r"/me/points/$", ".plaque__figure"),
    (r"/me/points/$", ".statement__line:first-child .statement__balance"),
    (r"/shop/$", ".purse .points__figure"),
    (r"/shop/.+_\d+/$", ".purse-card > div:first-child dd"),
    (r"/basket/$", ".basket__sums dl > div:first-child dd"),
    (r"/redeem/$", ".purse__sums > div:first-child dd"),
    (r"/redeemed/", ".purse__after dd"),
)


class Path:
    """Six people, a village and a clock."""

    def __init__(
        self,
        village: Village,
        clock: Clock,
        base: str,
        open_page: Callable[..., Any],
        look: Callable[[Visitor, str], None],
        language: str = "zh-hans",
    ) -> None:
        self.village = village
        self.clock = clock
        self.base = base
        self._open = open_page
        self._look = look
        self.language = language
        #: Every balance that was compared with the ledger: who, where, how much.
        self.compared: list[tuple[str, str, int]] = []
        self._desks_seen: set[str] = set()

    def visitor(self, key: str, viewport: dict[str, int] = PHONE) -> Visitor:
        """Give somebody a browser of their own, in the language of the walk."""
        page = self._open(viewport=viewport)
        page.context.add_cookies([{"name": "django_language", "value": self.language, "url": self.base}])
        return Visitor(key, page, self.base, self._look_and_compare)

    def _look_and_compare(self, who: Visitor, name: str) -> None:
        self.balances_agree(who)
        self._look(who, name)

    def walk(self) -> None:
        """Take every step, in order."""
        self.everybody_signs_in()
        self.resident_signs_up()
        self.resident_comes_and_goes()
        self.leader_closes()
        self.admin_verifies()
        self.notice_passes()
        self.resident_reads_why()
        self.resident_redeems()
        self.bath_is_taken()
        self.soap_is_taken()
        self.nephew_helps()
        self.card_sale()
        self.stock_arrives()
        self.admin_sees_it_all()

    # -- Signing in ----------------------------------------------------------------------------------------------------
    def everybody_signs_in(self) -> None:
        """Sign four people in at once: resident, leader, village admin, bath-house clerk."""
        v = self.village
        guest = self.visitor("guest")
        guest.go("/").look("landing")
        guest.go("/sign-in/").look("sign-in")
        guest.go("/register/").look("register-village")
        guest.go(f"/register/?village={v.region.pk}").look("register")
        guest.page.context.close()
        assert v.resident.user is not None
        self.resident = self.visitor("resident").sign_in(str(v.resident.user.phone), v.password)
        self.resident.acts_for = v.resident
        self.leader = self.visitor("leader").sign_in(str(v.leader.phone), v.password)
        self.admin = self.visitor("admin", DESK).sign_in(str(v.admin.phone), v.password)
        self.bath_clerk = self.visitor("bath-clerk").sign_in(str(v.bath_clerk.phone), v.password)

    # -- Service -------------------------------------------------------------------------------------------------------
    def resident_signs_up(self) -> None:
        """Find the clean-up and take a place."""
        me = self.resident
        me.go("/").look("home")
        me.go("/activities/").look("activities")
        me.go(f"/activities/{self.village.activity.pk}/").look("activity")
        me.press(f"form[action$='/{self.village.activity.pk}/sign-up/'] {SEND}")
        me.look("activity-signed-up")
        assert self.village.activity.sign_ups.filter(resident=self.village.resident, state="going").exists()

    def resident_comes_and_goes(self) -> None:
        """Check in and out by the QR on the leader's screen, four hours apart."""
        self.leader.go("/lead/").look("lead")
        self.leader.go("/lead/new/").look("lead-new")
        self.clock.set(self.village.activity.starts_at - dt.timedelta(minutes=2))
        self._by_qr("in")
        seen = self.village.activity.attendances.get(resident=self.village.resident)
        assert (seen.check_in_method, seen.checked_out_at) == ("qr", None)
        self.clock.set(self.village.activity.ends_at - dt.timedelta(minutes=1))
        self._by_qr("out")
        seen.refresh_from_db()
        assert seen.check_out_method == "qr"

    def _by_qr(self, what: str) -> None:
        self.leader.go(f"/lead/{self.village.activity.pk}/").look(f"attendance-{what}")
        address = self.leader.qr()
        assert address.startswith((self.base + "/in/").upper()), address
        # The scheme and the host are the same in capitals; browsers fold them.
        self.resident.go(self.base + urlsplit(address).path).look(f"check-{what}")
        self.resident.press(f"main form:has([name=what][value={what}]) {SEND}")
        self.resident.look(f"checked-{what}")

    def leader_closes(self) -> None:
        """Close the activity: the attendance becomes a record."""
        self.clock.set(self.village.activity.ends_at + dt.timedelta(minutes=10))
        self.leader.go(f"/lead/{self.village.activity.pk}/close/").look("lead-close")
        self.leader.press(f"main form[method=post] {SEND}")
        self.leader.look("lead-closed")
        self.record = self.village.activity.records.get(resident=self.village.resident)
        assert self.record.state == "submitted"
        self.resident.go("/me/hours/").look("hours-waiting")

    def admin_verifies(self) -> None:
        """Confirm the record as a second person, and hang out the notice list."""
        admin, region = self.admin, self.village.region
        admin.go("/village/").look("desk")
        admin.go("/village/verify/").look("verify")
        admin.go(f"/village/verify/{self.record.pk}/").look("verify-record")
        admin.go("/village/verify/")
        # All at once, as one does on a Monday; what lies on a later page is verified by itself.
        admin.page.locator("[data-verify-all]").check()
        admin.look("verify-chosen")
        admin.press(f"form[data-verify] .bulk {SEND}")
        admin.look("verify-asked")
        admin.press(f"main form:has([name=seen]) {SEND}")
        self.record.refresh_from_db()
        if self.record.state == "submitted":
            admin.go(f"/village/verify/{self.record.pk}/")
            admin.press("main [name=verify]")
            self.record.refresh_from_db()
        assert (self.record.state, self.record.verified_by_id) == ("verified", self.village.admin.pk)
        admin.go("/village/verify/?which=verified").look("verified")
        admin.go("/village/notice/").look("notice")
        admin.press(f"main a[href*='/publish/'][href*='village={region.pk}']")
        admin.look("publish-asked")
        admin.press(f"main form:has([name=seen]) {SEND}")
        admin.look("notice-print")
        self.record.refresh_from_db()
        assert self.record.state == "published"
        assert self.village.resident.name in admin.text("body")
        self.resident.go(f"/notice/{region.pk}/").look("notice-public")
        assert self.village.resident.name in self.resident.text()

    def notice_passes(self) -> None:
        """Let the notice pass and the points be minted; before it ended, nothing moves."""
        before = points(self.village.resident)
        self.record.refresh_from_db()
        service.credit_due(now=self.record.notice_until - dt.timedelta(minutes=1), village=self.village.region)
        assert points(self.village.resident) == before
        self.clock.set(self.record.notice_until + dt.timedelta(hours=8))
        report = service.credit_due(village=self.village.region)
        assert not report.failed, report.failed
        self.record.refresh_from_db()
        assert self.record.state == "credited"
        assert points(self.village.resident) >= before + (self.record.points or 0)

    def resident_reads_why(self) -> None:
        """Read on the statement what the points are for."""
        me = self.resident
        me.go("/").look("home-credited")
        me.go("/me/points/").look("statement")
        assert self.record.title in me.text()
        me.go("/me/hours/").look("hours")
        me.go(f"/me/hours/{self.record.pk}/").look("record")
        me.go("/me/").look("me")

    # -- Market --------------------------------------------------------------------------------------------------------
    def resident_redeems(self) -> None:
        """Put a bath ticket and a bar of soap into the basket and confirm once."""
        me = self.resident
        me.go("/shop/").look("shop")
        self._into_basket(me, self.village.bath_ticket, "reward-bath")
        self._into_basket(me, self.village.soap, "reward-soap")
        me.go("/basket/").look("basket")
        self.tickets = self._confirm(me, self.village.resident)
        assert len(self.tickets) == 2

    def _into_basket(self, who: Visitor, record: Any, name: str) -> None:
        who.go(record.product.get_absolute_url()).look(name)
        who.press(f"form[action='{reverse('basket:add', args=[record.product.pk])}'] {SEND}")

    def _confirm(self, who: Visitor, resident: Resident, prefix: str = "") -> dict[int, Any]:
        before = points(resident)
        who.go("/redeem/").look(f"{prefix}redeem")
        assert points(resident) == before
        who.press(f"main form:has([name=key]) {SEND}")
        assert "/redeemed/" in who.path, who.text()
        who.look(f"{prefix}redeemed")
        redemption = resident.redemptions.latest("pk")
        assert points(resident) == before - redemption.total_points
        return {ticket.stockrecord_id: ticket for ticket in redemption.tickets.all()}

    def bath_is_taken(self) -> None:
        """Show the ticket; the bath-house clerk reads it from her screen."""
        ticket = self.tickets[self.village.bath_ticket.pk]
        me = self.resident
        me.go("/tickets/").look("tickets")
        me.go(f"/t/{ticket.code}/").look("ticket-bath")
        address = me.qr()
        assert address.upper() == f"{self.base}/T/{ticket.code}".upper()
        self._scan(self.bath_clerk, self.village.bath.pk, address, "counter-bath")
        self._handed_over(ticket)
        me.go(f"/t/{ticket.code}/").look("ticket-bath-used")

    def soap_is_taken(self) -> None:
        """The village clerk types the code of the soap's ticket."""
        ticket = self.tickets[self.village.soap.pk]
        self.clerk = self.visitor("clerk", DESK).sign_in(str(self.village.clerk.phone), self.village.password)
        self.resident.go(f"/t/{ticket.code}/").look("ticket-soap")
        self._scan(self.clerk, self.village.shop.pk, ticket.code, "counter-shop")
        self._handed_over(ticket)
        self.clerk.fill(code=ticket.code)
        self.clerk.press(f"form[data-scan] {SEND}")
        assert self.clerk.page.locator(".result--good").count() == 0
        self.clerk.look("counter-shop-again")
        self.resident.go("/tickets/?show=done").look("tickets-done")
        self.resident.go("/me/points/").look("statement-after")

    def _scan(self, who: Visitor, partner: int, code: str, name: str) -> None:
        who.go("/counter/")
        if who.path == "/counter/" and who.key not in self._desks_seen:
            self._desks_seen.add(who.key)
            who.look(f"{name}-desk")
        who.go(f"/counter/{partner}/").look(name)
        who.fill(code=code)
        who.press(f"form[data-scan] {SEND}")
        who.look(f"{name}-good")
        assert who.page.locator(".result--good").count() == 1, who.text()

    def _handed_over(self, ticket: Any) -> None:
        ticket.refresh_from_db()
        assert ticket.state == "handed_over"

    # -- The grandmother -----------------------------------------------------------------------------------------------
    def nephew_helps(self) -> None:
        """The nephew acts for his grandmother by her paper card and PIN."""
        v = self.village
        assert v.nephew.user is not None
        self.nephew = self.visitor("nephew").sign_in(str(v.nephew.user.phone), v.password)
        self.nephew.go("/me/card/").look("card-none")
        self.nephew.go("/acting/").look("acting")
        self.nephew.fill(card_number=v.card.number, pin=v.pin)
        self.nephew.press(f"main form:has([name=pin]) {SEND}")
        self.nephew.acts_for = v.grandmother
        self.nephew.go("/").look("grandmother-home")
        bought = self._within_her_points()
        self._into_basket(self.nephew, bought, "grandmother-reward")
        self.nephew.go("/basket/").look("grandmother-basket")
        tickets = self._confirm(self.nephew, v.grandmother, "grandmother-")
        ticket = tickets[bought.pk]
        assert (ticket.redemption.actor_id, ticket.resident_id) == (v.nephew.user.pk, v.grandmother.pk)
        self.nephew.go(f"/t/{ticket.code}/").look("grandmother-ticket")
        self._scan(self.clerk, v.shop.pk, self.nephew.qr(), "counter-grandmother")
        self._handed_over(ticket)

    def _within_her_points(self) -> StockRecord:
        """Choose soap, or what costs less when she has less."""
        v = self.village
        has = decimal_of(points(v.grandmother))
        if v.soap.price <= has:
            return v.soap
        goods = StockRecord.objects.filter(partner=v.shop, price__lte=has, num_in_stock__gt=0)
        found = goods.select_related("product").order_by("-price", "pk").first()
        assert found is not None, f"nothing for {has} points"
        return found

    def card_sale(self) -> None:
        """At the counter her card and PIN buy a bar of soap at once."""
        v, clerk = self.village, self.clerk
        before = points(v.grandmother)
        clerk.go(f"/counter/{v.shop.pk}/card/").look("sale")
        clerk.fill(card=v.card.number)
        clerk.press(f"form[data-scan] {SEND}")
        clerk.look("sale-card")
        assert figures(clerk.text(".holder__points .points__figure")) == [format_points(before)]
        sold = self._within_her_points()
        clerk.press(f"main .goods form:has([name=record][value='{sold.pk}']) {SEND}")
        clerk.look("sale-goods")
        clerk.fill(pin=v.pin)
        clerk.press(f"main form:has([name=pin]) {SEND}")
        assert "/receipt/" in clerk.path, clerk.text()
        clerk.look("sale-slip")
        done = v.grandmother.redemptions.latest("pk")
        assert (done.channel, done.state) == ("card", "handed_over")
        assert points(v.grandmother) == before - done.total_points
        assert format_points(points(v.grandmother)) in figures(clerk.text(".slip__facts"))
        clerk.go(f"/counter/{v.shop.pk}/today/").look("counter-today")

    def stock_arrives(self) -> None:
        """The stock keeper puts goods on the shelf."""
        v = self.village
        keeper = self.visitor("stock-keeper", DESK).sign_in(str(v.stock_keeper.phone), v.password)
        v.soap.refresh_from_db()
        before = v.soap.num_in_stock or 0
        keeper.go("/village/stock/").look("stock")
        keeper.go(f"/village/stock/{v.soap.pk}/").look("stock-item")
        keeper.page.locator("form:has([name=receive]) input[name$=quantity]").fill("20")
        keeper.press("main [name=receive]")
        keeper.look("stock-received")
        v.soap.refresh_from_db()
        assert v.soap.num_in_stock == before + 20
        keeper.page.context.close()

    def admin_sees_it_all(self) -> None:
        """The village's people, tickets and statement, summed up from the ledger."""
        admin, v = self.admin, self.village
        admin.go("/village/").look("desk-after")
        admin.go("/village/activities/").look("desk-activities")
        admin.go("/village/residents/").look("residents")
        admin.go(f"/village/residents/{v.grandmother.pk}/").look("resident")
        admin.go("/village/residents/new/").look("resident-new")
        admin.go("/village/tickets/").look("desk-tickets")
        admin.go("/village/statement/").look("village-statement")
        together = sum(points(resident) for resident in Resident.objects.filter(village=v.region))
        assert figures(admin.text(".plaque__figure")) == [format_points(together)]
        assert admin.page.locator(".alert--good").count() == 1, admin.text()
        self.compared.append(("admin", admin.path, together))

    # -- Checking ------------------------------------------------------------------------------------------------------
    def balances_agree(self, who: Visitor) -> None:
        """Compare every balance on the screen with the ledger."""
        if who.acts_for is None:
            return
        for address, selector in BALANCES:
            if not re.match(address, who.path):
                continue
            shown = figures(who.text(selector))
            has = points(who.acts_for)
            assert shown == [format_points(has)], f"{who.key} sees {shown} in {selector} on {who.path}, has {has}"
            self.compared.append((who.key, who.path, has))


def figures(text: str) -> list[str]:
    """Return the numbers in a text, as written."""
    return re.findall(r"[−-]?\d[\d,]*(?:\.\d+)?", text)
