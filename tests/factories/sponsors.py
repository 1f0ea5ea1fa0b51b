"""A village with a fund, a sponsor and its contact, and shorthands for what is promised and brought. All invented."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from marketplace.sponsors.models import Claim, Delivery, Enterprise, Need, Pledge
from marketplace.sponsors.services import deliveries, enterprises, needs, pledges
from tests.factories.funds import Money
from tests.factories.funds import make as make_money
from tests.factories.rewards import PASSWORD, next_phone
from timebank.registry import uscc as codes
from timebank.registry.models import User

_numbers = iter(range(1, 10_000))


def next_code() -> str:
    """Return a right credit code that no enterprise has."""
    head = f"91371003MA{next(_numbers):07d}"
    return head + codes.check_character(head)


def soon(days: int = 30) -> dt.date:
    """Return a day to come."""
    return timezone.localdate() + dt.timedelta(days=days)


@dataclass
class Giving:
    """The world of the funds with an approved sponsor in it."""

    money: Money
    sponsor: Enterprise
    giver: User  # works for the sponsor
    others: dict[str, Any] = field(default_factory=dict)

    @property
    def fund(self) -> Any:
        return self.money.fund

    @property
    def world(self) -> Any:
        return self.money.world

    def apply(self, name: str = "晨光食品", **facts: Any) -> Enterprise:
        """Let an enterprise apply."""
        facts.setdefault("uscc", next_code())
        facts.setdefault("contact_phone", next_phone())
        return enterprises.apply_as_sponsor(
            name=name, region=self.world.town, contact_name="联系人", password=PASSWORD, **facts
        )

    def another(self, name: str = "海润水产", **facts: Any) -> Enterprise:
        """Return a second approved sponsor."""
        made = self.apply(name, **facts)
        return enterprises.decide_application(enterprise=made, actor=self.money.town, approve=True)

    def pledge(self, kind: str = "money", accepted: bool = True, **facts: Any) -> Pledge:
        """Promise something, and let it be accepted."""
        facts.setdefault("enterprise", self.sponsor)
        facts.setdefault("actor", facts["enterprise"].applied_by)
        facts.setdefault("fund", self.fund)
        facts.setdefault("nature", "donation")
        facts.setdefault("text", "为老人洗浴")
        facts.setdefault("due_on", soon())
        facts.setdefault("amount_fen" if kind == "money" else "units", 100000 if kind == "money" else 40)
        made = pledges.make_pledge(kind=kind, **facts)
        made = pledges.submit_pledge(pledge=made, actor=facts["actor"])
        if accepted:
            made = pledges.decide_pledge(pledge=made, actor=self.money.keeper, accept=True)
        return made

    def announced(self, pledge: Pledge, units: int = 40) -> Delivery:
        """Announce a delivery."""
        return deliveries.announce_delivery(
            pledge=pledge, units=units, expected_on=soon(3), actor=pledge.enterprise.applied_by
        )

    def counted(self, kind: str = "goods", units: int = 40, record: Any = None, **facts: Any) -> Delivery:
        """Promise, announce and count."""
        record = record or (self.world.soap if kind == "goods" else self.world.ticket)
        made = self.announced(self.pledge(kind, text="香皂", **facts), units)
        return deliveries.count_delivery(delivery=made, units=units, stockrecord=record, actor=self.world.keeper)

    def need(self, published: bool = True, **facts: Any) -> Need:
        """Write a need, and publish it."""
        facts = {
            "region": self.world.village,
            "title": "修缮浴室",
            "text": "浴室漏水。",
            "target": "七十岁以上老人",
            "budget_fen": 100000,
            "deadline": soon(),
            "actor": self.world.admin,
            **facts,
        }
        made = needs.write_need(**facts)
        return needs.publish_need(need=made, actor=self.world.admin) if published else made

    def claim(self, need: Need, sponsor: Enterprise | None = None) -> Claim:
        """Ask to claim a need."""
        sponsor = sponsor or self.sponsor
        return needs.ask_claim(
            need=need,
            enterprise=sponsor,
            wished_name=sponsor.shown_name,
            actor=sponsor.applied_by,  # type: ignore[arg-type]
        )

    def granted(self, need: Need) -> Claim:
        """Claim a need and let it be granted."""
        return needs.decide_claim(claim=self.claim(need), actor=self.world.admin, grant=True)


def make() -> Giving:
    """Make the world."""
    giving = Giving(make_money(), None, None)  # type: ignore[arg-type]
    giving.sponsor = giving.another("晨光食品")
    giving.giver = giving.sponsor.applied_by  # type: ignore[assignment]
    return giving
