"""Loading the places."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.factories.people import make_resident, make_staff
from timebank.ledger.models import Account
from timebank.registry import rules
from timebank.registry.models import Region, RegionCode, Resident
from timebank.registry.selectors import ancestors, region_by_code, subtree, villages_named, with_places
from timebank.registry.services.regions import short_name

DATA = Path(__file__).resolve().parents[2] / "timebank" / "registry" / "data"
HEADER = "code,name,level,parent_code,urban_rural_code,kind"
TREE = [
    "370000000000,山东省,province,,,",
    "371000000000,威海市,city,370000000000,,",
    "371003000000,文登区,county,371000000000,,市辖区",
    "371003104000,泽库镇,town,371003000000,,镇",
    "371003104204,辛旺庄村委会,village,371003104000,,村委会",
]

pytestmark = pytest.mark.django_db


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def load(path: Path, **options: object) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("import_regions", path, stdout=out, stderr=err, **options)
    except CommandError as error:
        return out.getvalue(), f"{err.getvalue()}{error}"
    except SystemExit as leaving:
        return out.getvalue(), f"{err.getvalue()}exit {leaving.code}"
    return out.getvalue(), err.getvalue()


def test_the_published_list_loads_whole_and_only_once():
    out, err = load(DATA / "divisions.csv")
    assert out == "1856 rows: 1856 added, 0 renamed, 0 merged, 0 unchanged\n"
    assert err == ""
    assert Region.objects.count() == 1856
    assert Region.objects.find_problems() == ([], [], [], [], [])
    village = Region.objects.get(code="371003104204")
    assert [str(region) for region in ancestors(village)] == ["山东省", "威海市", "文登区", "泽库镇"]
    assert village.short_name == "辛旺庄"
    before = list(Region.objects.order_by("pk").values_list("pk", "path", "code", "name", "numchild"))
    codes = RegionCode.objects.count()
    out, _err = load(DATA / "divisions.csv")
    assert out == "1856 rows: 0 added, 0 renamed, 0 merged, 1856 unchanged\n"
    assert list(Region.objects.order_by("pk").values_list("pk", "path", "code", "name", "numchild")) == before
    assert RegionCode.objects.count() == codes


def test_every_seed_place_is_found_by_its_code():
    load(DATA / "divisions.csv")
    with (DATA / "seed_places.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["code"] and not row["code"].startswith("371083"):
                assert Region.objects.get(code=row["code"]).short_name == row["name_in_source"]


def test_an_old_code_still_finds_its_village():
    load(DATA / "divisions.csv")
    village = region_by_code("371082001002")
    assert village is not None
    assert village.code == "371082001246"
    assert RegionCode.objects.get(code="371082001002").valid_to.isoformat() == "2019-10-31"


def test_a_dry_run_reports_and_changes_nothing(tmp_path):
    out, _err = load(write(tmp_path / "a.csv", *TREE), dry_run=True)
    assert out == "Dry run, nothing changed: 5 rows: 5 added, 0 renamed, 0 merged, 0 unchanged\n"
    assert not Region.objects.exists()


def test_a_new_name_renames_and_keeps_the_place(tmp_path):
    load(write(tmp_path / "a.csv", *TREE))
    village = Region.objects.get(code="371003104204")
    out, _err = load(write(tmp_path / "a.csv", *TREE[:-1], TREE[-1].replace("辛旺庄村委会", "新旺庄社区居委会")))
    assert "1 renamed" in out
    village.refresh_from_db()
    assert (village.name, village.short_name) == ("新旺庄社区居委会", "新旺庄社区")


def test_a_new_code_keeps_the_place_and_remembers_the_old_one(tmp_path):
    load(write(tmp_path / "a.csv", *TREE))
    village = Region.objects.get(code="371003104204")
    recoded = write(
        tmp_path / "division_recoded.csv",
        "371003,371003104204,辛旺庄村委会,2023-06-30,371003104299,辛旺庄村委会,2024-06-30",
        header="county_code,old_code,old_name,old_last_seen,new_code,new_name,new_first_seen",
    )
    path = write(tmp_path / "b.csv", *TREE[:-1], TREE[-1].replace("371003104204", "371003104299"))
    out, _err = load(path, recoded=recoded)
    assert out == "5 rows: 0 added, 0 renamed, 1 merged, 4 unchanged\n"
    assert Region.objects.get(code="371003104299").pk == village.pk
    assert region_by_code("371003104204") == Region.objects.get(pk=village.pk)
    old = RegionCode.objects.get(code="371003104204")
    assert old.valid_to.isoformat() == "2023-06-30"
    out, _err = load(path, recoded=recoded)
    assert out == "5 rows: 0 added, 0 renamed, 0 merged, 5 unchanged\n"
    out, err = load(write(tmp_path / "c.csv", *TREE), recoded=recoded)
    assert "row 6: code 371003104204 was replaced by 371003104299" in err
    assert out == ""


def test_a_recoded_village_may_move_to_another_town(tmp_path):
    town = "371003103000,高村镇,town,371003000000,,镇"
    load(write(tmp_path / "a.csv", *TREE, town))
    village = Region.objects.get(code="371003104204")
    recoded = write(
        tmp_path / "r.csv",
        "371003104204,辛旺庄村委会,2023-06-30,371003103299,辛旺庄村委会,2024-06-30",
        header="old_code,old_name,old_last_seen,new_code,new_name,new_first_seen",
    )
    moved = "371003103299,辛旺庄村委会,village,371003103000,,村委会"
    out, _err = load(write(tmp_path / "b.csv", *TREE[:-1], town, moved), recoded=recoded)
    assert "1 merged" in out
    village = Region.objects.get(pk=village.pk)
    assert ancestors(village)[-1].code == "371003103000"
    assert Region.objects.find_problems() == ([], [], [], [], [])


@pytest.mark.parametrize(
    ("_case", "row", "reason"),
    [
        ("too short a code", "37100310420,甲村委会,village,371003104000,,", "code '37100310420' must have 12 digits"),
        ("letters in the code", "37100310420A,甲村委会,village,371003104000,,", "must have 12 digits"),
        ("a village code for a town", "371003105204,甲镇,town,371003000000,,", "is not a code of a town"),
        ("a town code for a village", "371003105000,甲村委会,village,371003104000,,", "is not a code of a village"),
        ("missing parent", "371003105204,甲村委会,village,371003105000,,", "parent 371003105000 is neither"),
        ("no parent", "371003104209,甲村委会,village,,,", "the parent code is empty"),
        ("parent of another level", "371003104209,甲村委会,village,371003000000,,", "is a county, not a town"),
        ("duplicate", "371003104204,辛旺庄村委会,village,371003104000,,", "stands in row 6 already"),
        ("no such level", "371003104209,甲村委会,hamlet,371003104000,,", "level 'hamlet' is none of"),
        ("no name", "371003104209, ,village,371003104000,,", "the name is empty"),
        ("too few fields", "371003104209,甲村委会", "fewer fields"),
        ("too many fields", "371003104209,甲村委会,village,371003104000,,,,x", "more fields"),
        ("outside its parent", "371003105209,甲村委会,village,371003104000,,", "does not lie in parent"),
        ("a province with a parent", "520000000000,贵州省,province,370000000000,,", "a province has no parent"),
    ],
)
def test_a_broken_row_is_named_and_nothing_is_loaded(tmp_path, _case, row, reason):
    out, err = load(write(tmp_path / "a.csv", *TREE, row))
    assert out == ""
    assert "row 7: " in err
    assert reason in err
    assert "1 broken rows in a.csv" in err
    assert not Region.objects.exists()
    assert not RegionCode.objects.exists()


def test_all_broken_rows_are_named_at_once(tmp_path):
    out, err = load(write(tmp_path / "a.csv", *TREE, "1,甲,village,371003104000,,", "2,乙,village,371003104000,,"))
    assert out == ""
    assert "row 7: " in err
    assert "row 8: " in err
    assert "2 broken rows" in err


def test_a_broken_row_leaves_what_was_loaded_before(tmp_path):
    load(write(tmp_path / "a.csv", *TREE))
    load(write(tmp_path / "a.csv", *TREE[:-1], TREE[-1].replace("辛旺庄", "新旺庄"), "1,甲,village,371003104000,,"))
    assert Region.objects.get(code="371003104204").name == "辛旺庄村委会"


@pytest.mark.parametrize(
    ("_case", "encoding", "change"),
    [
        ("Chinese Excel", "gb18030", lambda text: text),
        ("Unicode text of Excel", "utf-16", lambda text: text.replace(",", "\t")),
        ("without a mark", "utf-16-le", lambda text: text),
        ("UTF-8 with a mark", "utf-8-sig", lambda text: text),
        ("semicolons", "utf-8", lambda text: text.replace(",", ";")),
        ("an upper-case header", "utf-8", lambda text: text.replace(HEADER, HEADER.upper())),
        ("apostrophes", "utf-8", lambda text: re.sub(r"(37\d{10})", r"'\1", text)),
        ("whole numbers", "utf-8", lambda text: re.sub(r"(37\d{10})", r"\1.0", text)),
        ("full-width digits", "utf-8", lambda text: text.replace("371003104204", "３７１００３１０４２０４")),
        ("a line for Excel", "utf-8", lambda text: "sep=,\n" + text),
        ("a title", "gb18030", lambda text: "行政区划代码表,,,,,\n,,,,,\n" + text),
        ("old Macintosh lines", "utf-8", lambda text: text.replace("\n", "\r")),
    ],
)
def test_a_file_of_any_habit_is_loaded(tmp_path, _case, encoding, change):
    path = tmp_path / "a.csv"
    path.write_bytes(change("\n".join([HEADER, *TREE]) + "\n").encode(encoding))
    out, err = load(path)
    assert err == ""
    assert out == "5 rows: 5 added, 0 renamed, 0 merged, 0 unchanged\n"
    assert Region.objects.get(code="371003104204").name == "辛旺庄村委会"


def test_a_code_that_lost_digits_is_named(tmp_path):
    _out, err = load(write(tmp_path / "a.csv", *TREE[:-1], TREE[-1].replace("371003104204", "3.71003E+11")))
    assert "row 6: code: digits lost: 3.71003E+11" in err
    assert not Region.objects.exists()


def test_bytes_of_no_encoding_are_named_by_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join([HEADER, *TREE[:2]]).encode() + b"\n371003000000,\xff\xff,county,371000000000,,\n")
    _out, err = load(path)
    assert "Row 4 can't be read in any encoding" in err
    assert not Region.objects.exists()


def test_a_file_without_its_header_is_refused(tmp_path):
    _out, err = load(write(tmp_path / "a.csv", *TREE[1:], header=TREE[0]))
    assert "No row of the file names the columns code, name, level, parent_code. Row 1 says: 370000000000" in err
    assert not Region.objects.exists()


def test_a_missing_file_is_a_sentence(tmp_path):
    _out, err = load(tmp_path / "none.csv")
    assert "can't be read" in err


def test_loading_is_a_handful_of_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(90):  # SQLite takes fewer rows a statement
        load(DATA / "divisions.csv")


@pytest.mark.parametrize(
    ("name", "level", "short"),
    [
        ("辛旺庄村委会", "village", "辛旺庄"),
        ("朝阳社区居委会", "village", "朝阳社区"),
        ("鸿河社区居民委员会", "village", "鸿河社区"),
        ("西凤凰台社区居委", "village", "西凤凰台社区"),
        ("渔人码头居委会", "village", "渔人码头"),
        ("某某村民委员会", "village", "某某"),
        ("崂山街道办事处大学城居委会", "village", "大学城"),
        ("站街村", "village", "站街村"),
        ("王连街道办事处", "town", "王连街道"),
        ("开发区办事处", "town", "开发区"),
        ("泽库镇", "town", "泽库镇"),
    ],
)
def test_short_name_drops_the_office(name, level, short):
    assert short_name(name, level) == short


def test_two_villages_of_one_name_are_told_apart_by_their_place():
    load(DATA / "divisions.csv")
    found = with_places(villages_named("大寨村"))
    exact = [(region.short_name, place) for region, place in found if region.short_name == "大寨村"]
    assert len(exact) == 2
    assert len(set(exact)) == 2


def test_subtree_holds_the_place_and_all_below():
    load(DATA / "divisions.csv")
    town = Region.objects.get(code="371003104000")
    codes = set(subtree(town).values_list("code", flat=True))
    assert "371003104204" in codes
    assert "371003104000" in codes
    assert all(code.startswith("371003104") for code in codes)


# -- Places that merge, vanish and divide ------------------------------------------------------------------------------
OLD_HEADER = "old_code,old_name,old_last_seen,new_code,new_name,new_first_seen"
SISTER = "371003104215,周家村委会,village,371003104000,,村委会"
NEW = "371003104299,辛旺周村委会,village,371003104000,,村委会"


def two_into_one(tmp_path: Path) -> tuple[Path, Path]:
    recoded = write(
        tmp_path / "r.csv",
        "371003104204,辛旺庄村委会,2025-06-30,371003104299,辛旺周村委会,2026-06-30",
        "371003104215,周家村委会,2025-06-30,371003104299,辛旺周村委会,2026-06-30",
        header=OLD_HEADER,
    )
    return write(tmp_path / "b.csv", *TREE[:-1], NEW), recoded


def test_two_villages_into_one_code_take_their_residents_along(tmp_path):
    load(write(tmp_path / "a.csv", *TREE, SISTER))
    first, second = (Region.objects.get(code=code) for code in ("371003104204", "371003104215"))
    wang = make_resident(first, "王一", household_number="12")
    zhou = make_resident(second, "周二", household_number="12")
    keeper = make_staff("stock_keeper", second)
    table, recoded = two_into_one(tmp_path)
    dry, _err = load(table, recoded=recoded, dry_run=True)
    assert "2 merged" in dry
    assert region_by_code("371003104215") == second
    out, err = load(table, recoded=recoded)
    assert err == ""
    assert out == "5 rows: 0 added, 0 renamed, 2 merged, 4 unchanged\n"
    place = Region.objects.get(code="371003104299")
    assert [region_by_code(code) for code in ("371003104204", "371003104215", "371003104299")] == [place] * 3
    for one in (wang, zhou):
        one.refresh_from_db()
        assert one.village == place
        assert one.residences.get(until__isnull=True).village == place
        assert one.status == Resident.Status.ACTIVE
    assert wang.household != zhou.household  # two houses, though both had number 12
    assert {wang.household.number, zhou.household.number} == {"12", "周家12"}
    assert rules.can(keeper, rules.VIEW_VILLAGE, place)
    assert Account.objects.get(key=zhou.wallet_key).expires_to == f"expired:region:{place.pk}"
    assert Region.objects.find_problems() == ([], [], [], [], [])
    again, _err = load(table, recoded=recoded)
    assert again == "5 rows: 0 added, 0 renamed, 0 merged, 5 unchanged\n"


def test_what_vanished_is_named_with_its_residents(tmp_path):
    load(write(tmp_path / "a.csv", *TREE, SISTER))
    make_resident(Region.objects.get(code="371003104215"), "周二")
    out, _err = load(write(tmp_path / "b.csv", *TREE))
    assert out.splitlines() == [
        "vanished 371003104215 周家村委会: 1 residents stay there until it is decided",
        "5 rows: 0 added, 0 renamed, 0 merged, 5 unchanged",
    ]
    assert Region.objects.get(code="371003104215").is_active


def test_what_divided_is_asked_and_then_continued(tmp_path):
    load(write(tmp_path / "a.csv", *TREE))
    village = Region.objects.get(code="371003104204")
    person = make_resident(village, "王一")
    recoded = write(
        tmp_path / "r.csv",
        "371003104204,辛旺庄村委会,2025-06-30,371003104298,东旺庄村委会,2026-06-30",
        "371003104204,辛旺庄村委会,2025-06-30,371003104299,西旺庄村委会,2026-06-30",
        header=OLD_HEADER,
    )
    halves = [
        f"3710031042{code},{name}旺庄村委会,village,371003104000,,村委会" for code, name in (("98", "东"), ("99", "西"))
    ]
    table = write(tmp_path / "b.csv", *TREE[:-1], *halves)
    out, err = load(table, recoded=recoded)
    assert "asked 371003104204: divided into 371003104298, 371003104299" in out
    assert out.endswith("6 rows: 2 added, 0 renamed, 0 merged, 4 unchanged, 1 asked\n")
    assert err == "exit 1"
    person.refresh_from_db()
    assert person.village == village
    out, err = load(table, recoded=recoded, continued_by=["371003104204=371003104299"])
    assert "1 merged" in out
    assert err == ""
    person.refresh_from_db()
    assert person.village.code == "371003104299"
    assert region_by_code("371003104204") == person.village
    again, err = load(table, recoded=recoded, continued_by=["371003104204=371003104299"])
    assert again == "6 rows: 0 added, 0 renamed, 0 merged, 6 unchanged\n"
    # Answered once, it is not asked again.
    again, err = load(table, recoded=recoded)
    assert (again, err) == ("6 rows: 0 added, 0 renamed, 0 merged, 6 unchanged\n", "")


def test_a_continuation_that_the_list_does_not_know_is_refused(tmp_path):
    load(write(tmp_path / "a.csv", *TREE))
    table, recoded = two_into_one(tmp_path)
    with recoded.open("a", encoding="utf-8") as file:
        file.write("371003104204,辛旺庄村委会,2025-06-30,371003104298,东旺庄村委会,2026-06-30\n")
    _out, err = load(table, recoded=recoded, continued_by=["371003104204=371003104204"])
    assert "is no new code of 371003104204" in err
