"""Menus as data: what is shown to whom, and what is lit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from timebank.ui import hooks, menus


@pytest.fixture
def entries(monkeypatch):
    monkeypatch.setattr(menus, "_entries", {})


def visit(view_name: str = "", namespaces: tuple[str, ...] = (), **extra):
    match = SimpleNamespace(view_name=view_name, namespaces=list(namespaces)) if view_name else None
    return SimpleNamespace(resolver_match=match, **extra)


def test_entries_come_in_order_and_only_where_they_exist(entries):
    menus.register("desk", "b", "B", "ui:styleguide", "list", order=20)
    menus.register("desk", "a", "A", "ui:styleguide_desk", "list", order=10)
    menus.register("desk", "gone", "Gone", "nowhere:at-all", "list", order=5)
    menus.register("public", "other", "Other", "ui:styleguide", "list")
    assert [item.key for item in menus.items("desk", visit())] == ["a", "b"]


def test_hidden_entries_stay_hidden_and_their_count_is_not_asked(entries):
    menus.register("top", "x", "X", "ui:styleguide", "bell", visible=lambda request: False, count=lambda request: 1 / 0)
    assert menus.items("top", visit()) == []


def test_the_closest_entry_is_lit_and_only_one(entries):
    menus.register("desk", "first", "First", "ui:styleguide", "list", order=1)
    menus.register("desk", "exact", "Exact", "ui:styleguide_desk", "list", order=2)
    menus.register(
        "desk", "named", "Named", "ui:styleguide_print", "list", order=3, match=("rewards:ticket", "counter")
    )

    def lit(*args):
        return [item.key for item in menus.items("desk", visit(*args)) if item.active]

    assert lit("ui:styleguide_desk", ("ui",)) == ["exact"]
    assert lit("ui:manifest", ("ui",)) == ["first"]
    assert lit("rewards:ticket", ("rewards",)) == ["named"]
    assert lit("counter:scan", ("counter",)) == ["named"]
    assert lit("elsewhere", ()) == []
    assert lit() == []


def test_registering_again_replaces(entries):
    menus.register("desk", "a", "Old", "ui:styleguide", "list")
    menus.register("desk", "a", "New", "ui:styleguide", "list", count=lambda request: 3)
    assert [(item.label, item.count) for item in menus.items("desk", visit())] == [("New", 3)]


def test_unknown_area_or_fact_is_refused():
    with pytest.raises(ValueError):
        menus.register("roof", "a", "A", "ui:styleguide", "list")
    with pytest.raises(ValueError):
        hooks.provide("weather", lambda request: None)


def test_tabs_are_the_residents_only_when_signed_in(entries):
    menus.register("resident", "r", "R", "ui:styleguide", "home")
    menus.register("public", "p", "P", "ui:styleguide", "home")
    signed_in = visit(user=SimpleNamespace(is_authenticated=True))
    signed_out = visit(user=SimpleNamespace(is_authenticated=False))
    assert [item.key for item in menus.Menus(signed_in).tabs] == ["r"]
    assert [item.key for item in menus.Menus(signed_out).tabs] == ["p"]


def test_facts_come_from_their_room_else_from_the_request(monkeypatch):
    monkeypatch.setattr(hooks, "_providers", {})
    assert hooks.ask("village", SimpleNamespace(village="辛旺庄")) == "辛旺庄"
    assert hooks.ask("village", SimpleNamespace()) is None
    hooks.provide("village", lambda request: "泽库")
    assert hooks.ask("village", SimpleNamespace(village="辛旺庄")) == "泽库"
