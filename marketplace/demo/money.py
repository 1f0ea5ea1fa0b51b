"""The money of the demo: funds, sponsors and what they give, a quarter of settlements, a dispute and a refund."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import transaction

from marketplace.demo import people, places
from marketplace.demo.builder import DemoBuilder, Village
from marketplace.demo.market import NAMESPACE, Market
from marketplace.demo.waiting import keep_baths
from marketplace.funds.models import Expense, Fund, Payout, Statement
from marketplace.funds.services import moving, payees, payouts, prices, setup, statements
from marketplace.funds.services.cover import take_snapshot
from marketplace.partner.models import Partner, StockRecord
from marketplace.payments.models import Payment, Refund
from marketplace.payments.practice import api
from marketplace.payments.practice.server import Server, is_free
from marketplace.payments.services import by_hand, refunds, starting
from marketplace.payments.services.syncing import sync_payment
from marketplace.sponsors.models import Enterprise, Pledge
from marketplace.sponsors.services import deliveries, enterprises, needs, pledges
from timebank.ledger.selectors import balances_of
from timebank.registry import services as registry
from timebank.registry import uscc
from timebank.registry.models import Region, User

#: Where a fund stands, and what the collective put into it (fen); the town's is for its villages without one.
FUNDS = {places.ZEKU: 450_000, places.HOME: 500_000, "371003104215": 130_000, "371003104220": 130_000}
POOR, POOR_FEN = places.POOR, 12_000


def _key(text: str) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"money:{text}")


class Money:
    """Funds and sponsors of a story."""

    def __init__(self, builder: DemoBuilder, market: Market) -> None:
        self.builder = builder
        self.market = market
        self.begin = builder.time_on(builder.first_day - dt.timedelta(days=25), 9)
        self.funds: dict[str, Fund] = {}
        self.sponsors: list[Enterprise] = []

    @property
    def town(self) -> User:
        return self.builder.users[people.TOWN_ADMIN.key]

    @property
    def keeper(self) -> User:
        return self.builder.users[people.FUND_KEEPER.key]

    @property
    def home(self) -> Fund:
        return self.funds[places.HOME]

    def _village(self, code: str) -> Village:
        return next(village for village in self.market.villages if village.region.code == code)

    # -- Before the first day ------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Open the funds, before the shelves are filled: goods are owed to the suppliers who bring them."""
        operator, town = self.builder.users["operator"], Region.objects.get(code=places.ZEKU)
        keeper = self.builder.sign_in_for(people.FUND_KEEPER)
        registry.grant_role(user=keeper, role="fund_keeper", actor=operator, region=town, now=self.begin)
        self.account = setup.open_bank_account(
            region=town, name="泽库镇农村集体资金专户", bank_name="演示银行", number="8100000000000001", actor=self.town
        )
        for code, fen in FUNDS.items():
            self._open(code, fen)

    def _open(self, code: str, fen: int) -> None:
        fund = setup.open_fund(
            region=Region.objects.get(code=code),
            bank_account=self.account,
            point_value_fen=places.YUAN_A_POINT * 100,
            actor=self.town,
            now=self.begin,
        )
        self.funds[code] = fund
        line = moving.record_line(
            kind="collective",
            fen=fen,
            booked_on=self.begin.date(),
            fund=fund,
            bank_account=self.account,
            note="滩涂承包收入划入",
            actor=self.keeper,
            key=_key(f"income:{code}"),
        )
        moving.decide_line(line=line, actor=self.town, now=self.begin)

    def agree(self) -> None:
        """Agree prices, write down where suppliers are paid, let sponsors give: when the counters stand."""
        self._open(POOR, POOR_FEN)
        town = self.funds[places.ZEKU].region
        partners = Partner.objects.filter(village__path__startswith=town.path).order_by("pk")
        for number, partner in enumerate(partners.select_related("village", "organisation")):
            self._account(partner, number)
        services = StockRecord.objects.filter(partner__in=partners, num_in_stock__isnull=True)
        for record in services.exclude(partner_sku__startswith="B").select_related("partner__village").order_by("pk"):
            own = record.partner.kind == Partner.Kind.TEAM
            price = prices.propose_price(
                stockrecord=record,
                fen=0 if own else self.market.cost_of(record),
                valid_from=self.begin.date(),
                valid_until=None,
                actor=self.keeper,
                key=_key(f"price:{record.pk}"),
            )
            prices.decide_price(price=price, actor=self.town)
        self._sponsors()
        self._gifts()

    def _account(self, partner: Partner, number: int) -> None:
        account = payees.enter_account(
            payee=payees.payee_of(partner=partner),
            holder=partner.name,
            bank_name="演示银行",
            number=f"81000000{number:08d}",
            actor=self.keeper,
            key=_key(f"account:{partner.pk}"),
            now=self.begin,
        )
        payees.confirm_account(account=account, actor=self.town, now=self.begin)

    # -- Sponsors ------------------------------------------------------------------------------------------------------
    def _sponsors(self) -> None:
        town = Region.objects.get(code=places.ZEKU)
        names = ("晨光食品有限公司", "海润水产专业合作社", "春风建材有限公司")
        for number, (name, person) in enumerate(zip(names, people.SPONSORS, strict=True), 1):
            head = f"91371003MA9DEM{number:03d}"
            enterprise = enterprises.apply_as_sponsor(
                name=name,
                shown_name=name[:4],
                region=town,
                uscc=head + uscc.check_character(head),
                contact_name=person.name,
                contact_phone=person.phone,
                user=self.builder.sign_in_for(person),
                on_thanks_wall=True,
                now=self.begin,
            )
            self.sponsors.append(
                enterprises.decide_application(enterprise=enterprise, actor=self.town, approve=True, now=self.begin)
            )

    def _gifts(self) -> None:
        """Six purposes: two for needs that the village published, four as the sponsors wished."""
        food, fish, stone = self.sponsors
        bath = Partner.objects.get(name="洗浴中心", village=self.home.region)
        canteen = Partner.objects.get(name="幸福餐桌", village=self.home.region)
        self.baths = self._pledge(
            food,
            "冬天为老人洗浴",
            100_000,
            need=self._need(food, "冬天为七十岁以上老人洗浴", 100_000, pays_tickets=True),
        )
        self._transfer(self._pledge(food, "七十岁以上老人的午餐", 500_000, supplier=canteen, min_age=70))
        self.fish_gift = self._transfer(self._pledge(fish, "老人洗浴", 200_000, supplier=bath, min_age=60))
        self._transfer(self._pledge(fish, "六十岁以上老人的服务", 300_000, min_age=60))
        benches = self._need(stone, "修缮文化广场长椅", 600_000, pays_tickets=False)
        self._transfer(self._pledge(stone, "修缮文化广场长椅", 600_000, need=benches))
        self.doubted = self._pledge(stone, "周家村老人的服务", 80_000, fund=self.funds["371003104215"], min_age=60)
        self._soap(fish)

    def _need(self, sponsor: Enterprise, title: str, fen: int, *, pays_tickets: bool) -> needs.Need:
        admin = self._village(places.HOME).admin
        need = needs.write_need(
            region=self.home.region,
            title=title,
            text=f"{title}，由村民代表会议提出。",
            target="本村老人",
            budget_fen=fen,
            deadline=self.builder.today + dt.timedelta(days=60),
            pays_tickets=pays_tickets,
            actor=admin,
            now=self.begin,
        )
        needs.publish_need(need=need, actor=admin, now=self.begin)
        staff = sponsor.applied_by
        claim = needs.ask_claim(
            need=need, enterprise=sponsor, wished_name=sponsor.shown_name, actor=staff, now=self.begin
        )
        needs.decide_claim(claim=claim, actor=admin, grant=True, now=self.begin)
        need.refresh_from_db()
        return need

    def _pledge(
        self,
        sponsor: Enterprise,
        text: str,
        fen: int,
        *,
        fund: Fund | None = None,
        need: needs.Need | None = None,
        supplier: Partner | None = None,
        min_age: int | None = None,
    ) -> Pledge:
        staff = sponsor.applied_by
        made = pledges.make_pledge(
            enterprise=sponsor,
            fund=fund or self.home,
            kind=Pledge.Kind.MONEY,
            nature=Pledge.Nature.DONATION,
            text=text,
            amount_fen=fen,
            need=need,
            supplier=supplier,
            min_age=min_age,
            due_on=self.builder.today + dt.timedelta(days=30),
            actor=staff,
            now=self.begin,
        )
        pledges.submit_pledge(pledge=made, actor=staff, now=self.begin)
        return pledges.decide_pledge(pledge=made, actor=self.keeper, accept=True, now=self.begin)

    def _transfer(self, pledge: Pledge) -> Payment:
        payment = by_hand.announce_transfer(
            fund=pledge.fund,
            amount_fen=pledge.amount_fen,
            key=_key(pledge.source),
            title=pledge.text,
            source=pledge.source,
            purpose=pledge.purpose,
            payer=pledge.enterprise.organisation.name,
            actor=pledge.made_by,
        )
        by_hand.record_transfer(
            payment=payment, received_on=self.begin.date(), document=f"演示回单{payment.pk}", actor=self.keeper
        )
        return by_hand.confirm_transfer(payment=payment, actor=self.town)

    def _soap(self, sponsor: Enterprise) -> None:
        """Let goods be promised, brought, counted and valued: a reward that names its donor."""
        record = StockRecord.objects.get(partner__village=self.home.region, partner_sku="G104")
        home = self._village(places.HOME)
        made = pledges.make_pledge(
            enterprise=sponsor,
            fund=self.home,
            kind=Pledge.Kind.GOODS,
            nature=Pledge.Nature.DONATION,
            text="香皂六十块",
            units=60,
            stockrecord=record,
            due_on=self.builder.today + dt.timedelta(days=30),
            actor=sponsor.applied_by,
            now=self.begin,
        )
        pledges.submit_pledge(pledge=made, actor=sponsor.applied_by, now=self.begin)
        made = pledges.decide_pledge(pledge=made, actor=self.keeper, accept=True, now=self.begin)
        coming = deliveries.announce_delivery(
            pledge=made, units=60, expected_on=self.builder.today, actor=sponsor.applied_by, now=self.begin
        )
        deliveries.count_delivery(
            delivery=coming, units=60, stockrecord=record, actor=home.stock_keeper, now=self.begin
        )
        deliveries.value_delivery(
            delivery=coming,
            evidence="invoice",
            evidence_text="演示发票0001",
            file_name="invoice.pdf",
            file_data=b"%PDF-1.4\n%demo\n",
            value_fen=18_000,
            actor=self.keeper,
            now=self.begin,
        )

    # -- Day by day ----------------------------------------------------------------------------------------------------
    def settle(self, day: dt.date) -> None:
        """Keep the cover's history; issue statements on the first of a month, pay those that nobody objects to."""
        if day.weekday() == 6:
            for fund in self.funds.values():
                take_snapshot(fund=fund, now=self.builder.time_on(day, 22))
        if day.weekday() in {2, 5}:
            self._bathe(day)
        now = self.builder.time_on(day, 9, 30)
        if day.day == 1:
            last = day - dt.timedelta(days=1)
            statements.issue_statements(first_day=last.replace(day=1), last_day=last, now=now)
        due = Statement.objects.filter(state=Statement.State.ISSUED, objections_until__lt=day)
        # The home village's last ones are left to whoever tries the demo.
        left = {"partner__village": self.home.region, "last_day__gte": self._last_month()}
        for statement in due.exclude(**left).select_related("partner__village").order_by("pk"):
            with transaction.atomic():
                self._pay(statement, now)

    def _bathe(self, day: dt.date) -> None:
        """Let whoever of the home village saved most take a bath: it is served tomorrow."""
        home = self._village(places.HOME)
        balances = balances_of([resident.wallet_key for resident in home.residents])
        bathers = [resident for resident in home.residents if resident not in self.builder.cast.values()]
        resident = max(bathers, key=lambda bather: (balances[bather.wallet_key].spendable, -bather.pk))
        bath = next(record for record in self.market.shelves[home.region.pk] if record.partner_sku == "S002")
        made = self.market.redeem_for(resident, [(bath.pk, 1)], home, self.builder.time_on(day, 10))
        if made is not None:
            self.market.waiting[day + dt.timedelta(days=1)] += made.tickets.values_list("pk", flat=True)

    def _last_month(self) -> dt.date:
        return (self.builder.today.replace(day=1) - dt.timedelta(days=1)).replace(day=1)

    def _pay(self, statement: Statement, now: dt.datetime) -> None:
        statement = statements.prepare_statement(
            statement=statement, invoice_number=f"演示{statement.pk:06d}", actor=self.keeper
        )
        statements.approve_statement(statement=statement, actor=self.town, now=now)
        ready = list(Payout.objects.filter(statement=statement, state=Payout.State.APPROVED).order_by("pk"))
        if not ready:
            return
        payouts.write_bank_file(
            bank_account=self.account,
            payout_ids=[payout.pk for payout in ready],
            actor=self.keeper,
            key=_key(f"file:{statement.pk}"),
            now=now,
        )
        for payout in ready:
            payouts.confirm_paid(payout=payout, actor=self.keeper, now=now)

    # -- Today ---------------------------------------------------------------------------------------------------------
    def finish(self) -> None:
        """Spend on a project, give a part of a gift back, pay online and let one payment be doubted."""
        self._benches()
        refund = refunds.ask_refund(
            payment=self.fish_gift,
            amount_minor=50_000,
            reason="捐赠方误转，要求退回部分",
            key=_key("refund"),
            kind=Refund.Kind.REFUND,
            actor=self.keeper,
        )
        refunds.decide_refund(refund=refund, approve=True, actor=self.town)
        self._online()
        for fund in self.funds.values():
            take_snapshot(fund=fund, now=self.builder.now)
        keep_baths(self.market, self.funds[POOR], self._village(POOR), self.builder.now)

    def _benches(self) -> None:
        purpose = self.home.purposes.get(pays_tickets=False)
        payee = payees.create_payee(region=self.home.region, name="匠心木作（演示）", actor=self.keeper)
        bill = moving.prepare_expense(
            fund=self.home,
            payee=payee,
            purpose=purpose,
            kind=Expense.Kind.PROJECT,
            fen=240_000,
            text="长椅木料与油漆",
            voucher_number="演示收据01",
            actor=self.keeper,
            key=_key("benches"),
        )
        moving.decide_expense(expense=bill, actor=self.town)

    def _online(self) -> None:
        """Pay two gifts at the practice service, which keeps its own books; the second is doubted by its bank."""
        port = int(settings.PRACTICE_PAYMENTS.rpartition(":")[2] or 0)
        if not port or not is_free(port):
            return  # without the practice service there are no payments online
        server = Server(port, file=Path(settings.VAR) / "practice.json")
        server.world.reset()
        server.start()

        def control(what: str, **asked: object) -> None:
            with server.world.lock:
                api.control(server.world, what, asked)
                server.world.save()

        try:
            self._pay_online(self.baths, control)
            payment = self._pay_online(self.doubted, control)
            control("dispute", charge=server.world.objects[payment.intent]["latest_charge"])
            sync_payment(payment.pk)
        finally:
            server.stop()

    def _pay_online(self, pledge: Pledge, control: Callable[..., None]) -> Payment:
        payment = starting.start_payment(
            fund=pledge.fund,
            amount_minor=pledge.amount_fen,
            key=_key(f"{pledge.source}:online"),
            title=pledge.text,
            source=pledge.source,
            purpose=pledge.purpose,
            payer=pledge.enterprise.organisation.name,
            origin=settings.SITE_URL or "http://localhost:8000",
            actor=pledge.made_by,
        )
        control("pay", session=payment.session)
        return sync_payment(payment.pk)
