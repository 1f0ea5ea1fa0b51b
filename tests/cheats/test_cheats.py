"""One official alone, with every second role that he may hold, tries to get a point or a reward for himself or his own.

Scripts and random runs of the steps of ``tests/factories/cheat_steps.py``. The controls switch off what stands in the
way.
"""

from __future__ import annotations

import sys
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from django.db import IntegrityError

from tests.factories import cheat_steps  # noqa: F401 (fills STEPS)
from tests.factories.cheat_scripts import BY, SCRIPTS
from tests.factories.cheats import STEPS, Stage, may_together, pairs, rights_of, run, run_all
from tests.support import worlds
from timebank.registry import roles
from timebank.villages.services import opening

stage = worlds.fixture("stage", "tests.factories.cheats.make_stage")

# What the tables themselves refuse: one name in both columns.
TABLES = ("record_second_person_verifies", "opening_decided_by_another", "case_of_two_people", "write_off_two_persons")
WHOM = ("own", "wife", "client", "ghost", "elder", "signed")


# (the roles are declared by the apps: the list is made when they are ready)
@pytest.mark.parametrize("pair", pairs(), ids=" and ".join)
def test_no_script_succeeds_whatever_he_is(stage: Stage, pair: tuple[str, str]) -> None:
    assert run_all(stage, SCRIPTS, *pair) == {}


def test_every_role_is_tried_alone_and_with_each_other_that_it_may_have(stage: Stage) -> None:
    tried = may_together()
    assert {"village_admin", "leader", "clerk", "verifier", "supervisor", "stock_keeper", "town_admin"} <= {
        first for first, second in tried if not second
    }
    assert ("operator", "") in tried
    assert ("village_admin", "clerk") in tried
    assert not [pair for pair in tried if pair[1] and roles.clash(*pair)]
    assert {rights_of(pair) for pair in tried} == {rights_of(pair) for pair in pairs()}


def switch_off(patch: Any) -> None:
    """Let nobody's matter be anybody's own, and no hand be on anything, in every module that asks."""
    blind = {
        "interest_of": lambda actor, resident: "",
        "require_no_interest": lambda actor, resident: None,
        "could_stand_in": lambda actor, resident, now: False,
        "gave_pin": lambda actor, card: False,
        "hands_of": lambda record: set(),
        "hands_on": lambda asked: set(),
        "needs_another": lambda actor, ticket, now: False,
        "same_household": lambda one, other: False,
        "may_decide": lambda actor, case: True,
    }
    for name, module in list(sys.modules.items()):
        if name.startswith(("timebank.", "marketplace.")):
            for attribute, instead in blind.items():
                if attribute in vars(module):
                    patch.setattr(module, attribute, instead)
    patch.setattr(opening, "_lock", lambda signed, actor: signed)


@pytest.mark.parametrize("script", SCRIPTS)
def test_control_with_the_predicates_off_the_script_succeeds(stage: Stage, script: str, monkeypatch: Any) -> None:
    switch_off(monkeypatch)
    try:
        won = run(stage, SCRIPTS[script], *BY.get(script, ("village_admin", "clerk")))
    except IntegrityError as error:  # then only the table is left, which holds one name against the other
        won = next((name for name in TABLES if name in str(error)), "")
    assert won


@hypothesis.settings(
    max_examples=50, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], deadline=None
)
@hypothesis.given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from(WHOM)), min_size=2, max_size=10),
    number=st.integers(0, 999),
)
@hypothesis.example(steps=[("adopt", "own"), ("new_number", "wife")], number=0)  # she has no account
def test_no_random_run_of_one_official_alone_wins(stage: Stage, steps: list[tuple[str, str]], number: int) -> None:
    tried = pairs()
    end = [("verify", ""), ("hand_over", "")]
    assert not run(stage, [*steps, *end][:12], *tried[number % len(tried)])
