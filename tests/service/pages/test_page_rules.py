"""What holds on every page of the app."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from tests.factories.service import World, at
from timebank.service import services, tokens


def _grown(world: World, kind: str, count: int) -> str:
    """Make ``count`` rows for a page and return its address."""
    if kind in {"activities", "lead"}:
        for number in range(count):
            world.activity(title=f"活动{number}", starts_at=at(20, 8), ends_at=at(20, 9))
        return "/activities/?when=all" if kind == "activities" else "/lead/"
    if kind == "hours":
        for number in range(count):
            world.attended(
                world.wang,
                starts_at=at(1 + number // 8, number % 8 * 2),
                ends_at=at(1 + number // 8, number % 8 * 2 + 1),
                minutes=30,
                now=at(1, 0),
            )
        return "/me/hours/"
    people = [world.resident() for _ in range(count)]
    if kind == "notice":
        world.published(*people, capacity=50)
        return f"/notice/{world.village.pk}/"
    activity = world.activity(capacity=50)
    for person in people:
        services.check_in(activity=activity, resident=person, actor=world.leader, now=at(20, 8))
    if kind == "summary":
        services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    return f"/lead/{activity.pk}/"


@pytest.mark.parametrize(
    ("kind", "who", "most"),
    [
        ("activities", "wang", 16),
        ("hours", "wang", 16),
        ("lead", "leader", 14),
        ("attendance", "leader", 18),
        ("summary", "leader", 18),
        ("notice", "li", 16),
    ],
)
def test_statements_are_as_many_for_thirty_rows_as_for_one(
    world: World, sign_in: Callable, kind: str, who: str, most: int
) -> None:
    user = world.leader if who == "leader" else getattr(world, who).user
    with time_machine.travel(at(20, 8, 30) if kind != "notice" else at(21), tick=False):
        client = sign_in(user)
        counts = []
        for rows in (1, 29):
            url = _grown(world, kind, rows)
            client.get(url)
            with CaptureQueriesContext(connection) as seen:
                assert client.get(url).status_code == 200
            counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[1] <= most, "\n".join(one["sql"][:160] for one in seen.captured_queries)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_keeps_the_house_rules(world: World, sign_in: Callable, language: str) -> None:
    (record,) = world.credited(world.wang)
    (published,) = world.published(world.li, starts_at=at(22, 8), ends_at=at(22, 12))
    urls = {
        world.wang.user: ["/activities/", "/me/hours/", f"/me/hours/{record.pk}/"],
        world.leader: ["/lead/", "/lead/new/", f"/lead/{record.activity_id}/", f"/lead/{record.activity_id}/enter/"],
        None: [f"/notice/{world.village.pk}/", f"/notice/{world.village.pk}/print/"],
    }
    activity = world.activity(starts_at=at(25, 8), ends_at=at(25, 12))
    urls[world.wang.user] += [
        activity.get_absolute_url(),
        f"/notice/{world.village.pk}/{published.pk}/object/",
        f"/in/{services.attendance_token(activity, at(25, 8))}/",
    ]
    urls[world.leader] += [f"/lead/{activity.pk}/{part}" for part in ("", "close/", "cancel/")]
    with time_machine.travel(at(25, 8), tick=False):
        for user, pages in urls.items():
            client = Client()
            client.cookies["django_language"] = language
            if user is not None:
                client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
            for url in pages:
                page = client.get(url)
                source = page.content.decode()
                assert page.status_code == 200, url
                assert source.count("<h1") == 1, url
                assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\bsrc=)", source), url
                assert not re.search(r'(?:src|href|action)="https?://', source), url
                assert "%(" not in source, url
                if language == "zh-hans":
                    assert not re.search(r">\s*(Sign up|Check in|Withdraw|Records?|Open)\s*<", source), url


def test_every_address_of_this_room_has_one_name(world: World) -> None:
    from timebank.service.urls import urlpatterns

    names = [one.name for one in urlpatterns if one.name]
    assert len(names) == len(set(names)) == 47
    with translation.override("en"):
        assert reverse("service:attend", args=["A-1"]) == "/in/A-1/"
    assert dt.timedelta(seconds=tokens.PASS_SECONDS) < dt.timedelta(minutes=11)
