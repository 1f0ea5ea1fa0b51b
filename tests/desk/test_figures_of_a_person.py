"""What somebody has is the same for the person, on paper and at the desk: points, hours, tickets."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from marketplace.rewards import panels
from marketplace.rewards.services import hand_over
from tests.desk.test_desk import url
from tests.factories.service import at
from tests.rewards.test_pages import text_of

POINTS = r"((?:\d+,)*\d+(?:\.\d+)?) points?"
HOURS = r"(\d+ h(?: \d+ min)?|\d+ min)"


def first(pattern: str, text: str) -> str:
    """Return what ``pattern`` finds first; a page without the figure is an error of the test."""
    found = re.search(pattern, text)
    assert found is not None, f"{pattern} is not in {text}"
    return found[1]


@pytest.fixture
def person(village: Any) -> Any:
    """Somebody with hours, of which some are on the way, one ticket to collect and one collected."""
    world = village.world
    resident = world.resident("赵六")
    world.credited(resident)
    world.attended(resident, starts_at=at(21), ends_at=at(21, 12))
    soap = village.good()
    village.redeem(resident, soap)
    collected = village.redeem(resident, soap).tickets.get()
    hand_over(code=collected.code, actor=village.admin, nonce="one", partner=village.shop)
    return resident


def pages(client: Any, desk: Any, resident: Any) -> dict[str, str]:
    """Return the words of each page that says what somebody has."""
    own = {name: reverse(name) for name in ("rewards:home", "registry:me", "rewards:statement", "service:hours")}
    words = {name: text_of(client.get(address)) for name, address in own.items()}
    words["tickets"] = text_of(client.get(reverse("rewards:tickets")))
    words["passbook"] = text_of(client.get(reverse("registry:passbook", args=[resident.pk])))
    words["desk"] = text_of(desk.get(url("resident", resident.pk)))
    return words


def disagreements(client: Any, desk: Any, resident: Any) -> list[str]:
    """Compare each figure wherever it stands; return those that differ."""
    words = pages(client, desk, resident)
    statement = client.get(reverse("rewards:statement")).context
    tickets = client.get(reverse("rewards:tickets")).context
    home = client.get(reverse("rewards:home")).context
    hours = client.get(reverse("service:hours")).context
    usable = rf"(?:Points you can use|Spendable:?)\s*{POINTS}"
    figures: dict[str, set[str]] = {
        "points": {
            *(first(usable, words[page]) for page in ("rewards:home", "registry:me", "rewards:statement")),
            *(first(usable, words[page]) for page in ("passbook", "desk")),
        },
        "what the lots and the last line add up to": {
            str(statement["balance"].spendable),
            str(sum(lot.remaining for lot in statement["lots"])),
            str(statement["statement"].lines[0].balance),
        },
        "credited hours": {
            first(rf"Credited in all\s*{HOURS}", words["service:hours"]),
            first(rf"Credited hours\s*{HOURS}", words["desk"]),
        },
        "minutes of the records": {
            str(hours["hours"].credited),
            str(sum(record.minutes for record, _tone in hours["rows"] if record.state == "credited")),
        },
        "tickets to collect": {
            str(len(home["tickets"])),
            str(tickets["tabs"][0]["count"]),
            str(tickets["page"].paginator.count),
        },
    }
    return [f"{label}: {sorted(values)}" for label, values in figures.items() if len(values) > 1]


def test_what_somebody_has_is_the_same_on_every_page(person: Any, village: Any, enter: Any) -> None:
    assert disagreements(enter(person.user), enter(village.admin), person) == []


def test_control_a_panel_that_counts_otherwise_is_found(
    person: Any, village: Any, enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = panels.ledger_read.balances_of

    class Wrong:
        @staticmethod
        def balances_of(keys: Any) -> Any:
            return {key: replace(balance, spendable=balance.spendable + 100) for key, balance in read(keys).items()}

    monkeypatch.setattr(panels, "ledger_read", Wrong)
    (wrong,) = disagreements(enter(person.user), enter(village.admin), person)
    assert wrong.startswith("points: ")
