"""The same lists on a page: handed in, looked at, decided, loaded; confirmed or returned by the town."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from tests.factories.people import make_resident, make_staff
from tests.registry.imports.test_right import FILES, RIGHT, registered
from timebank.common.sheets.reading import open_table
from timebank.registry.imports.candidates import COLUMNS
from timebank.registry.models import AuditEntry, DistinctPair, Resident, ResidentImport, ResidentImportRow

pages = import_module("timebank.registry.views.lists")
pytestmark = pytest.mark.django_db
BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"


def english() -> Client:
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def desk(admin: Any) -> Client:
    client = english()
    client.force_login(admin, backend=BACKEND)
    return client


@pytest.fixture
def town(places: Any) -> Client:
    client = english()
    client.force_login(make_staff("town_admin", places.town, name="镇里"), backend=BACKEND)
    return client


def hand_in(client: Client, place: Any, path: Path | bytes, name: str = "list.csv") -> Any:
    content = path if isinstance(path, bytes) else path.read_bytes()
    upload = SimpleUploadedFile(name if isinstance(path, bytes) else path.name, content)
    return client.post(reverse("registry:resident_lists", args=[place.pk]), {"file": upload})


def only_list() -> ResidentImport:
    return ResidentImport.objects.get()


def act(client: Client, action: str, **data: Any) -> Any:
    return client.post(reverse("registry:resident_list", args=[only_list().pk]), {"action": action, **data})


@pytest.mark.parametrize("name", [name for name, right in RIGHT.items() if "people" in right])
def test_each_list_loads_and_refuses_by_page_as_by_command(places, desk, name):
    right = RIGHT[name]
    assert hand_in(desk, places.village, FILES / name).status_code == 302
    assert Resident.objects.count() == 0  # nothing is loaded yet
    page = desk.get(reverse("registry:resident_list", args=[only_list().pk])).content.decode()
    for one in right["refused"]:
        assert f'<td role="cell" class="num" data-label="Row">{one["row"]}</td>' in page
    act(desk, "load", consent="1")
    assert registered() == right["people"]
    counts = {outcome: only_list().rows.filter(outcome=outcome).count() for outcome in ("loaded", "refused", "asked")}
    assert counts == {"loaded": right["loaded"], "refused": len(right["refused"]), "asked": 0}
    for one in right.get("skipped", []):
        assert one.split()[0] in page


def test_lookalikes_are_decided_on_the_page(places, desk):
    hand_in(desk, places.village, FILES / "05_lookalikes.csv")
    page = desk.get(reverse("registry:resident_list", args=[only_list().pk])).content.decode()
    assert "Row 3: The same person?" in page
    assert "Row 6: Another person with the same mobile number?" in page
    act(desk, "load", consent="1")
    assert Resident.objects.count() == 3  # the undecided are held back, the rest is loaded
    first, second = [row.questions.get() for row in only_list().rows.filter(outcome="asked").order_by("number")]
    act(desk, "decide", **{f"question-{first.pk}": "same"})
    assert Resident.objects.count() == 3
    act(desk, "load", consent="1", **{f"question-{second.pk}": "different"})
    assert Resident.objects.count() == 4
    assert Resident.objects.get(name="杏清明").phone == "13000000081"
    assert DistinctPair.objects.count() == 1
    # The same file again: nothing is asked, nothing changes.
    ResidentImport.objects.all().update(file_digest="")
    hand_in(desk, places.village, FILES / "05_lookalikes.csv")
    again = ResidentImport.objects.latest("pk")
    assert set(again.rows.values_list("outcome", flat=True)) == {"unchanged"}


def test_a_row_names_all_its_faults_and_how_long_a_name_may_be(places, desk):
    content = f"姓名,手机号,门牌号\n{'王' * 90},123,{'1' * 30}\n{'王' * 60},,\n王😀,,\n".encode()
    hand_in(desk, places.village, content)
    rows = only_list().rows
    assert set(rows.values_list("number", "outcome")) == {(2, "refused"), (3, "ready"), (4, "refused")}
    refused = rows.get(number=2)
    assert refused.column == "姓名"
    for said in (
        "at most 60 characters, this has 90",
        "手机号: 123 is no mobile",
        "门牌号: a house number has",
    ):
        assert said in refused.reason
    assert "“😀” can't stand in a name" in rows.get(number=4).reason


def test_nobody_is_loaded_without_consent_on_paper(places, desk):
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    answer = act(desk, "load")
    assert answer.status_code == 200
    assert "tick the box" in answer.content.decode()
    assert Resident.objects.count() == 0


def test_a_broken_file_is_a_form_error(places, desk):
    answer = hand_in(desk, places.village, b"\xd0\xcf\x11\xe0" + b"\0" * 900, "old.xls")
    assert answer.status_code == 422
    assert "old .xls" in answer.content.decode()
    assert not ResidentImport.objects.exists()


def test_a_row_of_a_foreign_village_is_refused_for_its_admin_and_loaded_for_who_may(places, desk, admin):
    content = f"姓名,村代码\n王一,{places.sister.code}\n李二,{places.village.code}\n".encode()
    hand_in(desk, places.village, content)
    row = only_list().rows.get(number=2)
    assert row.outcome == "refused"
    assert "may not register residents of 周家" in row.reason
    act(desk, "load", consent="1")
    assert [one.name for one in Resident.objects.all()] == ["李二"]
    both = make_staff("village_admin", places.sister)
    from timebank.registry.services import grant_role

    grant_role(user=both, role="village_admin", actor=None, region=places.village)
    other = english()
    other.force_login(both, backend=BACKEND)
    hand_in(other, places.village, content)
    source = ResidentImport.objects.latest("pk")
    other.post(reverse("registry:resident_list", args=[source.pk]), {"action": "load", "consent": "1"})
    assert Resident.objects.get(name="王一").village == places.sister


def test_refused_rows_come_back_as_a_file_to_mend(places, desk):
    hand_in(desk, places.village, FILES / "07_contradictions.csv")
    url = reverse("registry:refused_rows", args=[only_list().pk, "xlsx"])
    answer = desk.get(url)
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    rows = [[cell.value or "" for cell in row] for row in sheet.rows]
    assert rows[0] == ["姓名", "出生日期", "身份证号", "手机号", "门牌号", "村代码", "Row", "Problem"]
    assert rows[1][:3] == ["榆谷雨", "1950-01-01", "99000019460410911X"]
    assert rows[1][6] == "2"
    assert "not that of the ID number" in rows[1][7]
    assert len(rows) == 8
    assert "no-store" in answer["Cache-Control"]
    assert AuditEntry.objects.filter(action="export_refused_rows", facts__rows=7).exists()
    # Mended and handed in again, with the columns that we added.
    rows[1][1] = "1946-04-10"
    rows[1][7] = rows[1][7].replace(",", ";")
    mended = "\n".join(",".join(row) for row in rows[:2]).encode()
    hand_in(desk, places.village, mended)
    source = ResidentImport.objects.latest("pk")
    assert [row.outcome for row in source.rows.all()] == ["ready"]
    assert source.notes == []


def test_what_a_list_said_is_encrypted_and_erased(places, desk, town):
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    row = only_list().rows.first()
    assert row.content
    assert "禾小满" not in row.content
    act(desk, "load", consent="1")
    assert not ResidentImportRow.objects.exclude(content="").exists()


def test_the_towns_yes_confirms_its_people_but_whom_it_leaves_out(places, desk, town):
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    act(desk, "load", consent="1")
    assert not Resident.objects.filter(confirmed_at__isnull=False).exists()
    out = Resident.objects.get(name="枣冬至")
    page = town.get(reverse("registry:resident_list", args=[only_list().pk])).content.decode()
    assert "Does the town know these people?" in page
    act(town, "confirm", without=[out.pk])
    assert only_list().status == "confirmed"
    confirmed = Resident.objects.filter(confirmed_how="list", confirmed_by__name="镇里")
    assert confirmed.count() == 11
    assert out not in confirmed
    act(town, "confirm")  # once only
    assert confirmed.count() == 11


def test_the_town_may_return_a_list_with_a_reason(places, desk, town):
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    act(desk, "load", consent="1")
    act(town, "return")
    assert only_list().status == "loaded"
    act(town, "return", reason="三个人不认识")
    assert (only_list().status, only_list().answer_reason) == ("returned", "三个人不认识")
    assert not Resident.objects.filter(confirmed_at__isnull=False).exists()
    assert "三个人不认识" in desk.get(reverse("registry:resident_list", args=[only_list().pk])).content.decode()


def test_nobody_confirms_their_own_list(places, client):
    from timebank.registry.services import end_role, grant_role

    person = make_staff("village_admin", places.village)
    client.force_login(person, backend=BACKEND)
    hand_in(client, places.village, FILES / "01_gb18030.csv")
    act(client, "load", consent="1")
    # Both offices at once are refused; one after the other, the hands stay on the list.
    end_role(grant=person.role_grants.get(ended_at__isnull=True), actor=person)
    grant_role(user=person, role="town_admin", actor=None, region=places.town)
    assert act(client, "confirm").status_code == 403
    assert not Resident.objects.filter(confirmed_at__isnull=False).exists()


def test_the_village_does_not_confirm_and_the_town_does_not_load(places, desk, town):
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    assert act(town, "load", consent="1").status_code == 403
    assert Resident.objects.count() == 0
    act(desk, "load", consent="1")
    assert act(desk, "confirm").status_code == 403
    assert hand_in(town, places.village, FILES / "01_gb18030.csv").status_code == 403


def test_a_form_written_for_one_list_answers_no_question_of_another(places, desk):
    hand_in(desk, places.village, FILES / "05_lookalikes.csv")
    question = only_list().rows.get(number=3).questions.get()
    stranger = make_staff("village_admin", places.stranger)
    other = english()
    other.force_login(stranger, backend=BACKEND)
    hand_in(other, places.stranger, "姓名\n王一\n".encode())
    source = ResidentImport.objects.latest("pk")
    other.post(
        reverse("registry:resident_list", args=[source.pk]), {"action": "decide", f"question-{question.pk}": "same"}
    )
    question.refresh_from_db()
    assert question.decision == ""


def test_a_list_put_aside_is_erased(places, desk):
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    act(desk, "discard")
    assert only_list().status == "discarded"
    assert not only_list().rows.exclude(content="").exists()
    assert act(desk, "load", consent="1").status_code == 409
    assert Resident.objects.count() == 0


@pytest.mark.parametrize("rows", [1, 30])
def test_pages_take_as_many_queries_for_one_row_as_for_thirty(places, desk, query_budget, rows):
    make_resident(places.village, "共小满", signs_in=False, phone="13000000000")
    lines = [f"共小满{number},13000000000,{number}" for number in range(rows)]
    lines += [f"坏,{number}," for number in range(rows)]
    hand_in(desk, places.village, ("姓名,手机号,门牌号\n" + "\n".join(lines)).encode())
    assert only_list().rows.filter(outcome="asked").count() == rows
    desk.get(reverse("registry:resident_list", args=[only_list().pk]))
    with query_budget(15):
        desk.get(reverse("registry:resident_list", args=[only_list().pk]))
    with query_budget(9):
        desk.get(reverse("registry:resident_lists", args=[places.village.pk]))


def test_a_long_list_is_loaded_in_the_background(places, desk, monkeypatch):
    monkeypatch.setattr(pages, "AT_ONCE", 3)
    hand_in(desk, places.village, FILES / "01_gb18030.csv")
    act(desk, "load", consent="1")
    assert Resident.objects.count() == 12
    assert only_list().status == "loaded"


@pytest.mark.parametrize("at", ["village", "town"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("language", "heads"),
    [
        ("zh-hans", ["姓名", "出生日期", "身份证号", "手机号", "门牌号", "村"]),
        ("en", ["Name", "Birth date", "ID number", "Mobile number", "House number", "Village"]),
    ],
)
def test_the_table_to_fill_in_is_offered_and_is_taken_as_it_is(places, language, heads, form, at):
    place = getattr(places, at)
    client = Client(headers={"accept-language": language})
    client.force_login(make_staff("village_admin", place), backend=BACKEND)
    address = reverse("registry:residents_example", args=[place.pk, form])
    assert address in client.get(reverse("registry:resident_lists", args=[place.pk])).text
    table = b"".join(client.get(address).streaming_content)
    opened = open_table(io.BytesIO(table), COLUMNS)
    assert ([opened.headings[column.key] for column in COLUMNS], opened.unread) == (heads, [])
    assert hand_in(client, place, table, f"residents.{form}").status_code == 302
    (row,) = only_list().rows.all()
    assert row.outcome == "ready", row.reason
    assert act(client, "load", consent="1").status_code == 302
    person = Resident.objects.get(household__number="12")
    assert (person.village, str(person.birth_date)) == (places.village, "1950-01-31")
    assert client.get(address.replace(f".{form}", ".exe")).status_code == 404


def test_who_only_confirms_is_offered_no_table_to_fill_in(places, town):
    page = town.get(reverse("registry:resident_lists", args=[places.village.pk]))
    address = reverse("registry:residents_example", args=[places.village.pk, "csv"])
    assert (page.status_code, address in page.text, town.get(address).status_code) == (200, False, 404)
