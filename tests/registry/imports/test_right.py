"""The five lists as village clerks keep them: each loads, asks and refuses as its right.json says."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.factories.people import make_staff
from timebank.registry import ids
from timebank.registry.models import Resident

FILES = Path(__file__).resolve().parents[2] / "data" / "residents"
RIGHT = json.loads((FILES / "right.json").read_text(encoding="utf-8"))
VILLAGE = "371003104204"

pytestmark = pytest.mark.django_db


def run(path: Path, **options: Any) -> tuple[str, int]:
    """Run the command; return what it printed and its exit status."""
    out = StringIO()
    status = 0
    try:
        call_command("import_residents", path, village=VILLAGE, stdout=out, stderr=out, **options)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    return out.getvalue(), status


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def registered() -> list[dict[str, str]]:
    return [
        {
            "name": one.name,
            "birth": one.birth_date.isoformat() if one.birth_date else "",
            "id": ids.decrypt(one.id_number_encrypted),
            "phone": one.phone,
            "house": one.household.number if one.household else "",
            "village": one.village.code,
        }
        for one in Resident.objects.select_related("household", "village").order_by("pk")
    ]


@pytest.mark.parametrize("name", [name for name, right in RIGHT.items() if "people" in right])
def test_each_list_loads_and_refuses_as_it_should(places, name):
    right = RIGHT[name]
    out, status = run(FILES / name, actor=make_staff("village_admin", places.village).username)
    refused = len(right["refused"])
    assert last_line(out) == f"{right['loaded']} loaded, {refused} refused, 0 asked, 0 unchanged"
    assert status == (1 if refused else 0)
    assert registered() == right["people"]
    for one in right["refused"]:
        line = next(line for line in out.splitlines() if line.startswith(f"row {one['row']}: refused, "))
        assert one.get("column", "") in line
    for skipped in right.get("skipped", []):
        assert f"skipped, {skipped}" in out
    # And again: nothing changes.
    again, status = run(FILES / name)
    assert last_line(again) == f"0 loaded, {refused} refused, 0 asked, {right['loaded']} unchanged"
    assert registered() == right["people"]


REASONS = {
    ("04_excel_habits.xlsx", 3): "digits lost",
    ("04_excel_habits.xlsx", 4): "digits lost: 1.38E+10",
    ("04_excel_habits.xlsx", 6): "a date stands here",
    ("07_contradictions.csv", 2): "birth date 1950-01-01 is not that of the ID number, 1946-04-10",
    ("07_contradictions.csv", 3): "the check digit of the ID number is wrong",
    ("07_contradictions.csv", 4): "15-digit number of before 2000: write the 18-digit one",
    ("07_contradictions.csv", 5): "1961-06-31 is no day of the calendar",
    ("07_contradictions.csv", 6): "2031-01-01 is in the future",
    ("07_contradictions.csv", 7): "136 years old",
    ("07_contradictions.csv", 8): "no village is known as 999999999999",
}


@pytest.mark.parametrize("name", ["04_excel_habits.xlsx", "07_contradictions.csv"])
def test_each_refusal_says_why(places, name):
    out, _status = run(FILES / name)
    for (file, row), reason in REASONS.items():
        if file == name:
            line = next(line for line in out.splitlines() if line.startswith(f"row {row}: refused"))
            assert reason in line


def test_lookalikes_are_asked_and_held_back(places):
    out, status = run(FILES / "05_lookalikes.csv")
    assert last_line(out) == "3 loaded, 0 refused, 2 asked, 0 unchanged"
    assert status == 1
    assert "row 3: asked, is this the same person as row 2?" in out
    assert "row 6: asked, is this another person with the phone of row 4?" in out
    assert "row 5: asked" not in out  # same name and house, another birth date: no pair
    assert [one["name"] for one in registered()] == ["禾小满", "葵惊蛰", "葵惊蛰"]
    again, _status = run(FILES / "05_lookalikes.csv")
    assert last_line(again) == "0 loaded, 0 refused, 2 asked, 3 unchanged"


def decisions(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "decisions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("first_without", [False, True])
def test_told_that_2_and_3_are_one_four_people_are_loaded(places, tmp_path, first_without):
    if first_without:
        run(FILES / "05_lookalikes.csv")
    out, status = run(FILES / "05_lookalikes.csv", decide=decisions(tmp_path, "2,3,same"))
    assert Resident.objects.count() == RIGHT["05_lookalikes.csv"]["loaded_if_told_that_2_and_3_are_one"]
    assert status == 0
    if not first_without:
        assert last_line(out) == "4 loaded, 0 refused, 0 asked, 1 unchanged"
    assert Resident.objects.get(name="杏清明").phone == ""
    assert Resident.objects.filter(name="禾小满").count() == 1
    # Remembered: without the file of decisions nothing is asked again.
    again, status = run(FILES / "05_lookalikes.csv")
    assert last_line(again) == "0 loaded, 0 refused, 0 asked, 5 unchanged"
    assert status == 0


@pytest.mark.parametrize(
    ("answer", "count", "phone"), [("different", 4, "13000000081"), ("without-phone", 4, ""), ("same", 3, None)]
)
def test_a_shared_phone_loads_as_chosen(places, tmp_path, answer, count, phone):
    run(FILES / "05_lookalikes.csv", decide=decisions(tmp_path, "rows,decision", '"2,3",same', f'"4,6",{answer}'))
    assert Resident.objects.count() == count
    if phone is not None:
        assert Resident.objects.get(name="杏清明").phone == phone
    again, _status = run(FILES / "05_lookalikes.csv")
    assert last_line(again) == "0 loaded, 0 refused, 0 asked, 5 unchanged"


def test_different_people_who_look_alike_are_two_and_stay_two(places, tmp_path):
    run(FILES / "05_lookalikes.csv", decide=decisions(tmp_path, "2,3,different", "4,6,different"))
    assert Resident.objects.filter(name="禾小满").count() == 2
    again, _status = run(FILES / "05_lookalikes.csv")
    assert last_line(again) == "0 loaded, 0 refused, 0 asked, 5 unchanged"
