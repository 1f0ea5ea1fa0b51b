"""The market of the demo: suppliers, shelves, and what the people of the story redeem with their points."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from contextlib import suppress

from django.db.models import F

from marketplace.catalogue.models import Product
from marketplace.catalogue.services import load_catalogue
from marketplace.demo import people, places
from marketplace.demo.builder import DemoBuilder, Village
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import whole_steps
from marketplace.partner.services import create_partner, list_reward
from marketplace.rewards import services as rewards
from marketplace.rewards.errors import InsufficientPoints, StockTooLow
from marketplace.rewards.models import Redemption, Ticket, WriteOff
from marketplace.rewards.services.suppliers import open_supplier
from timebank.common.errors import DomainError
from timebank.ledger.selectors import balances_of
from timebank.registry import services as registry
from timebank.registry.models import Organisation, Region, Resident, User
from timebank.registry.services.residents import CONSENT_VERSION
from timebank.service import services as service
from timebank.service.models import Record

NAMESPACE = uuid.UUID("6f1b1a52-7a0e-4f0e-9d5c-5a0f7f0f2c11")
BATH = "洗浴中心"


def worth_at(code: str) -> int:
    """Return what a point is worth in a place of the demo, in yuan."""
    return places.YUAN_A_TIER_POINT if code == places.TIERS else places.YUAN_A_POINT


class Market:
    """Shops and redemptions of a story."""

    def __init__(self, builder: DemoBuilder) -> None:
        self.builder = builder
        self.rng = builder.rng
        self.villages = [village for village in builder.villages if village.has_market]
        self.shelves: dict[int, list[StockRecord]] = {}
        self.clerks: dict[int, User] = {}  # who hands over, by supplier
        self.worth = {village.region.pk: worth_at(village.region.code) for village in builder.villages}
        self.waiting: dict[dt.date, list[int]] = defaultdict(list)
        self.turn = 0

    def open(self) -> None:
        """Open the counters of the market villages and fill their shelves."""
        builder = self.builder
        begin = builder.time_on(builder.first_day - dt.timedelta(days=20), 9)
        home = self.villages[0]
        bath_house = registry.register_organisation(
            name=f"{home.region.short_name}{BATH}",
            kind=Organisation.Kind.SUPPLIER,
            region=home.region,
            actor=builder.users["operator"],
        )
        # Made before the catalogue is loaded, which leaves what stands as it is: this one has a staff of its own.
        create_partner(
            name=BATH,
            name_en="Bath house",
            kind=Partner.Kind.BATH,
            village=home.region,
            organisation=bath_house,
            place=f"{home.region.short_name}文化广场西侧",
            opening_hours="13:00–20:00",
        )
        clerk = builder.sign_in_for(people.BATH_CLERK)
        registry.grant_role(
            user=clerk, role="supplier_staff", organisation=bath_house, actor=builder.users["operator"], now=begin
        )
        loaded = load_catalogue(villages=[village.region for village in self.villages], yuan_a_point=self.worth)
        keepers = {village.region.pk: village.stock_keeper for village in self.villages}
        for record, quantity in loaded.opening_stock:
            keeper = keepers[record.partner.village_id]
            assert keeper is not None  # noqa: S101 (market villages have one)
            is_home, is_dear = record.partner.village_id == home.region.pk, self.cost_of(record) >= 2400
            if is_dear and not is_home:
                continue  # a small village buys no rice cookers in advance
            few = min(quantity, self.rng.randint(1, 2) if is_dear else self.rng.randint(5, 9) if is_home else 3)
            self._receive(record, few, keeper, "开集首批到货", begin)
            builder.tick(f"{record.partner.village} {record.product}")
        for code in (places.ZEKU, places.GAOCUN):
            self._open_town(code, begin)
        for village in self.villages:
            assert village.clerk is not None  # noqa: S101 (market villages have one)
            for partner in Partner.objects.filter(village=village.region):
                self.clerks[partner.pk] = village.clerk
        by_region: dict[str, list[StockRecord]] = defaultdict(list)
        for record in StockRecord.objects.select_related(
            "partner__village", "partner__organisation", "product__product_class"
        ).order_by("pk"):
            by_region[record.partner.village.code].append(record)
        for village in builder.villages:
            code = village.region.code
            self.shelves[village.region.pk] = by_region[code] or by_region[code[:9] + "000"]
        self.others = [village for village in builder.villages if not village.has_market]

    def _receive(self, record: StockRecord, quantity: int, keeper: User, reason: str, now: dt.datetime) -> None:
        rewards.receive_stock(
            stockrecord=record,
            quantity=quantity,
            actor=keeper,
            cost_fen=quantity * self.cost_of(record),
            batch=f"{now:%Y%m}-{record.partner_sku}",
            reason=reason,
            now=now,
        )

    def cost_of(self, record: StockRecord) -> int:
        """Return what a unit costs, in fen: four fifths of what its points are worth."""
        return int(record.price * worth_at(record.partner.village.code) * 80)

    def _open_town(self, code: str, begin: dt.datetime) -> None:
        """Open the suppliers of a town that every village in it has in reach."""
        town, actor = Region.objects.get(code=code), self.builder.users[people.CITY_ADMIN.key]
        operator = self.builder.users["operator"]
        body = registry.register_organisation(
            name=f"{town.name}便民服务部（演示）", kind=Organisation.Kind.SUPPLIER, region=town, actor=operator
        )
        clerk = User.objects.create_user(name=next(self.builder.names))
        registry.grant_role(user=clerk, role="supplier_staff", organisation=body, actor=operator, now=begin)
        for name, name_en, kind, upc, fen, place, hours in places.TOWN_SUPPLIERS:
            partner = open_supplier(
                region=town,
                name=f"{town.short_name}{name}",
                name_en=name_en,
                kind=kind,
                place=place,
                opening_hours=hours,
                organisation=body,
                actor=actor,
                now=begin,
            )
            list_reward(
                product=Product.objects.get(upc=upc),
                partner=partner,
                points=whole_steps(fen, places.YUAN_A_POINT),
                sku=upc,
            )
            self.clerks[partner.pk] = clerk

    def trade(self, day: dt.date) -> None:
        """Let some people redeem and others collect what they redeemed days ago; twice a month goods come in."""
        self._collect(day)
        if day.day in (3, 17):
            self._restock(day)
        if day < self.builder.first_day + dt.timedelta(days=21):
            return
        for village in self.villages:
            chance = 0.75 if village.region.code == places.HOME else 0.25
            if self.rng.random() < chance:
                self._redeem(village, day)
        if self.rng.random() < 0.4:
            self._redeem(self.rng.choice(self.others), day)

    def _restock(self, day: dt.date) -> None:
        """Bring what ran out, but for what is sought after more than the village can buy."""
        low = StockRecord.objects.filter(num_in_stock__gt=0, num_in_stock__lt=F("num_allocated") + 2)
        keepers = {village.region.pk: village.stock_keeper for village in self.villages}
        for record in low.select_related("partner__village", "partner__organisation").order_by("pk"):
            keeper = keepers[record.partner.village_id]
            if keeper is None or record.partner.village.code == places.POOR or record.partner_sku in places.SOLD_OUT:
                continue
            self._receive(record, 3, keeper, "补货", self.builder.time_on(day, 8, 30))

    def _redeem(self, village: Village, day: dt.date) -> None:
        keys = [resident.wallet_key for resident in village.residents]
        balances = balances_of(keys)
        savers = [
            r
            for r in village.residents
            if balances[r.wallet_key].spendable >= 100 and r not in self.builder.cast.values()
        ]
        if not savers:
            return
        resident = self.rng.choice(savers)
        spendable = balances[resident.wallet_key].spendable
        within = [
            record
            for record in self.shelves[village.region.pk]
            if record.price * 100 <= spendable and record.price * 100 >= min(spendable, 1000) // 4
        ]
        if not within:
            return
        chosen = self.rng.choice(within)
        now = self.builder.time_on(day, self.rng.randint(9, 16), self.rng.randint(0, 59))
        redemption = self.redeem_for(resident, [(chosen.pk, 1)], village, now)
        if redemption is None:
            return
        later = day + dt.timedelta(days=self.rng.choice([0, 0, 1, 1, 2, 4, 30]))
        for ticket in redemption.tickets.order_by("pk"):
            if village.has_market and self.rng.random() < 0.06:
                rewards.cancel_ticket(
                    ticket=ticket,
                    actor=resident.user or village.admin,
                    reason="改主意了" if resident.user else "本人到村委会要求取消",
                    now=now + dt.timedelta(minutes=20),
                )
            else:
                self.waiting[max(later, day)].append(ticket.pk)

    def redeem_for(
        self, resident: Resident, lines: list[tuple[int, int]], village: Village, instant: dt.datetime
    ) -> Redemption | None:
        """Redeem in the name of a resident; a refusal is a thing that happens, not a fault of the demo."""
        self.turn += 1
        try:
            return rewards.redeem(
                resident=resident,
                lines=lines,
                key=uuid.uuid5(NAMESPACE, f"redeem:{self.turn}"),
                actor=resident.user or village.admin,
                on_behalf_of=None if resident.user else resident,
                now=instant,
            )
        except DomainError:
            return None

    def _collect(self, day: dt.date) -> None:
        for pk in self.waiting.pop(day, ()):
            ticket = Ticket.objects.select_related("partner__village", "partner__organisation").get(pk=pk)
            if ticket.state != Ticket.State.ISSUED:
                continue
            rewards.hand_over(
                code=ticket.code,
                actor=self.clerks[ticket.partner_id],
                nonce=str(uuid.uuid5(NAMESPACE, f"scan:{pk}")),
                partner=ticket.partner,
                now=self.builder.time_on(day, 17, self.rng.randint(0, 50)),
            )

    def _return(self, home: Village, now: dt.datetime) -> None:
        """Take one thing back that was broken, and leave the question of another to the supervisor."""
        keeper, supervisor = home.stock_keeper, home.supervisor
        assert keeper is not None  # noqa: S101 (the home village has a market)
        assert supervisor is not None  # noqa: S101
        handed_over = Ticket.objects.filter(
            redemption__village=home.region, state=Ticket.State.HANDED_OVER, is_stocked=True
        ).order_by("-handed_over_at", "-pk")
        for number, ticket in enumerate(handed_over[:2]):
            asked = rewards.ask_return(
                ticket=ticket, actor=keeper, reason="回家打开发现是坏的", restock=bool(number), now=now
            )
            if not number:
                rewards.decide_return(asked=asked, actor=supervisor, approve=True, now=now)

    def finish(self) -> None:
        """Leave every desk with something to do today, and the cast with points to spend."""
        builder = self.builder
        home = self.villages[0]
        clerk, keeper = home.clerk, home.stock_keeper
        assert clerk is not None  # noqa: S101 (the home village has a market)
        assert keeper is not None  # noqa: S101
        by_sku = {record.partner_sku: record for record in self.shelves[home.region.pk]}
        now = builder.now - dt.timedelta(minutes=5)
        self.redeem_for(builder.cast["resident"], [(by_sku["S003"].pk, 1)], home, builder.time_on(builder.today, 8))
        # Bath tickets: two of the careful savers bought one; one of them has been served today.
        balances = balances_of([resident.wallet_key for resident in home.residents])
        savers = sorted(home.residents, key=lambda r: (-balances[r.wallet_key].spendable, r.pk))
        bathers = [r for r in savers if r not in builder.cast.values()][:3]
        for number, resident in enumerate(bathers):
            redemption = self.redeem_for(
                resident, [(by_sku["S002"].pk, 1)], home, builder.time_on(builder.today, 9, number)
            )
            if redemption is None or number:
                continue
            ticket = redemption.tickets.select_related("partner__village", "partner__organisation").get()
            rewards.hand_over(
                code=ticket.code,
                actor=builder.users[people.BATH_CLERK.key],
                nonce=str(uuid.uuid5(NAMESPACE, "scan:bath")),
                partner=ticket.partner,
                now=now,
            )
        # Grandmother sends her nephew to the counter with her card.
        soap = by_sku["G104"]
        with suppress(InsufficientPoints):  # in a story of a few days nobody has points yet
            rewards.card_sale(
                card_number=builder.cast["grandmother"].cards.get(status="active").number,
                pin=people.CARD_PIN,
                lines=[(soap.pk, 1)],
                key=uuid.uuid5(NAMESPACE, "sale:grandmother"),
                actor=clerk,
                partner=soap.partner,
                brought_by=people.NEPHEW.name,
                now=now,
            )
        self._return(home, now)
        # What is gone and what runs low, a neighbour who asks to join, and one who doubts a record on the notice board.
        for sku, left, reason in (
            ("G017", 2, "盘点：雨季用去不少，只剩两把"),
            *((sku, 0, "盘点：已经兑完，等下一批") for sku in places.SOLD_OUT),
        ):
            record = by_sku[sku]
            record.refresh_from_db(fields=["num_allocated"])
            counted = (record.num_allocated or 0) + left
            asked = rewards.adjust_stock(stockrecord=record, quantity=counted, actor=keeper, reason=reason, now=now)
            if isinstance(asked, WriteOff):
                rewards.decide_write_off(asked=asked, actor=home.admin, approve=True, now=now)
        with suppress(StockTooLow):
            rewards.adjust_stock(
                stockrecord=soap, quantity=1, actor=keeper, reason="纸箱受潮，一块泡坏了", kind="write_off", now=now
            )
        registry.apply_to_join(
            village=home.region,
            name="蒲寒露",
            phone="13000000018",
            password=people.PASSWORD,
            consent_version=CONSENT_VERSION,
            now=now,
        )
        doubted = Record.objects.filter(village=home.region, state=Record.State.PUBLISHED).order_by("-served_on", "pk")
        doubter = builder.cast["nephew"]
        record = doubted.exclude(resident__household=doubter.household).first()
        if record is not None:
            service.raise_objection(
                record=record,
                resident=doubter,
                text="那天下午我在广场，没有看到这位邻居，请核实签到。",
                actor=doubter.user,
                now=now,
            )
