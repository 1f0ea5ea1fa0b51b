"""Every address of this app × everybody: what each is answered, and that a refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from tests.factories.service import World, at, everything
from timebank.registry import services as registry
from timebank.service import services

PEOPLE = (
    "nobody",
    "resident",
    "neighbour",  # another village of the same town
    "far",  # another town
    "leader",
    "verifier",
    "admin",
    "admin_elsewhere",
    "stock_keeper",
    "town_admin",
)
IN = "in"  # sent to the sign-in page
ALL = dict.fromkeys(PEOPLE, 200)
SIGNED_IN = {**ALL, "nobody": IN}
LEADS = {**dict.fromkeys(PEOPLE, 404), "nobody": IN, "leader": 200, "admin": 200}
LEADS_ANYWHERE = {**LEADS, "admin_elsewhere": 200}
# A resident of the village, of its town; who leads or looks after the village.
NEAR = {**SIGNED_IN, "far": 404, "admin_elsewhere": 404}
RESIDENTS_NEAR = {**dict.fromkeys(PEOPLE, 404), "nobody": IN, "resident": 302, "neighbour": 302}
SEES_RECORD = {
    **dict.fromkeys(PEOPLE, 404),
    "nobody": IN,
    "resident": 200,
    "leader": 200,
    "verifier": 200,
    "admin": 200,
    "town_admin": 200,
}
POST_ONLY = {**dict.fromkeys(PEOPLE, 405), "nobody": IN}

GET: dict[str, dict[str, Any]] = {
    "activities": SIGNED_IN,
    "activity": NEAR,
    "activity_calendar": {**dict.fromkeys(PEOPLE, 404), "nobody": IN},
    "sign_up": POST_ONLY,
    "withdraw": RESIDENTS_NEAR,
    "attend": {**ALL, "nobody": IN},
    "hours": SIGNED_IN,
    "record": SEES_RECORD,
    "record_name": POST_ONLY,
    "record_mend": {**dict.fromkeys(PEOPLE, 404), "nobody": IN},  # this record was not returned, nor credited
    "record_reverse": {**dict.fromkeys(PEOPLE, 404), "nobody": IN},
    "lead_hours": {**LEADS_ANYWHERE, "verifier": 200},
    "lead": LEADS_ANYWHERE,
    "lead_new": LEADS_ANYWHERE,
    "lead_activity": LEADS,
    "lead_code": LEADS,
    "lead_tap": POST_ONLY,
    "lead_card": POST_ONLY,
    "lead_places": POST_ONLY,
    "lead_close": LEADS,
    "lead_cancel": LEADS,
    "lead_change": LEADS,
    "lead_walk_in": LEADS,
    "lead_enter": LEADS,
    "lead_state": LEADS,
    "notices": {**ALL, "resident": 302, "neighbour": 302, "far": 302},
    "notice": ALL,
    "notice_print": ALL,
    "object": {**dict.fromkeys(PEOPLE, 404), "nobody": IN, "resident": 200},
}
# Who may not even try: a POST with good data is answered so, and nothing changes.
REFUSED_POSTS: dict[str, tuple[str, ...]] = {
    "sign_up": ("nobody", "far", "verifier", "admin_elsewhere", "stock_keeper", "town_admin"),
    "withdraw": ("nobody", "far", "verifier", "admin_elsewhere", "stock_keeper", "town_admin"),
    "record_name": tuple(one for one in PEOPLE if one != "resident"),
    "lead_new": ("nobody", "resident", "neighbour", "far", "verifier", "stock_keeper", "town_admin"),
    "object": tuple(one for one in PEOPLE if one != "resident"),
    **{
        name: tuple(one for one in PEOPLE if one not in {"leader", "admin"})
        for name in (
            "lead_tap",
            "lead_change",
            "lead_walk_in",
            "lead_card",
            "lead_places",
            "lead_close",
            "lead_cancel",
            "lead_enter",
            "lead_state",
        )
    },
}


@pytest.fixture
def scene(world: World) -> dict[str, Any]:
    """Return the people and one address a name, all about one village."""
    far = world.resident(village=world.far)
    neighbour = world.resident(village=world.other)
    keeper = registry.create_user(name="keeper", actor=None, phone="13700000001", password="a-long-password")
    registry.grant_role(user=keeper, role="stock_keeper", actor=None, region=world.village)
    town_admin = registry.create_user(name="town", actor=None, phone="13700000002", password="a-long-password")
    registry.grant_role(user=town_admin, role="town_admin", actor=None, region=world.town)
    (record,) = world.published(world.wang)
    activity = world.activity(starts_at=at(25, 8), ends_at=at(25, 12))
    came = world.resident()
    services.check_in(activity=activity, resident=came, actor=world.leader, now=at(25, 8))
    token = services.attendance_token(activity, at(25, 8))
    places = {"pk": activity.pk}
    addresses = {name: places for name in GET if name.startswith("lead_") and name not in {"lead_new", "lead_hours"}}
    addresses["lead_state"] = {**places, "resident_pk": came.pk}
    addresses |= dict.fromkeys(("activity", "activity_calendar", "sign_up", "withdraw"), places)
    addresses |= {name: {"pk": record.pk} for name in ("record", "record_name", "record_mend", "record_reverse")}
    addresses |= {name: {"pk": world.village.pk} for name in ("notice", "notice_print")}
    addresses |= {"object": {"pk": world.village.pk, "record_pk": record.pk}, "attend": {"token": token}}
    return {
        "urls": {name: reverse(f"service:{name}", kwargs=addresses.get(name, {})) for name in GET},
        "people": {
            "nobody": None,
            "resident": world.wang.user,
            "neighbour": neighbour.user,
            "far": far.user,
            "leader": world.leader,
            "verifier": world.verifier,
            "admin": world.admin,
            "admin_elsewhere": world.stranger,
            "stock_keeper": keeper,
            "town_admin": town_admin,
        },
        "world": world,
    }


def _client(user: Any) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def _is(answer: Any, expected: Any) -> bool:
    if expected == IN:
        return answer.status_code == 302 and answer.url.startswith("/sign-in/")
    return answer.status_code == expected and not (answer.status_code == 302 and "/sign-in/" in answer.url)


@time_machine.travel(at(25, 8), tick=False)
@pytest.mark.parametrize("who", PEOPLE)
def test_every_page_answers_everybody_as_the_matrix_says(scene: dict[str, Any], who: str) -> None:
    client = _client(scene["people"][who])
    before = everything()
    wrong = [
        f"{name}: {answer.status_code} {getattr(answer, 'url', '')}, expected {expected[who]}"
        for name, expected in GET.items()
        if not _is(answer := client.get(scene["urls"][name]), expected[who])
    ]
    assert wrong == []
    assert everything() == before


@time_machine.travel(at(25, 8), tick=False)
@pytest.mark.parametrize("name", sorted(REFUSED_POSTS))
def test_a_refused_post_changes_nothing(scene: dict[str, Any], name: str) -> None:
    world = scene["world"]
    data = {
        "reason": "试",
        "capacity": 50,
        "text": "试",
        "resident": world.li.pk,
        "what": "in",
        "code": world.li.volunteer_number,
        "minutes": 60,
        "team": world.team.pk,
        "title": "试",
        "category": "clean",
        "place": "试",
        "day": "2026-09-26",
        "starts": "08:00",
        "ends": "09:00",
    }
    for who in REFUSED_POSTS[name]:
        client = _client(scene["people"][who])  # a first sign-in confirms the person: that is not what is looked at
        before = everything()
        answer = client.post(scene["urls"][name], data)
        assert answer.status_code in {302, 403, 404}, (who, answer.status_code)
        if answer.status_code == 302:
            assert answer.url.startswith("/sign-in/"), who
        assert everything() == before, who


def test_no_address_of_this_room_is_missing_from_the_matrix() -> None:
    from timebank.service.urls import urlpatterns

    names = {pattern.name for pattern in urlpatterns if pattern.name}
    own = {name for name in names if not name.startswith(("scheme", "team", "my_teams"))}  # those: tests/permissions
    assert own == set(GET)
