"""A form of the desk that is sent twice writes once; sent again with other content it is refused with 409 (K4)."""

from __future__ import annotations

import re

import pytest

from tests.desk.test_desk import url
from timebank.registry.models import Resident, RoleGrant


def _key(client, address) -> str:
    return re.search(r'name="idempotency_key" value="(\w+)"', client.get(address).content.decode())[1]


def test_registering_twice_is_registering_once(village, enter):
    client = enter(village.admin)
    sent = {"name": "新居民", "consent": "on", "idempotency_key": _key(client, url("register"))}
    places = {client.post(url("register"), sent).url for _ in range(3)}
    assert len(places) == 1
    assert Resident.objects.filter(name="新居民").count() == 1


def test_without_the_key_three_would_be_registered(village, enter):
    client = enter(village.admin)
    for _ in range(3):  # "somebody else of that name", as whoever presses again would also answer
        alike = [str(pk) for pk in Resident.objects.filter(name="新居民").values_list("pk", flat=True)]
        client.post(url("register"), {"name": "新居民", "consent": "on", "different": alike})
    assert Resident.objects.filter(name="新居民").count() == 3


def test_going_back_and_writing_another_name_is_no_second_try(village, enter):
    client = enter(village.admin)
    key = _key(client, url("register"))
    client.post(url("register"), {"name": "新居民", "consent": "on", "idempotency_key": key})
    answer = client.post(url("register"), {"name": "另一位", "consent": "on", "idempotency_key": key})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "This form was sent already" in page
    assert not Resident.objects.filter(name="另一位").exists()
    fresh = re.search(r'name="idempotency_key" value="(\w+)"', page)[1]
    assert fresh != key
    sent = {"name": "另一位", "consent": "on", "idempotency_key": fresh}
    assert client.post(url("register"), sent).status_code == 302  # now it is meant


def test_a_refused_form_is_sent_again_under_its_key(village, enter):
    client = enter(village.admin)
    key = _key(client, url("register"))
    wrong = {"name": "新居民", "consent": "on", "id_number": "123", "idempotency_key": key}
    answer = client.post(url("register"), wrong)
    assert answer.status_code == 422
    assert key in answer.content.decode()
    assert client.post(url("register"), {**wrong, "id_number": ""}).status_code == 302


@pytest.mark.parametrize("form", ["r", "a"])
def test_every_form_of_the_shelf_has_a_key_of_its_own(village, enter, form):
    page = enter(village.keeper).get(url("stock_item", village.good(stock=1).pk)).content.decode()
    assert len(set(re.findall(rf'name="{form}-idempotency_key" value="(\w+)"', page))) == 1


def test_a_role_given_twice_is_given_once_and_both_answers_agree(village, enter):
    client = enter(village.admin)
    user = village.credited(1)[0].user
    phone = user.phone
    sent = {"phone": phone, "person": user.pk, "role": "leader", "idempotency_key": _key(client, url("staff"))}
    assert [client.post(url("staff"), sent).status_code for _ in range(2)] == [302, 302]
    assert RoleGrant.objects.filter(user__phone=phone, role="leader").count() == 1
