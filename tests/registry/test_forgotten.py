"""Who forgot the password gets one for one sign-in at the office, never from whom they could command (K2)."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.factories.people import PASSWORD, make_resident, make_staff
from tests.support import worlds
from timebank.registry import services
from timebank.registry.errors import ConflictOfInterest, NotAllowed
from timebank.registry.models import AuditEntry, User

pytestmark = pytest.mark.django_db


made = worlds.fixture("made", "tests.factories.people.make_regions")


@pytest.fixture
def places(settings, made):
    settings.LANGUAGE_CODE = "en"
    return made


def _in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def test_the_office_gives_a_password_that_leads_to_an_own_one(places):
    wang = make_resident(places.village, "王秀英")
    admin = make_staff("village_admin", places.village)
    elsewhere = _in(wang.user)
    url = f"/people/sign-ins/{wang.user_id}/password/"
    office = _in(admin)
    assert url in office.get(f"/village/residents/{wang.pk}/").text
    assert "shown only now" not in office.get(url).text
    password = re.search(r"<code>(\w+)</code>", office.post(url).text)[1]
    assert elsewhere.get("/me/").status_code == 302  # signed out everywhere
    assert AuditEntry.objects.filter(action="reset_password", actor=admin, subject=f"user:{wang.user_id}").exists()
    visitor = Client()
    assert visitor.post("/sign-in/", {"username": wang.phone, "password": PASSWORD}).status_code != 302
    assert visitor.post("/sign-in/", {"username": wang.phone, "password": password}).status_code == 302
    for address in ("/me/", "/activities/", "/me/hours/"):
        assert visitor.get(address).headers["Location"] == "/me/password/"
    assert visitor.get("/me/password/").status_code == 200
    own = {"old": password, "new": "wheat-and-rain-9", "again": "wheat-and-rain-9"}
    assert visitor.post("/me/password/", own).status_code == 302
    assert visitor.get("/me/").status_code == 200


@pytest.mark.parametrize("role", ["village_admin", "town_admin", "verifier", "supervisor"])
def test_nobody_resets_one_who_is_above_or_beside_them(places, role):
    admin = make_staff("village_admin", places.village)
    region = places.town if role == "town_admin" else places.village
    other = make_resident(places.village, "同事")
    services.grant_role(user=other.user, role=role, region=region, actor=None)
    with pytest.raises(NotAllowed):
        services.reset_password(user=other.user, actor=admin)
    assert _in(admin).get(f"/people/sign-ins/{other.user_id}/password/").status_code == 404


def test_not_for_oneself_the_household_or_another_village(places):
    admin = make_staff("village_admin", places.village)
    with pytest.raises(NotAllowed):
        services.reset_password(user=admin, actor=admin)
    stranger = make_resident(places.sister, "外村")
    with pytest.raises(NotAllowed):
        services.reset_password(user=stranger.user, actor=admin)
    head = make_resident(places.village, "户主", household_number="12")
    wife = make_resident(places.village, "妻", household_number="12")
    services.grant_role(user=head.user, role="village_admin", region=places.village, actor=None)
    with pytest.raises(ConflictOfInterest):
        services.reset_password(user=wife.user, actor=User.objects.get(pk=head.user_id))
    # Control: somebody else of the same village.
    neighbour = make_resident(places.village, "邻")
    assert services.reset_password(user=neighbour.user, actor=User.objects.get(pk=head.user_id))


def test_staff_get_theirs_from_who_appoints_them(places):
    admin, town = make_staff("village_admin", places.village), make_staff("town_admin", places.town)
    assert services.reset_password(user=admin, actor=town)
    assert f"/people/sign-ins/{admin.pk}/password/" in _in(town).get("/village/staff/").text
