"""From an enterprise's first click to the bank's file and "five people": the money's whole way in Chromium."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from marketplace.funds.models import BankFile, Fund, Payout, Statement
from marketplace.funds.selectors.coverage import figures_of
from marketplace.funds.services import moving, payees, prices, setup
from marketplace.payments.models import Payment
from marketplace.rewards.models import Ticket
from marketplace.sponsors.models import Claim, Enterprise, Pledge
from marketplace.sponsors.services import needs
from tests.e2e.test_pages import _look
from tests.factories import village as seed
from tests.factories.sponsors import next_code
from tests.support.clock import Clock, at
from tests.support.visitors import DESK, Visitor
from timebank.registry import services as registry
from timebank.registry.models import Region, Resident, User

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNT = "81000000000000001"
SEND = "button:not([type=button])"


@pytest.fixture
def practice(live_server: Any, clock: Clock, settings: Any) -> Iterator[Any]:
    """Run the practice double beside the site, as ``make run`` does, and let forms lead to its page."""
    from marketplace.payments.practice import api
    from marketplace.payments.practice.server import Server
    from marketplace.payments.providers.stripe import client as sdk_client

    double = Server(pauses=(0.05, 0.1, 0.2)).start()
    double.world.offset = clock().timestamp() - time.time()  # it lives by the suite's clock, too
    settings.STRIPE_SECRET_KEY, settings.PRACTICE_PAYMENTS = "", double.origin
    policy = settings.CONTENT_SECURITY_POLICY
    forms = {"form-action": [*policy["DIRECTIVES"]["form-action"], double.origin]}
    settings.CONTENT_SECURITY_POLICY = {**policy, "DIRECTIVES": {**policy["DIRECTIVES"], **forms}}
    api.add_endpoint(double.world, f"{live_server.url}/stripe/webhook", settings.PRACTICE_WEBHOOK_SECRET)
    sdk_client.cache_clear()
    yield double
    sdk_client.cache_clear()
    double.stop()


class Journey:
    """Everybody who has a part in it, each in a browser of their own."""

    def __init__(self, village: seed.Village, visit: Callable[..., Visitor]) -> None:
        self.village = village
        self.visit = visit
        self.wrong: list[str] = []
        self.clicks = 0
        self.town, self.keeper = (
            registry.create_user(name=name, phone=phone, password=seed.PASSWORD, actor=None, now=seed.FOUNDED)
            for name, phone in (("桐惊蛰", "13000000301"), ("楠立夏", "13000000302"))
        )
        region = village.region
        registry.grant_role(user=self.town, role="town_admin", actor=None, region=Region.objects.get(level="town"))
        registry.grant_role(user=self.keeper, role="fund_keeper", actor=None, region=region)
        self.supervisor = User.objects.get(name="松立秋")
        self.bathers = [village.resident, village.grandmother, *self._neighbours(3)]
        self.fund = self._fund()

    def _neighbours(self, count: int) -> list[Resident]:
        v = self.village
        made = [
            seed._resident(
                v.region, v.admin, f"麦春分{number}", f"1300000031{number}", f"麦家{number}", dt.date(1950, 1, 2)
            )
            for number in range(count)
        ]
        seed._past(v.region, dict.fromkeys(made, 13), leader=v.leader, admin=v.admin)
        return made

    def _fund(self) -> Fund:
        """Open the fund with 40.00 free, a price for a bath and an account confirmed weeks ago."""
        v, past = self.village, at(2026, 9, 1)
        fund = setup.open_fund(region=v.region, actor=self.town, now=past)
        line = moving.record_line(
            kind="collective",
            fen=4_000,
            booked_on=past.date(),
            fund=fund,
            bank_account=fund.bank_account,
            actor=self.keeper,
            key=uuid.uuid4(),
        )
        moving.decide_line(line=line, actor=self.town)
        price = prices.propose_price(
            stockrecord=v.bath_ticket,
            fen=800,
            valid_from=past.date(),
            valid_until=None,
            actor=self.keeper,
            key=uuid.uuid4(),
        )
        prices.decide_price(price=price, actor=self.town)
        account = payees.enter_account(
            payee=payees.payee_of(partner=v.bath),
            holder="辛旺庄洗浴中心",
            bank_name="威海银行",
            number=ACCOUNT,
            actor=self.keeper,
            key=uuid.uuid4(),
            now=past,
        )
        payees.confirm_account(account=account, actor=self.town, now=past)
        Fund.objects.update(floor_bp=0)
        return fund

    # -- Walking -------------------------------------------------------------------------------------------------------
    def person(self, key: str, user: User | None, *, desk: bool = False) -> Visitor:
        size = {"viewport": DESK} if desk else {}
        return self.visit(key, user, **size)

    def look(self, who: Visitor) -> None:
        """Hold the page against axe and, in both languages, against the width of the screen."""
        for language in ("en", "zh-hans"):
            who.page.context.add_cookies([{"name": "django_language", "value": language, "url": who.base}])
            who.page.reload()
            self.wrong += [f"{who.key} {who.path} {said}" for said in _look(who, axe=language == "zh-hans")]

    def click(self, who: Visitor, selector: str) -> None:
        """Press as the sponsor, counted."""
        self.clicks += 1
        who.press(selector)
        self.look(who)

    def act(self, who: Visitor, address: str, act: str) -> None:
        """Press the one button of a named form of a desk page."""
        who.go(address)
        self.look(who)
        who.press(f"main form:has([name=act][value='{act}']) {SEND}")

    def cover(self) -> int:
        bp = figures_of(self.fund).bp
        assert bp is not None
        return bp

    def public(self) -> str:
        guest = self.person("guest", None)
        guest.go(reverse("funds:public", args=[self.fund.pk]))
        self.look(guest)
        text = guest.text()
        guest.page.context.close()
        return text

    # -- The way -------------------------------------------------------------------------------------------------------
    def registers(self) -> None:
        """1: the enterprise applies; the town approves it."""
        self.sponsor = self.person("sponsor", None)
        self.sponsor.go(reverse("sponsors:apply"))
        self.look(self.sponsor)
        facts = {"name": "晨光食品有限公司", "uscc": next_code(), "shown_name": "晨光食品", "contact_name": "苗春分"}
        facts |= {"contact_phone": "13000000320", "password": seed.PASSWORD}
        for name, value in facts.items():
            self.sponsor.page.locator(f"main [name$='{name}']:visible").first.fill(value)
        self.click(self.sponsor, f"main form:has([name=act][value=apply]) {SEND}")
        self.enterprise = Enterprise.objects.get()
        town = self.person("town", self.town, desk=True)
        self.act(town, reverse("sponsors:organisation", args=[self.enterprise.organisation_id]), "accept")
        self.enterprise.refresh_from_db()
        assert self.enterprise.state == "active"
        self.town_page = town

    def claims(self) -> None:
        """2-4: it finds a need of the village and claims it; the village grants the claim."""
        v = self.village
        need = needs.write_need(
            region=v.region,
            title="冬天为老人洗浴",
            text="由村民代表会议提出。",
            target="本村老人",
            budget_fen=100_000,
            deadline=dt.date(2026, 12, 31),
            pays_tickets=True,
            actor=v.admin,
        )
        self.need = needs.publish_need(need=need, actor=v.admin)
        self.sponsor.go(reverse("sponsors:home"))
        self.click(self.sponsor, f"main a[href='{reverse('sponsors:needs')}']")
        self.click(self.sponsor, f"main a[href='{reverse('sponsors:need', args=[need.pk])}']")
        self.click(self.sponsor, f"main form:has([name=act][value=claim]) {SEND}")
        admin = self.person("admin", v.admin, desk=True)
        claim = Claim.objects.get()
        self.act(admin, reverse("sponsors:desk_need", args=[need.pk]), f"grant{claim.pk}")

    def pays(self) -> None:
        """5-9: it promises 1,000.00, the fund keeper accepts, it pays at the practice service."""
        pledge_page = reverse("sponsors:need_pledge", args=[self.need.pk])
        self.sponsor.go(reverse("sponsors:need", args=[self.need.pk]))
        self.click(self.sponsor, f"main a[href='{pledge_page}']")
        self.click(self.sponsor, f"main form:has([name=act][value=new]) {SEND}")
        pledge = Pledge.objects.get()
        self.keeper_page = self.person("keeper", self.keeper, desk=True)
        self.act(self.keeper_page, reverse("sponsors:desk_pledge", args=[pledge.pk]), "accept")
        self.sponsor.go(reverse("sponsors:pledge", args=[pledge.pk]))
        self.click(self.sponsor, f"main a[href='{reverse('sponsors:pay', args=[pledge.pk])}']")
        self.clicks += 1
        self.sponsor.press(f"main form:has([name=act][value=online]) {SEND}")
        assert "练习付款" in self.sponsor.text("body")
        self.clicks += 1
        self.sponsor.press("button.first")
        self.look(self.sponsor)
        payment = Payment.objects.get()
        assert (payment.state, payment.gross_fen, payment.fee_fen) == ("booked", 100_000, 2_930)

    def baths(self) -> None:
        """Five residents redeem a bath each; the bath house scans their tickets."""
        v = self.village
        for bather in self.bathers:
            if bather.user_id is None:
                from marketplace.rewards.services import redeem

                redeem(
                    resident=bather, lines=[(v.bath_ticket.pk, 1)], key=uuid.uuid4(), actor=v.clerk, on_behalf_of=bather
                )
                continue
            who = self.person(bather.name, bather.user)
            who.go(v.bath_ticket.product.get_absolute_url())
            who.press(f"form[action='{reverse('basket:add', args=[v.bath_ticket.product.pk])}'] {SEND}")
            who.go("/redeem/")
            who.press(f"main form:has([name=key]) {SEND}")
            who.page.context.close()
        assert Ticket.objects.filter(state="issued").count() == 5

    def handed_over(self) -> None:
        clerk = self.person("bath house", self.village.bath_clerk)
        for ticket in Ticket.objects.order_by("pk"):
            clerk.go(reverse("counter:scan", args=[self.village.bath.pk]))
            clerk.fill(code=ticket.code)
            clerk.press(f"form[data-scan] {SEND}")
        self.supplier = clerk
        assert Ticket.objects.filter(state="handed_over").count() == 5

    def settled(self, clock: Clock) -> bytes:
        """Issue up to today, accept, prepare, approve by another, write the bank's file."""
        clock.forward(minutes=20)
        keeper, fund = self.keeper_page, self.fund.pk
        keeper.go(reverse("funds:statements", args=[fund]))
        self.look(keeper)
        keeper.press(f"main form:has([name=which][value=today]) {SEND}")
        statement = Statement.objects.get()
        assert statement.fen == 4_000
        here = reverse("funds:statement", args=[statement.pk])
        self.supplier.go(here)
        self.look(self.supplier)
        self.supplier.press(f"main form:has([name=accept]) {SEND}")
        keeper.go(here)
        keeper.page.locator("#prepare summary").click()
        keeper.page.locator("[name=prepare-invoice_number]").fill("0371003")
        keeper.press("#prepare [name=prepare]")
        supervisor = self.person("supervisor", self.supervisor, desk=True)
        supervisor.go(reverse("funds:approvals", args=[fund]))
        self.look(supervisor)
        supervisor.press("main [name=decision][value=approve]")
        payouts = reverse("funds:payouts", args=[fund])
        keeper.go(payouts)
        self.look(keeper)
        assert Payout.objects.get().state == "approved"
        keeper.press(f"main form:has([name=write]) {SEND}")
        with keeper.page.expect_download() as waiting:
            keeper.page.locator(f"main form[action*='/bank-files/'] {SEND}").first.click()
        return bytes(waiting.value.path().read_bytes())

    def impact(self, clock: Clock) -> str:
        """10: in the next month the sponsor reads what its gift did."""
        clock.set(at(2026, 11, 3))
        self.sponsor.sign_in("13000000320", seed.PASSWORD)
        self.sponsor.go(reverse("sponsors:home"))
        self.click(self.sponsor, f"main a[href='{reverse('sponsors:impact')}']")
        return self.sponsor.text()


@pytest.mark.timeout(900)
@pytest.mark.path
@pytest.mark.sqlite_only("it is what one sees after `make run`; its services are tested on both")
def test_money_from_an_enterprise_to_the_banks_file(
    village: seed.Village, practice: Any, clock: Clock, visit: Callable[..., Visitor]
) -> None:
    way = Journey(village, visit)
    way.registers()
    way.claims()
    before = way.cover()
    way.pays()
    assert "970.70" in way.public()
    assert way.cover() == before  # earmarked money covers nothing yet
    way.baths()
    promised = way.cover()
    assert promised > before
    way.handed_over()
    assert way.cover() == promised
    file = way.settled(clock)
    assert "40.00" in file.decode("utf-8-sig", errors="replace") or b"40.00" in file
    assert ACCOUNT.encode() in file
    assert BankFile.objects.get().fen == 4_000
    said = way.impact(clock)
    assert "至少5人" in said.replace(" ", "")
    assert "970.70" in said
    assert way.clicks <= 15, way.clicks
    call_command("check_funds")
    call_command("verify_ledger")
    assert not way.wrong, "\n".join(way.wrong)
