"""However a person writes a number or a name, it is the same number and the same name (K1)."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.urls import reverse

from tests.factories.people import PASSWORD, make_resident
from timebank.common.input import InvalidInput
from timebank.registry import selectors, services
from timebank.registry.backends import account_of, counted_as
from timebank.registry.errors import PhoneTaken
from timebank.registry.models import Household, User

PHONE = "13800001234"
SPELLINGS = [
    "138 0000 1234",
    "+86 13800001234",
    "138-0000-1234",
    "138–0000–1234",
    "138·0000·1234",
    "8613800001234",
    "0086 138.0000.1234",
    "１３８００００１２３４",
    "\u202d13800001234\u202c",
    "138\u200b0000\ufeff1234",
]


@pytest.fixture
def person(places, admin):
    return services.register_resident(
        village=places.village,
        name="阿卜杜拉·买买提",
        actor=admin,
        phone=PHONE,
        password=PASSWORD,
        household_number="12",
    )


@pytest.mark.parametrize("typed", SPELLINGS)
def test_a_number_is_kept_found_and_signs_in_in_every_spelling(places, admin, person, typed):
    assert person.phone == PHONE
    assert account_of(typed) == person.user
    assert list(selectors.residents_for(admin, text=typed)) == [person]
    with pytest.raises(PhoneTaken):
        services.register_resident(village=places.village, name="乙", actor=admin, phone=typed, password=PASSWORD)


def _wrong(client: Client, name: str):
    return client.post(reverse("registry:sign_in"), {"username": name, "password": "wrong"})


@pytest.fixture
def counting(settings):
    settings.AXES_ENABLED = True


def test_wrong_passwords_are_counted_once_per_account_whatever_the_spelling(client, person, admin, counting):
    card = services.issue_card(resident=person, actor=admin)
    names = [PHONE, *SPELLINGS[:5], card.number, f"{card.number[:5].lower()} {card.number[5:]}"]
    answers = [_wrong(client, name).status_code for name in names]
    assert answers[:-1] == [200] * 7
    assert answers[-1] == 429
    assert AccessAttempt.objects.get().username == f"user:{person.user.pk}"
    for name in [*SPELLINGS, card.number]:  # the right password does not sign in either, under any name
        answer = client.post(reverse("registry:sign_in"), {"username": name, "password": PASSWORD})
        assert answer.status_code == 429
    assert "_auth_user_id" not in client.session


def test_an_account_of_somebody_else_is_not_locked_with_it(client, person, places, counting):
    for _ in range(8):
        _wrong(client, PHONE)
    other = make_resident(places.village, "乙")
    answer = client.post(reverse("registry:sign_in"), {"username": other.user.phone, "password": PASSWORD})
    assert answer.status_code == 302


@pytest.mark.parametrize("name", ["x" * 311, "善" * 254, "nobody@example.org", "\u202e13911112222"])
def test_names_of_nobody_are_counted_too_however_long(client, db, counting, name):
    answers = [_wrong(client, name).status_code for _ in range(9)]
    assert answers == [200] * 7 + [429] * 2
    assert AccessAttempt.objects.get().failures_since_start >= 8
    assert len(counted_as(None, {"username": name})) == 40


def test_the_household_is_the_same_in_every_spelling(places, admin, person):
    for number in ("１２", "12号", " 12\u200b", "012", "No.12"):
        wife = services.register_resident(village=places.village, name="妻", actor=admin, household_number=number)
        assert selectors.same_household(person, wife), number
    assert Household.objects.count() == 1
    services.correct_resident(resident=wife, actor=admin, household_number="１２－１")
    assert Household.objects.filter(number="12-1").exists()


@pytest.mark.parametrize(
    "typed",
    [
        "阿卜杜拉买买提",
        "阿卜杜拉•买买提",
        "阿卜杜拉 · 买买提",
        "买买提",
        "１２",
        "12号",
        "138000",
        "1234",
        "{volunteer}",
        "{spaced}",
    ],
)
def test_the_desk_finds_a_person_by_anything(admin, person, typed):
    number = person.volunteer_number
    text = typed.format(volunteer=number, spaced=f"{number[:4]} {number[4:7]}-{number[7:]}")
    assert list(selectors.residents_for(admin, text=text)) == [person]
    assert list(selectors.residents_for(admin, text="不存在")) == []


def test_a_name_is_kept_folded_by_whatever_way_it_is_saved(places, admin, person):
    assert person.name_key == "阿卜杜拉买买提"
    services.correct_resident(resident=person, actor=admin, name="艾力•吐尔逊")
    person.refresh_from_db()
    assert (person.name, person.name_key) == ("艾力·吐尔逊", "艾力吐尔逊")


def test_a_number_that_is_none_is_refused_and_nobody_is_made(places, admin):
    with pytest.raises(InvalidInput):
        services.register_resident(
            village=places.village, name="甲", actor=admin, phone="138²0000123", password=PASSWORD
        )
    assert not User.objects.filter(name="甲").exists()


def test_a_pin_in_full_width_is_the_same_pin(places, admin, person):
    card = services.issue_card(resident=person, actor=admin, pin="４８２６")
    assert services.check_pin(card_number=card.number, pin="4826") == card
    assert services.check_pin(card_number=f"{card.number[:5]}–{card.number[5:]}", pin="４８２６") == card
