"""The demo: there only where it is wanted, entered with one tap, and true to the rules that hold for everybody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.urls import reverse

from marketplace.demo import people, selectors
from tests.factories.people import make_regions, new_phone
from timebank.registry import services

LOOK = """
import django; django.setup()
from django.apps import apps
from django.core.management import get_commands
from django.urls import NoReverseMatch, reverse
from timebank.common import contract
installed = [apps.is_installed(name) for name in ("marketplace.demo", "timebank.ui.styleguide")]
listed = [one.app for one in contract.declared("panels") if one.name == "sign_in"]
try:
    address = reverse("styleguide:home")
except NoReverseMatch:
    address = "nowhere"
print(*installed, "load_demo" in get_commands(), listed, address)
"""


def try_person():
    return services.register_resident(
        village=make_regions().village,
        name="演示大姐",
        actor=None,
        phone=new_phone(),
        password=people.PASSWORD,
        username=people.PREFIX + "a",
    )


@pytest.mark.parametrize(
    ("_case", "changes", "expected"),
    [
        ("not wanted", {"DEMO": "0"}, "False False False [] nowhere"),
        ("development without it", {"DEMO": "0", "DEBUG": "1"}, "False True False [] /styleguide/"),
        ("wanted", {"DEMO": "1"}, "True True True ['demo'] /styleguide/"),
    ],
)
def test_demo_and_style_guide_are_there_only_where_wanted(tmp_path, _case, changes, expected):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DATABASE_"))}
    environment |= {"DJANGO_SETTINGS_MODULE": "settings.dev", "DATABASE_URL": "sqlite:///:memory:", **changes}
    environment["VAR_DIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == expected, done.stderr[-2000:]


@pytest.mark.django_db
def test_one_tap_signs_in_as_one_of_the_demo_people(client):
    resident = try_person()
    stranger = services.register_resident(
        village=resident.village, name="别人", actor=None, phone=new_phone(), password="another-long-one"
    )
    page = client.get(reverse("registry:sign_in")).content.decode()
    assert "以演示大姐登录" in page
    assert stranger.phone not in page
    answer = client.post(reverse("registry:sign_in"), {"username": resident.phone, "password": people.PASSWORD})
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(resident.user_id)


@pytest.mark.django_db
def test_nobody_is_listed_where_nobody_of_the_demo_is(client):
    assert selectors.accounts() == []
    assert selectors.greeting("http://127.0.0.1:8000") == []
    assert people.PASSWORD not in client.get(reverse("registry:sign_in")).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_demo_is_entered_with_one_tap(page, live_server):
    try_person()
    page.goto(live_server.url + reverse("registry:sign_in"))
    page.click("text=以演示大姐登录")
    page.goto(live_server.url + reverse("registry:me"))
    assert "演示大姐" in page.inner_text("h1")
