"""A village admin alone, with every second role that he may hold, tries at random to mint for himself or his own."""

from __future__ import annotations

import contextlib
import datetime as dt

import hypothesis
import hypothesis.strategies as st
import pytest
from django.db import IntegrityError, transaction

from tests.factories.service import World, at
from timebank.common.errors import DomainError
from timebank.registry import services as registry
from timebank.registry.models import Resident
from timebank.service import rules, services
from timebank.service.models import Activity, Record
from timebank.service.services.attendance import CLOSE_FORGOTTEN

SECOND_ROLES = ("", "leader", "clerk")  # every other role clashes with a village admin's
STEPS = ("register", "check in", "check out", "close", "clock", "state", "enter", "resend", "return", "help", "verify")


class Cheat:
    """What one admin does alone: for a ghost, for himself, for his wife and for whom he helps."""

    def __init__(self, world: World) -> None:
        self.world, self.me, self.ghosts = world, world.admin, 0
        self.hour = at(20, 8)
        own = world.resident("管", household_number="88")
        Resident.objects.filter(pk=own.pk).update(user=None)
        own.refresh_from_db()
        Resident.objects.filter(pk=own.pk).update(user=self.me)
        self.targets = [Resident.objects.get(pk=own.pk), world.resident("妻", household_number="88")]
        self.client = world.resident("奶奶", phone=False)
        registry.add_proxy(resident=self.client, helper=self.me, relation="village", actor=None)
        self.targets.append(self.client)
        self.activity = world.activity(actor=self.me)

    def take(self, step: str, number: int) -> None:
        """Take one step; a refusal is only a refusal."""
        self.hour += dt.timedelta(minutes=17)
        with contextlib.suppress(DomainError), transaction.atomic():
            self._take(step, self.targets[number % len(self.targets)])

    def _take(self, step: str, target: Resident) -> None:
        me, now, activity = self.me, self.hour, Activity.objects.get(pk=self.activity.pk)
        if step == "register":
            made = registry.register_resident(village=self.world.village, name=f"鬼{len(self.targets)}", actor=me)
            self.targets.append(made)
        elif step == "check in":
            token = services.attendance_token(activity, now, shown_by=me)
            services.check_in(token=token, resident=target, actor=me, now=now)
        elif step == "check out":
            services.check_out(activity=activity, resident=target, actor=me, now=now)
        elif step == "close":
            services.close_activity(activity=activity, actor=me, now=max(now, at(20, 12)))
        elif step == "clock":
            for pk in CLOSE_FORGOTTEN.due(at(21, 1)):  # the sweep's own rows: here no transaction may be durable
                CLOSE_FORGOTTEN.handle(pk, at(21, 1))
            self.hour = max(self.hour, at(21, 1))
        elif step == "state":
            services.state_time(activity=activity, resident=target, minutes=60, actor=me, reason="我说的", now=now)
        elif step == "enter":
            services.enter_record(
                resident=target, category="farm", served_on=at(10).date(), minutes=60, actor=me, now=now
            )
        elif step in {"resend", "return"}:
            for record in Record.objects.filter(resident=target):
                if step == "return":
                    services.return_record(record=record, actor=me, reason="再看", now=now)
                else:
                    services.submit_record(record=record, actor=me, reason="看过", now=now)
        elif step == "help":
            registry.add_proxy(resident=target, helper=me, relation="village", actor=me)
        else:
            services.verify_many(records=Record.objects.all(), actor=me, now=now)

    @property
    def won(self) -> bool:
        """Whether something of his own making or for his own has passed the second person."""
        return Record.objects.exclude(state__in=("draft", "submitted", "returned")).exists()


def run(world: World, steps: list[tuple[str, int]], role: str) -> bool:
    """Run one cheat and undo all of it; say whether he won."""
    with transaction.atomic():
        if role:
            registry.grant_role(user=world.admin, role=role, region=world.village, actor=None)
        cheat = Cheat(world)
        for step, number in steps:
            cheat.take(step, number)
        won = cheat.won
        transaction.set_rollback(True)
    world.admin.__dict__.pop("_live_grants", None)
    world.admin.__dict__.pop("_resident", None)
    return won


@hypothesis.settings(
    max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], deadline=None
)
@hypothesis.given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), min_size=2, max_size=11),
    role=st.sampled_from(SECOND_ROLES),
)
def test_no_random_cheat_of_one_admin_passes_the_second_person(
    world: World, steps: list[tuple[str, int]], role: str
) -> None:
    assert not run(world, [*steps, ("verify", 0)], role)


SCRIPTS: dict[str, list[tuple[str, int]]] = {
    "a ghost that the clock closes": [("register", 0), ("check in", 3), ("clock", 0), ("state", 3), ("verify", 0)],
    "a ghost on the list": [("register", 0), ("check in", 3), ("check out", 3), ("close", 0), ("verify", 0)],
    "a slip for his wife": [("enter", 1), ("verify", 0)],
    "a slip for whom he helps": [("enter", 2), ("return", 2), ("resend", 2), ("verify", 0)],
    "his own hours": [("check in", 0), ("check out", 0), ("close", 0), ("verify", 0)],
}


@pytest.mark.parametrize("role", SECOND_ROLES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_fails(world: World, script: str, role: str) -> None:
    assert not run(world, SCRIPTS[script], role)


@pytest.mark.parametrize("script", SCRIPTS)
def test_control_with_the_predicate_off_only_the_table_is_left(
    world: World, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the predicate each script reaches the row itself, where the database refuses: one person did both."""
    monkeypatch.setattr(rules, "interest_of", lambda actor, resident: "")
    monkeypatch.setattr("timebank.service.services.verification.interest_of", lambda actor, resident: "")
    monkeypatch.setattr(rules, "hands_of", lambda record: set())
    with pytest.raises(IntegrityError, match="record_second_person_verifies"):
        run(world, SCRIPTS[script], "")
