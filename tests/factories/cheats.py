"""A village with hours and a shelf, and one cheat in it with all that he may do; everything by the public services."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from marketplace.catalogue.models import Product, ProductClass
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.services import create_partner, list_reward
from marketplace.rewards import services as rewards
from marketplace.rewards.models import StockMovement, Ticket
from tests.factories.rewards import give
from tests.factories.service import World, at, balance, make_world
from timebank.common.errors import DomainError
from timebank.ledger.selectors import balances_of
from timebank.registry import roles
from timebank.registry import services as registry
from timebank.registry.models import Resident, User
from timebank.service.models import Record

PIN, OWN_PIN, PASSWORD = "2580", "9731", "a-long-password"
CONSENT = "2026-11"
OPERATOR = "operator"
LOOKS = {"view_village", "audit", "see_reads", "see_settlement"}
BASE = ("village_admin", "leader", "clerk", "verifier", "supervisor", "stock_keeper", "town_admin", OPERATOR)


@dataclass
class Stage:
    """The village of the cheats: its people of good faith, one shop, one supplier with an organisation of its own."""

    world: World
    shop: Partner
    bath: Partner
    soap: StockRecord
    bathing: StockRecord
    own: Resident  # the cheat himself
    wife: Resident
    client: Resident  # whom he helps
    elder: Resident  # on paper, with points: no kin of his
    signed: Resident  # with a sign-in and points


def make_stage() -> Stage:
    """Set the stage, on which nobody cheats yet."""
    world = make_world()
    goods = ProductClass.objects.create(name="实物", kind="goods", track_stock=True, requires_shipping=False)
    service = ProductClass.objects.create(name="服务", kind="service", track_stock=False, requires_shipping=False)
    organisation = registry.register_organisation(name="澡堂", kind="supplier", region=world.village, actor=world.admin)
    shop = create_partner(name="信用超市", village=world.village)
    bath = create_partner(name="澡堂", kind="bath", village=world.village, organisation=organisation)
    products = [
        Product.objects.create(title=title, slug=slug, upc=slug, product_class=kind, structure=Product.STANDALONE)
        for title, slug, kind in (("香皂", "c1", goods), ("洗浴", "c2", service))
    ]
    keeper = User.objects.create_user(name="保管", email="keeper@shanji.example")
    registry.grant_role(user=keeper, role="stock_keeper", region=world.village, actor=None)
    soap = list_reward(product=products[0], partner=shop, points=500, sku="C1")
    rewards.receive_stock(stockrecord=soap, quantity=20, actor=keeper, reason="初次入库")
    bathing = list_reward(product=products[1], partner=bath, points=500, sku="C2")
    people = [
        world.resident("吴七", household_number="88"),
        world.resident("妻", household_number="88", phone=False),
        world.resident("奶奶", phone=False),
        world.resident("老人", phone=False),
        world.resident("郑有号"),
    ]
    for person in people:
        give(person, 3000)
    registry.add_proxy(resident=people[2], helper=people[0].user, relation="village", actor=None)
    return Stage(world, shop, bath, soap, bathing, *people)


def may_together() -> list[tuple[str, str]]:
    """List each role that a cheat may have, alone and with each second one that it does not clash with."""
    table = roles.table()
    second = [key for key, app in table.app_of.items() if app != "bees" and key != "city_admin"]
    found = [(OPERATOR, "")]
    for base in BASE[:-1]:
        found.append((base, ""))
        found += [(base, other) for other in second if other != base and not roles.clash(base, other)]
    return [pair for number, pair in enumerate(found) if pair[::-1] not in found[:number]]


def rights_of(pair: tuple[str, str]) -> tuple[frozenset[str], bool]:
    """Return what a pair of roles may do with hours, points, goods and people, and whether at a supplier of its own.

    Looking on, and what only moves money, mints nothing and hands nothing over.
    """
    if pair[0] == OPERATOR:
        return frozenset({OPERATOR}), False
    table = roles.table()
    minting = [role for role in pair if role and table.app_of[role] not in {"funds", "sponsors"}]
    return frozenset().union(*(table.allowed[role] for role in minting)) - LOOKS, "supplier_staff" in pair


def pairs() -> list[tuple[str, str]]:
    """List the pairs of roles of which each may do something that none before may."""
    return list({rights_of(pair): pair for pair in reversed(may_together())}.values())


class Cheat:
    """What one person does alone, for himself, his wife, his client, a ghost, or with another's points."""

    def __init__(self, stage: Stage, role: str, second: str = "") -> None:
        self.stage, self.world = stage, stage.world
        self.hour = at(20, 8)
        self.me = User.objects.get(pk=stage.own.user_id)
        if role == OPERATOR:
            User.objects.filter(pk=self.me.pk).update(is_superuser=True)
            self.me = User.objects.get(pk=self.me.pk)
        for name in {role, second} - {"", OPERATOR}:
            place: dict[str, Any] = {"region": self.world.town if name == "town_admin" else self.world.village}
            if roles.is_by_organisation(name):
                place = {"organisation": stage.bath.organisation}
            registry.grant_role(user=self.me, role=name, actor=None, **place)
        self.who = {name: getattr(stage, name) for name in ("own", "wife", "client", "elder", "signed")}
        self.had = {name: balance(person) for name, person in self.who.items()}
        self.sign_ins: dict[str, User] = {}  # of others, whose password he knows
        # The activity is another's: with his own he would be the leader, whatever he is.
        self.activity = self.world.activity(starts_at=at(20, 8), ends_at=at(20, 12))

    def take(self, step: str, whom: str) -> bool:
        """Take one step; a refusal is only a refusal. Say whether it was taken."""
        self.hour += dt.timedelta(minutes=7)
        try:
            STEPS[step](self, whom)
        except DomainError:
            return False
        return True

    def actor_for(self, whom: str) -> User:
        """Return the sign-in he uses: the person's own, where he knows the password."""
        return self.sign_ins.get(whom, self.me)

    @property
    def won(self) -> str:
        """Say what he got: hours that passed the second person, a point, a reward in somebody's hands, or nothing."""
        passed = Record.objects.exclude(state__in=("draft", "submitted", "returned")).select_related("resident").first()
        if passed is not None:
            return f"hours for {passed.resident.name}"
        held = balances_of([person.wallet_key for person in self.who.values()])
        for name, person in self.who.items():
            if held[person.wallet_key].spendable > self.had.get(name, 0):
                return f"points for {name}"
        ticket = Ticket.objects.filter(state=Ticket.State.HANDED_OVER).select_related("resident").first()
        if ticket is not None:
            return f"a reward for {ticket.resident.name}"
        gone = StockMovement.objects.filter(
            kind__in=("count", "write_off"), on_shelf__lt=0, ticket__isnull=True
        ).first()
        return f"{gone.quantity} pieces off the books" if gone is not None else ""


Step = Callable[[Cheat, str], object]
STEPS: dict[str, Step] = {}


def step(function: Step) -> Step:
    """Add a step to what a cheat can do, under its name."""
    STEPS[function.__name__] = function
    return function


def run(stage: Stage, steps: list[tuple[str, str]], role: str, second: str = "") -> str:
    """Run one cheat and undo all of it; say what he won, or nothing."""
    return next(iter(run_all(stage, {"": [("begin", ""), *steps]}, role, second).values()), "")


def run_all(stage: Stage, scripts: dict[str, list[tuple[str, str]]], role: str, second: str = "") -> dict[str, str]:
    """Run each script by itself with one person's roles; return what was won by which.

    A script whose first step is refused is over: the rest builds on it.
    """
    won = {}
    with _undone():
        made = Cheat(stage, role, second)
        for name, steps in scripts.items():
            with _undone():
                cheat = copy.copy(made)
                cheat.me = User.objects.get(pk=made.me.pk)
                cheat.who, cheat.sign_ins = dict(made.who), {}
                for number, (one, whom) in enumerate(steps):
                    if not cheat.take(one, whom) and number == 0:
                        break
                if what := cheat.won:
                    won[name] = what
    return won


@contextlib.contextmanager
def _undone() -> Iterator[None]:
    """Take back all that is written; the sweeps and the PIN's counter may have transactions of their own in it."""
    together = transaction.atomic()
    together._from_testcase = True  # type: ignore[attr-defined]
    with together:
        yield
        transaction.set_rollback(True)
