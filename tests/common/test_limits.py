"""What may be tried only so often (K12): counted under every key, in the database, never on what a visitor wrote."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.utils import timezone

from tests.factories.people import PASSWORD, make_regions, make_resident, make_staff
from timebank.common import limits, retention
from timebank.common.limits import Limit, TooOften, address_of
from timebank.common.models import Attempt
from timebank.common.sweeps import run
from timebank.registry import backends, services
from timebank.registry.errors import WrongPin

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in/"


def test_each_key_has_its_own_count_and_a_new_window_begins_anew():
    few = Limit("few", 2, 60)
    now = dt.datetime(2026, 11, 28, 12, 0, 30, tzinfo=dt.UTC)
    limits.spend(few, ["a", "b"], now=now)
    limits.spend(few, ["a"], now=now)
    with pytest.raises(TooOften):
        limits.spend(few, ["a", "b"], now=now)
    limits.spend(few, ["b"], now=now)  # what was refused took nothing
    with pytest.raises(TooOften):
        limits.spend(few, ["b"], now=now)
    limits.spend(few, ["a"], now=now + dt.timedelta(minutes=1))
    limits.count(few, ["x" * 311], now=now)  # longer than the column
    with pytest.raises(ValueError):
        Limit("x" * 41, 1, 1)
    Attempt.objects.all().delete()
    for days in (0, 1, 3, 4):
        Attempt.objects.create(limit="few", key="a", window=timezone.now() - dt.timedelta(days=days))
    assert next(run(sweep) for sweep in retention.SWEEPS if sweep.name == "forget attempts").handled == 2


def test_only_the_proxy_is_believed(settings):
    asked = RequestFactory(REMOTE_ADDR="10.0.0.9").get("/", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.7")
    assert address_of(asked) == "10.0.0.9"
    settings.BEHIND_PROXY = True
    assert address_of(asked) == "203.0.113.7"  # what the proxy wrote last, not what the visitor began with
    for nonsense in ("", "x" * 5000, "1.2.3.4, <script>"):
        assert address_of(RequestFactory(REMOTE_ADDR="10.0.0.9").get("/", HTTP_X_FORWARDED_FOR=nonsense)) == "10.0.0.9"


def _try(name, password="no", address="203.0.113.1"):
    return Client(REMOTE_ADDR=address).post(SIGN_IN, {"username": name, "password": password}).status_code


def test_an_account_an_address_and_an_attack_are_each_bounded(settings, monkeypatch):
    settings.LANGUAGE_CODE = "en"
    places = make_regions()
    wang, li = make_resident(places.village, "王秀英"), make_resident(places.village, "李桂兰")
    for name, most in (("BY_ACCOUNT", 6), ("BY_ADDRESS", 9), ("OVER_ALL", 15), ("BY_ADDRESS_THEN", 2)):
        monkeypatch.setattr(backends, name, Limit(name, most, 900))
    # From ever other addresses, and however the number is written: one count for the account.
    for number in range(6):
        assert _try(wang.phone if number % 2 else f"+86 {wang.phone}", address=f"198.51.100.{number}") == 200
    assert _try(wang.phone, PASSWORD, "198.51.100.77") == 429
    assert _try(li.phone, PASSWORD, "198.51.100.77") == 302
    # One address against ever other accounts, and names of any length.
    for number in range(9):
        assert _try(f"{number}" * 311) == 200
    assert _try(li.phone, PASSWORD) == 429
    # Many are wrong by now: an address has only two tries left, and who has made none comes in.
    assert [_try("nobody", address="192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert _try(li.phone, PASSWORD, "192.0.2.2") == 302


def test_pins_are_bounded_for_who_tries_for_the_device_and_for_the_village(monkeypatch):
    from timebank.registry.services import cards

    places = make_regions()
    admin = make_staff("village_admin", places.village)
    clerk = make_staff("clerk", places.village)
    other = make_staff("clerk", places.village)  # the admin gave the PINs, and so may not act by them
    numbers = [
        services.issue_card(
            resident=make_resident(places.village, f"村民{n}", signs_in=False), actor=admin, pin="2580"
        ).number
        for n in range(8)
    ]
    monkeypatch.setattr(cards, "PIN_BY_ONE", Limit("one", 3, 3600))
    monkeypatch.setattr(cards, "PIN_IN_VILLAGE", Limit("village", 5, 3600))

    def wrong(number, **who):
        with pytest.raises((WrongPin, TooOften)) as refusal:
            services.check_pin(card_number=number, pin="9999", **who)
        return refusal.value.code

    by_clerk = [wrong(number, actor=clerk) for number in numbers[:4]]
    assert by_clerk == ["wrong_pin"] * 3 + ["too_often"]  # each card is tried but once: no card would have said a word
    with pytest.raises(TooOften):
        services.check_pin(card_number=numbers[5], pin="2580", actor=clerk)
    assert services.check_pin(card_number=numbers[5], pin="2580", actor=other).number == numbers[5]
    by_village = [wrong(number, device=f"10.0.0.{place}") for place, number in enumerate(numbers[4:])]
    assert by_village == ["wrong_pin"] * 2 + ["too_often"] * 2


def test_asking_for_an_account_searching_and_files_are_bounded(settings, monkeypatch):
    settings.LANGUAGE_CODE = "en"
    places = make_regions()
    monkeypatch.setattr(limits, "spend", _spend_at_most_two)
    address = f"/register/?village={places.village.pk}"
    visitor = Client()
    assert [visitor.post(address, {"name": ""}).status_code for _ in range(3)] == [422, 422, 429]
    assert [visitor.get("/register/?q=庄").status_code for _ in range(3)] == [200, 200, 429]
    assert "Too many tries" in visitor.get("/register/?q=庄").text
    home = Client()
    home.force_login(make_resident(places.village).user)
    assert [home.get("/me/export.json").status_code for _ in range(3)] == [200, 200, 429]
    office = Client()
    office.force_login(make_staff("village_admin", places.village))
    assert [office.get("/village/residents/?format=csv&why=x").status_code for _ in range(3)] == [200, 200, 429]
    assert office.get("/village/residents/").status_code == 200
    lists = f"/people/{places.village.pk}/lists/"
    assert [office.post(lists, {"file": _file()}).status_code for _ in range(3)] == [422, 422, 429]
    # Whichever page takes files, they are counted together; a form without one is not.
    assert office.post(f"/villages/{places.village.pk}/openings/", {"file": _file()}).status_code == 429
    assert office.post(lists, {}).status_code == 422


def _file() -> SimpleUploadedFile:
    return SimpleUploadedFile("list.csv", b"")


def _spend_at_most_two(limit: Limit, keys, *, now=None):
    tight = Limit(limit.name, 2, limit.seconds)
    limits.require(tight, keys, now=now)
    limits.count(tight, keys, now=now)
