"""Pages of sponsors by role in Chromium: clean for axe, no wider than a small phone, both languages."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.e2e.test_pages import _look
from tests.factories.sponsors import Giving, make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def giving(site: str) -> Giving:
    made = make()
    made.granted(made.need())
    made.counted()
    return made


def pages_of(giving: Giving) -> list[tuple[str, Any, list[str]]]:
    need, pledge = giving.sponsor.claims.get().need_id, giving.sponsor.pledges.get()

    def at(name: str, *args: Any) -> str:
        return reverse(f"sponsors:{name}", args=args)

    public = [at(name) for name in ("needs", "board", "thanks", "apply")]
    own = [at(name) for name in ("home", "impact", "team", "profile", "new_pledge")]
    town = [at("organisations"), at("new_organisation"), at("organisation", giving.sponsor.organisation_id)]
    keeper = [at("desk_pledges"), at("desk_pledge", pledge.pk), at("delivery", pledge.deliveries.get().pk)]
    return [
        ("guest", None, [*public, at("need", need)]),
        ("sponsor", giving.giver, [*own, at("pledge", pledge.pk), at("need_pledge", need)]),
        ("town", giving.money.town, town),
        ("admin", giving.world.admin, [at("desk_needs"), at("new_need"), at("desk_need", need)]),
        ("fund keeper", giving.money.keeper, keeper),
        ("stock keeper", giving.world.keeper, [at("deliveries")]),
    ]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_is_clean_and_narrow(giving: Giving, visit: Any, language: str) -> None:
    wrong: list[str] = []
    visitor = visit("everybody", language=language)
    for who, user, addresses in pages_of(giving):
        visitor.become(user)
        for address in addresses:
            response = visitor.page.goto(visitor.base + address)
            if response.status != 200:
                wrong.append(f"{who} {address}: {response.status}")
                continue
            wrong.extend(f"{who} {address} {said}" for said in _look(visitor, axe=language == "zh-hans"))
    assert not wrong, "\n".join(wrong)
