"""Menus as data: what is shown to whom, and what is lit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from timebank.ui import context, menus
from timebank.ui.menus import Entry


def entry(area: str, key: str, url_name: str, **more: Any) -> Entry:
    return Entry(area=area, key=key, label=key.upper(), url_name=url_name, icon="list", **more)


def visit(view_name: str = "", namespaces: tuple[str, ...] = (), **extra):
    match = SimpleNamespace(view_name=view_name, namespaces=list(namespaces)) if view_name else None
    return SimpleNamespace(resolver_match=match, **extra)


def test_entries_come_in_order_and_only_where_they_exist():
    entries = [
        entry("desk", "b", "styleguide:home", order=20),
        entry("desk", "a", "styleguide:desk", order=10),
        entry("desk", "gone", "nowhere:at-all", order=5),
        entry("public", "other", "styleguide:home"),
    ]
    assert [item.key for item in menus.items("desk", visit(), entries)] == ["a", "b"]


def test_a_group_stands_once_where_its_first_entry_does():
    groups = ["", "village", "service", "sponsors", "service", "sponsors"]
    entries = [entry("desk", str(n), "styleguide:home", order=n, group=group) for n, group in enumerate(groups)]
    assert [item.key for item in menus.items("desk", visit(), entries)] == ["0", "1", "2", "4", "3", "5"]


def test_hidden_entries_stay_hidden_and_their_count_is_not_asked():
    hidden = entry("top", "x", "styleguide:home", visible=lambda request: False, count=lambda request: 1 / 0)
    assert menus.items("top", visit(), [hidden]) == []


def test_the_closest_entry_is_lit_and_only_one():
    entries = [
        entry("desk", "first", "styleguide:home", order=1),
        entry("desk", "exact", "styleguide:desk", order=2),
        entry("desk", "named", "styleguide:print", order=3, match=("rewards:ticket", "counter")),
    ]

    def lit(*args):
        return [item.key for item in menus.items("desk", visit(*args), entries) if item.active]

    assert lit("styleguide:desk", ("styleguide",)) == ["exact"]
    assert lit("styleguide:error", ("styleguide",)) == ["first"]
    assert lit("rewards:ticket", ("rewards",)) == ["named"]
    assert lit("counter:scan", ("counter",)) == ["named"]
    assert lit("elsewhere", ()) == []
    assert lit() == []


def test_the_page_behind_an_account_row_lights_the_account_tab_unless_it_has_its_own():
    entries = [
        entry("resident", "me", "styleguide:home"),
        entry("resident", "tickets", "rewards:tickets"),
        entry("account", "points", "rewards:statement", match=("rewards:detail",)),
        entry("account", "tickets", "rewards:tickets"),
    ]

    def lit(view_name):
        return [item.key for item in menus.items("resident", visit(view_name, ("rewards",)), entries) if item.active]

    assert lit("rewards:statement") == ["me"]
    assert lit("rewards:detail") == ["me"]
    assert lit("rewards:tickets") == ["tickets"]


def test_an_unknown_area_is_refused():
    with pytest.raises(ValueError, match="roof"):
        entry("roof", "a", "styleguide:home")


def test_tabs_are_the_residents_only_when_signed_in(monkeypatch):
    entries = [entry("resident", "r", "styleguide:home"), entry("public", "p", "styleguide:home")]
    monkeypatch.setattr(menus, "_declared", lambda area: menus._of_area(area, entries))
    signed_in = visit(user=SimpleNamespace(is_authenticated=True))
    signed_out = visit(user=SimpleNamespace(is_authenticated=False))
    assert [item.key for item in menus.Menus(signed_in).tabs] == ["r"]
    assert [item.key for item in menus.Menus(signed_out).tabs] == ["p"]


def test_what_an_app_declares_for_every_page_is_asked_only_when_a_template_does(monkeypatch):
    asked = []

    def village(request):
        asked.append(request)
        return "辛旺庄"

    monkeypatch.setattr("timebank.ui.context.contract.by_name", lambda attribute: {"village": village})
    request = visit(COOKIES={}, user=SimpleNamespace(is_authenticated=False))
    values = context.ui(request)
    assert asked == []
    assert str(values["village"]) == "辛旺庄"
    assert asked == [request]
