"""Menus as data: what is shown to whom, and what is lit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from timebank.face import hooks, nav


@pytest.fixture
def entries(monkeypatch):
    monkeypatch.setattr(nav, "_entries", {})


def visit(view_name: str = "", namespaces: tuple[str, ...] = (), **extra):
    match = SimpleNamespace(view_name=view_name, namespaces=list(namespaces)) if view_name else None
    return SimpleNamespace(resolver_match=match, **extra)


def test_entries_come_in_order_and_only_where_they_exist(entries):
    nav.register("desk", "b", "B", "face:kit", "list", order=20)
    nav.register("desk", "a", "A", "face:kit_desk", "list", order=10)
    nav.register("desk", "gone", "Gone", "nowhere:at-all", "list", order=5)
    nav.register("public", "other", "Other", "face:kit", "list")
    assert [item.key for item in nav.items("desk", visit())] == ["a", "b"]


def test_hidden_entries_stay_hidden_and_their_count_is_not_asked(entries):
    nav.register("top", "x", "X", "face:kit", "bell", visible=lambda request: False, count=lambda request: 1 / 0)
    assert nav.items("top", visit()) == []


def test_the_closest_entry_is_lit_and_only_one(entries):
    nav.register("desk", "first", "First", "face:kit", "list", order=1)
    nav.register("desk", "exact", "Exact", "face:kit_desk", "list", order=2)
    nav.register("desk", "named", "Named", "face:kit_print", "list", order=3, match=("rewards:ticket", "counter"))

    def lit(*args):
        return [item.key for item in nav.items("desk", visit(*args)) if item.active]

    assert lit("face:kit_desk", ("face",)) == ["exact"]
    assert lit("face:manifest", ("face",)) == ["first"]
    assert lit("rewards:ticket", ("rewards",)) == ["named"]
    assert lit("counter:scan", ("counter",)) == ["named"]
    assert lit("elsewhere", ()) == []
    assert lit() == []


def test_registering_again_replaces(entries):
    nav.register("desk", "a", "Old", "face:kit", "list")
    nav.register("desk", "a", "New", "face:kit", "list", count=lambda request: 3)
    assert [(item.label, item.count) for item in nav.items("desk", visit())] == [("New", 3)]


def test_unknown_area_or_fact_is_refused():
    with pytest.raises(ValueError):
        nav.register("roof", "a", "A", "face:kit", "list")
    with pytest.raises(ValueError):
        hooks.provide("weather", lambda request: None)


def test_tabs_are_the_residents_only_when_signed_in(entries):
    nav.register("resident", "r", "R", "face:kit", "home")
    nav.register("public", "p", "P", "face:kit", "home")
    signed_in = visit(user=SimpleNamespace(is_authenticated=True))
    signed_out = visit(user=SimpleNamespace(is_authenticated=False))
    assert [item.key for item in nav.Nav(signed_in).tabs] == ["r"]
    assert [item.key for item in nav.Nav(signed_out).tabs] == ["p"]


def test_facts_come_from_their_room_else_from_the_request(monkeypatch):
    monkeypatch.setattr(hooks, "_providers", {})
    assert hooks.ask("village", SimpleNamespace(village="辛旺庄")) == "辛旺庄"
    assert hooks.ask("village", SimpleNamespace()) is None
    hooks.provide("village", lambda request: "泽库")
    assert hooks.ask("village", SimpleNamespace(village="辛旺庄")) == "泽库"
