"""A fund with a keeper, an approver and a donor, and the practice double of Stripe on loopback."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from marketplace.funds import book, posting
from marketplace.funds.models import Fund, Purpose
from marketplace.funds.services import setup
from marketplace.payments.models import Payment
from marketplace.payments.practice import checkout, hooks, money
from marketplace.payments.practice.server import Server
from marketplace.payments.services import starting
from marketplace.payments.services.syncing import sync_payment
from timebank.ledger import selectors as ledger_read
from timebank.registry import services as registry
from timebank.registry.models import Region, User

SECRET = "whsec_" + "t" * 40
ORIGIN = "https://shanji.example"


def place(above: Region | None, code: str, name: str, level: str) -> Region:
    """Make a region."""
    made = {"code": code, "name": name, "short_name": name.removesuffix("村委会"), "level": level}
    if above is None:
        return Region.objects.add_root(create_kwargs=made)
    return Region.objects.add_child(Region.objects.get(pk=above.pk), create_kwargs=made)


@dataclass
class World:
    """What the tests need by name."""

    double: Server
    village: Region
    other_village: Region
    fund: Fund
    other_fund: Fund
    keeper: User
    approver: User
    donor: User
    stranger: User
    far_keeper: User
    purpose: Purpose
    numbers: list[int] = field(default_factory=lambda: [0])

    def start(self, fen: int = 100_000, **changes: Any) -> Payment:
        """Open a page to pay on."""
        given: dict[str, Any] = {
            "fund": self.fund,
            "amount_minor": fen,
            "key": uuid.uuid4(),
            "title": "给老人的洗浴",
            "actor": self.donor,
            "origin": ORIGIN,
            "payer": "泽库渔业",
            "purpose": self.purpose,
        }
        return starting.start_payment(**{**given, **changes})

    def pay(self, payment: Payment, method: str = "pm_card_visa") -> Payment:
        """Pay at the double; the village knows nothing of it yet."""
        with self.double.world.lock:
            checkout.pay(self.double.world, payment.session, method)
        return payment

    def paid(self, fen: int = 100_000, **changes: Any) -> Payment:
        """Start, pay and sync."""
        return sync_payment(self.pay(self.start(fen, **changes)).pk)

    def charge_of(self, payment: Payment) -> str:
        """Return the id of the charge at the double."""
        payment.refresh_from_db()
        return str(self.double.world.objects[payment.intent]["latest_charge"])

    def dispute(self, payment: Payment, amount: int | None = None, **words: Any) -> str:
        """Let the card's holder object; return the id."""
        with self.double.world.lock:
            return str(money.open_dispute(self.double.world, self.charge_of(payment), amount, **words)["id"])

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """List the double's events, oldest first."""
        found = [one for one in reversed(self.double.world.all("event")) if not kinds or one["type"] in kinds]
        return json.loads(json.dumps(found))

    def post(self, client: Any, event: dict[str, Any], *, secret: str = "", at: int | None = None) -> Any:
        """Send one event to the webhook as Stripe does."""
        from django.conf import settings

        body, header = hooks.signed(event, secret or settings.PRACTICE_WEBHOOK_SECRET, at)
        return send(client, body, header)

    def free(self, fund: Fund | None = None) -> int:
        """Return the free money of a fund, fen."""
        return posting.left_of(fund or self.fund, None)

    def left(self) -> int:
        """Return what is left of the purpose, fen."""
        return posting.left_of(self.fund, self.purpose)

    def give(self, fen: int, purpose: Purpose | None = None) -> None:
        """Put money into the fund by the bank."""
        self.numbers[0] += 1
        book.receive(
            fund=self.fund,
            asset=self.fund.bank_account.asset_key,
            fen=fen,
            key=f"test:give:{self.numbers[0]}",
            actor="test",
            source="test",
            purpose=purpose,
        )

    def spend(self, fen: int, *purposes: Purpose) -> None:
        """Owe a supplier something, as a handed-over ticket does."""
        self.numbers[0] += 1
        number = self.numbers[0]
        posting.open_payables(funds=[self.fund], partners=[1])
        book.draw(
            fund=self.fund, partner_id=1, fen=fen, ticket_id=10_000 + number, n=1, actor="test", purposes=purposes
        )

    def owed(self) -> int:
        """Return what the fund owes because it was empty (at most 0), fen."""
        return ledger_read.balance_of(self.fund.shortfall_key).total


def balance(key: str) -> int:
    """Return the balance of a ledger account."""
    return ledger_read.balance_of(key).total


def send(client: Any, body: bytes, header: str) -> Any:
    """Post a body with a signature."""
    return client.post("/stripe/webhook", body, content_type="application/json", headers={"Stripe-Signature": header})


def assert_equation(world: World) -> None:
    """Every fen that came in is somewhere: minus the cash = funds + owed + suspense + shortfall."""
    from timebank.ledger.models import Account

    totals: dict[str, int] = {}
    for key in Account.objects.filter(unit=2).values_list("key", flat=True):
        head = "cash" if key.startswith("asset:") and not key.startswith("asset:stock") else key.partition(":")[0]
        totals[head] = totals.get(head, 0) + balance(key)
    rest = sum(totals.get(name, 0) for name in ("fund", "payable", "suspense", "shortfall"))
    assert -totals.get("cash", 0) == rest, totals
    assert balance("debt:CNY") == 0


def at_double(world: World) -> int:
    """Return what lies at the double, net, fen."""
    return money.balance(world.double.world).get("cny", 0)


def build(double: Server | None = None) -> World:
    """Make two villages with a fund each, and everybody who acts; who pays needs the double."""
    county = place(None, "371003000000", "文登区", "county")
    town = place(county, "371003104000", "泽库镇", "town")
    village = place(town, "371003104204", "辛旺庄村委会", "village")
    far = place(place(county, "371003103000", "高村镇", "town"), "371003103216", "墩后村委会", "village")
    village, town, far = (Region.objects.get(pk=one.pk) for one in (village, town, far))

    def somebody(name: str, role: str | None = None, region: Region | None = None) -> User:
        user = User.objects.create_user(name=name, email=f"{name}@shanji.example", password="a-long-password")
        if role:
            registry.grant_role(user=user, role=role, actor=None, region=region)
        return user

    fund = setup.open_fund(region=village, actor=None)
    other_fund = setup.open_fund(region=far, actor=None)
    purpose = setup.open_purpose(fund=fund, name="老人洗浴", actor=None, key=uuid.uuid4(), min_age=60)
    return World(
        double=double,  # type: ignore[arg-type]
        village=village,
        other_village=far,
        fund=Fund.objects.select_related("region", "bank_account").get(pk=fund.pk),
        other_fund=other_fund,
        keeper=somebody("keeper", "fund_keeper", village),
        approver=somebody("approver", "town_admin", town),
        donor=somebody("donor"),
        stranger=somebody("stranger"),
        far_keeper=somebody("farkeeper", "fund_keeper", far),
        purpose=purpose,
    )


def now() -> int:
    """Tell the time in seconds since 1970."""
    return int(time.time())
