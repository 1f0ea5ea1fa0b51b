"""Panels: what other apps add to a page is asked once, and stands where the page says."""

from __future__ import annotations

from typing import Any

from django.template import Context, Template
from django.test import RequestFactory

from timebank.common.contract import Declared
from timebank.ui import panels


def test_every_app_is_asked_once_for_all_items_of_a_list(monkeypatch):
    asked: list[Any] = []

    def sponsors(request, ids):
        asked.append(ids)
        return {pk: {"template": "ui/components/empty.html", "title": f"sponsor of {pk}"} for pk in ids if pk != 2}

    def badges(request, ids):
        asked.append(ids)
        return {1: {"template": "ui/components/empty.html", "title": "<b>badge</b>"}}

    found = (Declared("a", "reward", sponsors), Declared("b", "reward", badges), Declared("c", "elsewhere", None))
    real = panels.contract.declared
    monkeypatch.setattr(
        panels.contract, "declared", lambda attribute: found if attribute == "panels" else real(attribute)
    )
    page = Template('{% load ui %}{% for pk in ids %}[{% panel "reward" pk ids=ids %}]{% endfor %}')
    text = page.render(Context({"request": RequestFactory().get("/"), "ids": [1, 2, 3]}))
    assert asked == [(1, 2, 3), (1, 2, 3)]
    first, second, third = text.strip("[]").split("][")
    assert "sponsor of 1" in first
    assert "&lt;b&gt;badge" in first  # what a panel is given is escaped like anything else
    assert second == ""
    assert "sponsor of 3" in third


def test_a_place_that_nobody_fills_is_empty(monkeypatch):
    monkeypatch.setattr(panels.contract, "declared", lambda attribute: ())
    page = Template('{% load ui %}{% panel "nowhere" 1 %}')
    assert page.render(Context({"request": RequestFactory().get("/")})) == ""
