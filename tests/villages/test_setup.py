"""The first run: opened by a token that works once, 404 to everybody else and afterwards."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook

from tests.factories.people import make_regions, new_phone
from timebank.policy.services import load_published
from timebank.registry.models import Region, RoleGrant, User
from timebank.service.models import SchemeAdoption
from timebank.villages import errors, services
from timebank.villages.models import Office, SetupToken

pytestmark = pytest.mark.django_db

PLACES = """code,name,level,parent_code,kind
370000000000,山东省,province,,
371000000000,威海市,city,370000000000,
371003000000,文登区,county,371000000000,市辖区
371003104000,泽库镇,town,371003000000,镇
371003104204,辛旺庄村委会,village,371003104000,村委会
371003104215,周家村委会,village,371003104000,村委会
"""


def people() -> dict[str, Any]:
    return {
        key: services.Person(name, new_phone(), "right-horse-7")
        for key, name in (("county_admin", "县一"), ("town_admin", "镇二"), ("village_admin", "村三"))
    }


def finish(token: str, places: Any) -> User:
    return services.finish_setup(
        token=token,
        county=places.county,
        town=places.town,
        village=places.village,
        scheme="wendeng-rural",
        since=timezone.localdate(),
        **people(),
    )


def typed(places: Any, **more: Any) -> dict[str, Any]:
    form = {"scheme": "wendeng-rural", "since": timezone.localdate().isoformat(), "village": places.village.pk}
    for key, name in (("county", "县一"), ("town", "镇二"), ("village", "村三")):
        form |= {f"{key}_name": name, f"{key}_phone": new_phone(), f"{key}_password": "right-horse-7"}
    return {**form, **more}


def test_an_empty_installation_is_set_up_in_the_browser_alone():
    token = services.open_setup()
    client = Client(headers={"accept-language": "en"})
    assert client.get("/").headers["Location"] == reverse("villages:setup_enter")
    page = client.post(reverse("villages:setup_enter"), {"token": token})
    first = page.headers["Location"]
    assert first == reverse("villages:setup", args=[token])
    page = client.post(first, {"file": SimpleUploadedFile("places.csv", PLACES.encode("gb18030"))})
    assert page.status_code == 302, page.content.decode()[-2000:]
    county = Region.objects.get(level="county")
    step = client.post(page.headers["Location"], {"place": county.pk}).headers["Location"]
    town = Region.objects.get(level="town")
    last = client.post(step, {"place": town.pk}).headers["Location"]
    village = Region.objects.get(code="371003104204")

    class Places:
        pass

    Places.village = village  # type: ignore[attr-defined]
    shown = client.get(last).content.decode()
    assert "wendeng-rural" in shown
    assert "威文办发〔2019〕20号" in shown  # the scheme says where it comes from, and what it grants
    assert re.search(r"\d+ points? for every full", shown)
    done = client.post(last, typed(Places))
    assert done.status_code == 302, done.content.decode()[-3000:]
    assert done.headers["Location"] == reverse("villages:founding", args=[village.pk])
    grants = set(RoleGrant.objects.values_list("role", "region__code"))
    assert grants == {
        ("city_admin", county.code),
        ("town_admin", town.code),
        ("village_admin", village.code),
    }
    assert SchemeAdoption.objects.get().region == county
    # signed in as the county's admin, who sees what the village still needs
    assert client.get(done.headers["Location"]).status_code == 200
    # and the setup is gone, with the token and without
    for address in (first, last, reverse("villages:setup_enter")):
        assert client.get(address).status_code == 404
        assert Client().get(address).status_code == 404
    assert Client().get("/").status_code == 200


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_table_to_fill_in_is_offered_and_can_be_loaded(language, form):
    first = reverse("villages:setup", args=[services.open_setup()])
    client = Client(headers={"accept-language": language})
    address = next(href for href in re.findall(r'href="([^"]+)"', client.get(first).text) if href.endswith(f".{form}"))
    answer = client.get(address)
    table = b"".join(answer.streaming_content)
    if form == "csv":
        heads = "代码,名称,级别,上级代码,类型" if language == "zh-hans" else "code,name,level,parent_code,kind"
        assert table.decode("utf-8-sig").splitlines()[0] == heads
    page = client.post(first, {"file": SimpleUploadedFile(f"places.{form}", table)})
    assert page.status_code == 302, page.text
    assert list(Region.objects.order_by("path").values_list("level", flat=True)) == [
        "province",
        "city",
        "county",
        "town",
        "village",
    ]
    assert client.get(address.replace(f".{form}", ".exe")).status_code == 404
    assert client.get(reverse("villages:setup_example", args=["x" * 32, form])).status_code == 404


def test_places_are_read_by_the_names_that_offices_use():
    table = """统计用区划代码,单位名称,行政级别,上级区划代码,备注
370000000000,山东省,省级,,
371000000000,威海市,地级市,370000000000,
371003000000,文登区,区,371000000000,
371003001000,天福街道,街道,371003000000,
371003001001,某社区,社区,371003001000,
"""
    first = reverse("villages:setup", args=[services.open_setup()])
    page = Client().post(first, {"file": SimpleUploadedFile("places.csv", table.encode("gb18030"))})
    assert page.status_code == 302, page.text
    assert dict(Region.objects.values_list("name", "level"))["天福街道"] == "town"


def test_a_wrong_token_opens_nothing():
    services.open_setup()
    for path in ("villages:setup", "villages:setup_county"):
        assert Client().get(reverse(path, args=["x" * 32])).status_code == 404
    page = Client().post(reverse("villages:setup_enter"), {"token": "x" * 32})
    assert page.status_code == 422
    with pytest.raises(errors.SetupClosed):
        services.load_places(token="x" * 32, rows=[])
    assert not Region.objects.exists()


def test_without_any_token_there_is_no_setup():
    assert Client().get(reverse("villages:setup_enter")).status_code == 404
    assert Client().get("/").status_code == 200


def test_a_second_token_makes_the_first_void_and_only_a_digest_is_kept():
    first, second = services.open_setup(), services.open_setup()
    assert Client().get(reverse("villages:setup", args=[first])).status_code == 404
    assert Client().get(reverse("villages:setup", args=[second])).status_code == 200
    assert second not in SetupToken.objects.get().digest


def test_the_command_prints_the_address_only_while_nobody_signs_in():
    out = io.StringIO()
    call_command("start_county", stdout=out)
    assert "/setup/" in out.getvalue()
    assert "/setup/" in services.greeting("http://127.0.0.1:8000")[1]
    User.objects.create_user(name="谁", email="who@shanji.example")
    assert services.greeting("http://127.0.0.1:8000") == []
    with pytest.raises(CommandError):
        call_command("start_county", stdout=out)


def test_whoever_prints_a_second_address_says_that_the_first_is_void():
    """`serve` and `start_county` each made the other's address void without a word."""
    out, err = io.StringIO(), io.StringIO()
    call_command("start_county", stdout=out, stderr=err)
    first = out.getvalue().strip()
    assert err.getvalue() == ""
    served = services.greeting("http://127.0.0.1:8000")
    assert "printed before opens nothing" in served[2]
    call_command("start_county", stdout=out, stderr=err)
    assert "printed before opens nothing" in err.getvalue()
    last = out.getvalue().split()[-1]
    opens = [Client().get(urlsplit(address.strip()).path).status_code for address in (first, served[1], last)]
    assert opens == [404, 404, 200]
    assert len(out.getvalue().split()) == 2  # a script reads addresses only


def test_the_desk_says_while_a_village_is_not_open_yet(settings):
    settings.LANGUAGE_CODE = "en"
    places = make_regions()
    load_published()
    finish(services.open_setup(), places)
    client = Client()
    for role, place in (("village_admin", places.village), ("city_admin", places.county)):
        user = User.objects.get(role_grants__role=role)
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        page = client.get(reverse("desk:home"), {"where": place.pk}, follow=True).content.decode()
        assert "1 village is being prepared" in page, role
        assert reverse("villages:mine") in page
    Office.objects.update(opened_at=timezone.now())
    assert "being prepared" not in client.get(reverse("desk:home"), follow=True).content.decode()


def test_a_workbook_whose_rows_end_with_what_they_hold_is_read():
    token = services.open_setup()
    book = Workbook()
    for line in csv.reader(io.StringIO(PLACES)):
        order = (
            line[0],
            line[1],
            line[2],
            line[4],
            line[3],
        )  # the code of the place above stands last, as one writes it
        book.active.append([cell or None for cell in order])
    file = io.BytesIO()
    book.save(file)
    sent = {"file": SimpleUploadedFile("places.xlsx", file.getvalue())}
    page = Client().post(reverse("villages:setup", args=[token]), sent)
    assert page.status_code == 302, page.content.decode()
    assert Region.objects.count() == 6


def test_one_number_for_two_offices_is_said_where_it_is_repeated_with_all_else():
    places, token = make_regions(), services.open_setup()
    load_published()
    address = reverse("villages:setup_finish", args=[token, places.county.pk, places.town.pk])
    sent = typed(places, since="")
    page = Client().post(address, {**sent, "town_phone": sent["county_phone"]})
    assert set(page.context["form"].errors) == {"town_phone", "since"}
    assert "密码" in page.content.decode() or "passwords once more" in page.content.decode()
    assert "right-horse-7" not in page.content.decode()


def test_broken_rows_are_named_and_nothing_is_loaded():
    token = services.open_setup()
    table = PLACES + "37100310499,短码村,village,371003104000,\n"
    page = Client(headers={"accept-language": "en"}).post(
        reverse("villages:setup", args=[token]), {"file": SimpleUploadedFile("places.csv", table.encode())}
    )
    assert page.status_code == 422
    assert "Row 8" in page.content.decode()
    assert not Region.objects.exists()


def test_three_people_and_places_inside_one_another(db):
    places, token = make_regions(), services.open_setup()
    load_published()
    same = people()
    same["town_admin"] = same["county_admin"]
    given = {
        "token": token,
        "county": places.county,
        "town": places.town,
        "village": places.village,
        "scheme": "wendeng-rural",
        "since": timezone.localdate(),
    }
    with pytest.raises(errors.PersonHasOffice):
        services.finish_setup(**given, **same)
    with pytest.raises(errors.NotInCounty):
        services.finish_setup(**{**given, "village": places.stranger}, **people())
    assert not User.objects.exists()
    finish(token, places)
    with pytest.raises(errors.SetupClosed):
        finish(token, places)


def test_nobody_sets_up_where_somebody_signs_in_already():
    places, token = make_regions(), services.open_setup()
    load_published()
    User.objects.create_user(name="谁", email="who@shanji.example")
    with pytest.raises(errors.SetupClosed):
        finish(token, places)
