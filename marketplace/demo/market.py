"""The market of the demo: suppliers, shelves, and what the people of the story redeem with their points."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict

from marketplace.catalogue.services import load_catalogue
from marketplace.demo import people, places
from marketplace.demo.builder import DemoBuilder, Village
from marketplace.funds.errors import FundNotCovered
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.services import create_partner
from marketplace.rewards import services as rewards
from marketplace.rewards.errors import RewardsError
from marketplace.rewards.models import Redemption, Ticket
from timebank.ledger.selectors import balances_of
from timebank.registry import services as registry
from timebank.registry.models import Organisation, Resident
from timebank.registry.services.residents import CONSENT_VERSION
from timebank.service import services as service
from timebank.service.models import Record

NAMESPACE = uuid.UUID("6f1b1a52-7a0e-4f0e-9d5c-5a0f7f0f2c11")
BATH = "洗浴中心"


class Market:
    """Shops and redemptions of a story."""

    def __init__(self, builder: DemoBuilder) -> None:
        self.builder = builder
        self.rng = builder.rng
        self.villages = [village for village in builder.villages if village.has_market]
        self.shelves: dict[int, list[StockRecord]] = {}
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
        loaded = load_catalogue(villages=[village.region for village in self.villages])
        keepers = {village.region.pk: village.stock_keeper for village in self.villages}
        for record, quantity in loaded.opening_stock:
            keeper = keepers[record.partner.village_id]
            assert keeper is not None  # noqa: S101 (market villages have one)
            rewards.receive_stock(
                stockrecord=record,
                quantity=quantity,
                actor=keeper,
                cost_fen=int(record.price * 100) * 8 // 10,
                batch=f"{begin:%Y%m}-{record.partner_sku}",
                reason="开集首批到货",
                now=begin,
            )
            builder.tick(f"{record.partner.village} {record.product}")
        for village in self.villages:
            self.shelves[village.region.pk] = list(
                StockRecord.objects.filter(partner__village=village.region)
                .select_related("partner__village", "partner__organisation", "product__product_class")
                .order_by("pk")
            )

    def trade(self, day: dt.date) -> None:
        """Let some people redeem and others collect what they redeemed days ago."""
        self._collect(day)
        if day < self.builder.first_day + dt.timedelta(days=21):
            return
        for village in self.villages:
            chance = 0.55 if village.region.code == places.HOME else 0.2
            if self.rng.random() < chance:
                self._redeem(village, day)

    def _redeem(self, village: Village, day: dt.date) -> None:
        keys = [resident.wallet_key for resident in village.residents]
        balances = balances_of(keys)
        savers = [
            r
            for r in village.residents
            if balances[r.wallet_key].spendable >= 200 and r not in self.builder.cast.values()
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
            if self.rng.random() < 0.06:
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
        except (RewardsError, FundNotCovered):
            return None

    def _collect(self, day: dt.date) -> None:
        for pk in self.waiting.pop(day, ()):
            ticket = Ticket.objects.select_related("partner__village", "partner__organisation").get(pk=pk)
            if ticket.state != Ticket.State.ISSUED:
                continue
            village = next(v for v in self.villages if v.region.pk == ticket.partner.village_id)
            clerk = village.clerk
            assert clerk is not None  # noqa: S101 (market villages have one)
            rewards.hand_over(
                code=ticket.code,
                actor=clerk,
                nonce=str(uuid.uuid5(NAMESPACE, f"scan:{pk}")),
                partner=ticket.partner,
                now=self.builder.time_on(day, 17, self.rng.randint(0, 50)),
            )

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
        # A shelf that runs low, a neighbour who asks to join, and one who doubts a record on the notice board.
        umbrella = by_sku["G017"]
        umbrella.refresh_from_db(fields=["num_allocated"])
        rewards.adjust_stock(
            stockrecord=umbrella,
            quantity=(umbrella.num_allocated or 0) + 2,
            actor=keeper,
            reason="盘点：雨季用去不少，只剩两把",
            now=now,
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
