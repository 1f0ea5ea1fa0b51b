"""Schemes on screen: from a town's table to the next record, by two persons; and who sees what."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation

from tests.factories.service import World
from tests.service.test_windows import serve
from timebank.policy import describe
from timebank.policy import services as policy
from timebank.policy.errors import SchemeFrozen, SecondPersonApproves
from timebank.policy.models import SchemeVersion
from timebank.policy.selectors import version_in_force
from timebank.registry import services as registry
from timebank.registry.models import Region, User
from timebank.service.models import SchemeAdoption

ROWS = [
    ("参加志愿服务", "1", "每4小时", "40/year"),
    *((f"公益事项{number}", "1", "每次", "") for number in range(2, 19)),
    ("评优", "10", "每次", ""),
    ("迟到扣分", "-2", "每次", ""),
]
TABLE = "项目,分值,单位,上限\n" + "\n".join(",".join(row) for row in ROWS) + "\n"


def staff(name: str, role: str, region) -> User:
    user = User.objects.create_user(name=name, email=f"{name}@shanji.example", password="a-long-password")
    registry.grant_role(user=user, role=role, actor=None, region=region)
    return user


@pytest.fixture
def town(world: World) -> User:
    return staff("镇长", "town_admin", world.town)


@pytest.fixture
def second(world: World) -> User:
    return staff("副镇长", "town_admin", world.town)


def _town_of(village: Region) -> Region:
    return Region.objects.get(path=village.path[: -village.steplen])


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def upload(client: Client, world: World, text: str = TABLE, encoding: str = "utf-8"):
    return client.post(
        "/schemes/import/",
        {
            "name": "泽库镇积分办法",
            "region": world.town.pk,
            "effective_from": dt.date(2026, 1, 1),
            "file": SimpleUploadedFile("表.csv", text.encode(encoding)),
            "idempotency_key": "import-0001",
        },
    )


def store(client: Client, world: World, text: str = TABLE) -> SchemeVersion:
    page = upload(client, world, text).content.decode()
    names = ("rows", "name", "region", "effective_from", "reason", "idempotency_key")
    answer = client.post("/schemes/import/", {**{name: field(page, name) for name in names}, "store": "1"})
    assert answer.status_code == 302, answer.content.decode()
    return SchemeVersion.objects.get(scheme__name="泽库镇积分办法")


def test_a_towns_table_becomes_the_price_of_the_next_record(world: World, town: User, second: User) -> None:
    client = signed_in(town)
    preview = upload(client, world)
    assert preview.status_code == 200
    text = preview.content.decode()
    assert "19 rows can be taken, 1 can" in text
    assert "takes points away" in text
    assert not SchemeVersion.objects.filter(scheme__region=world.town).exists()
    draft = store(client, world)
    assert (draft.status, draft.drafted_by, len(draft.spec().rules)) == ("draft", town, 19)
    # Who drafted it finds no way to approve it, and is refused if he tries.
    assert "second person" in client.get(f"/schemes/{draft.scheme.slug}/1/approve/").content.decode()
    with pytest.raises(SecondPersonApproves):
        policy.approve_version(version=draft, approved_as="镇长", actor=town)
    other = signed_in(second)
    address = f"/schemes/{draft.scheme.slug}/1/approve/"
    unanswered = other.post(address, {"approved_as": "副镇长"})
    assert unanswered.status_code == 422
    page = other.get(address).content.decode()
    choices = {"q_windows": "continue", "q_unspent": "2", "q_parts-hours": "whole"}
    assert set(re.findall(r'name="(q_[^"]+)"', page)) == set(choices)
    assert other.post(address, {"approved_as": "副镇长 李四", **choices}).status_code == 302
    draft.refresh_from_db()
    assert (draft.status, draft.approved_by, draft.answers["unspent"]) == ("approved", second, "2")
    assert draft.spec().point_validity_years == 2
    assert [client.get("/schemes/adopt/", {"region": bad}).status_code for bad in ("abc", "", 10**12)] == [404] * 3
    answer = client.post(
        "/schemes/adopt/",
        {
            "region": world.village.pk,
            "scheme": draft.scheme.slug,
            "since": timezone.localdate(),
            "reason": "村民会议",
            "idempotency_key": "adopt-00001",
        },
    )
    assert answer.status_code == 302, answer.content.decode()
    SchemeAdoption.objects.filter(slug=draft.scheme.slug).update(since=dt.date(2026, 9, 1))
    record = serve(world, world.wang, 480, 5)
    assert (record.points, record.rule_version) == (200, f"{draft.scheme.slug}@1")


def test_sending_the_preview_twice_makes_one_draft(world: World, town: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(town)
    names = ("rows", "name", "region", "effective_from", "reason", "idempotency_key")
    for moment in (1_800_000_000, 1_800_000_007):  # the preview is signed with its time
        monkeypatch.setattr("time.time", lambda at=moment: at)
        page = upload(client, world).content.decode()
        sent = {name: field(page, name) for name in names}
        assert client.post("/schemes/import/", {**sent, "store": "1"}).status_code == 302
    assert SchemeVersion.objects.filter(scheme__region=world.town).count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ("a,b\n1,2\n", "fit no table"),
        ("项目,分值,单位\n", "no rows"),
        ("项目\0,分值\n1,2\n", "no text table"),
    ],
)
def test_unreadable_file_is_a_form_error(world: World, town: User, text: str, said: str) -> None:
    answer = upload(signed_in(town), world, text or " ")
    assert (answer.status_code, said in answer.content.decode()) == (422, True)


def test_table_saved_by_chinese_excel_is_read(world: World, town: User) -> None:
    assert "19 rows" in upload(signed_in(town), world, encoding="gb18030").content.decode()


def test_spoilt_rows_of_the_preview_are_refused(world: World, town: User) -> None:
    answer = signed_in(town).post(
        "/schemes/import/",
        {"name": "x", "region": world.town.pk, "effective_from": "2027-01-01", "rows": "W10:abc", "store": "1"},
    )
    assert (answer.status_code, "Choose the file again" in answer.content.decode()) == (422, True)


def test_copy_change_compare(world: World, town: User) -> None:
    client = signed_in(town)
    answer = client.post(
        "/schemes/rongcheng-dongdaoliujia/1/copy/",
        {"name": "泽库试行", "region": world.town.pk, "effective_from": "2027-01-01", "idempotency_key": "copy-000001"},
    )
    assert answer.status_code == 302
    draft = SchemeVersion.objects.get(scheme__name="泽库试行")
    address = answer.headers["Location"]
    change = {"points": "2", "hours": "4", "caps": "40/year\n20/year/household", "organiser": "150"}
    assert client.post(f"{address}rules/hours/", change).status_code == 302
    draft.refresh_from_db()
    (rule,) = draft.spec().rules
    assert (rule.points, rule.per, [cap.per for cap in rule.caps], rule.factors) == (
        200,
        240,
        ["person", "household"],
        (("organiser", 150),),
    )
    assert client.post(f"{address}rules/hours/", {**change, "caps": "often"}).status_code == 422
    new = {"activity": "植树", "points": "0.5", "unit": "per_piece", "idempotency_key": "rule-000001"}
    assert client.post(f"{address}rules/new/", new).status_code == 302
    assert client.post(f"{address}rules/new/", new).status_code == 302  # the same form again adds nothing
    draft.refresh_from_db()
    assert len(draft.spec().rules) == 2
    page = client.get(f"/schemes/compare/?a=rongcheng-dongdaoliujia@1&b={draft.code}").content.decode()
    assert "+ 2 points for every full 4 h" in page
    assert "− 1 point for every full 4 h" in page
    assert "植树" in page
    assert client.post(f"{address}rules/hours/", {"remove": "1"}).status_code == 302
    draft.refresh_from_db()
    assert [one.label for one in draft.spec().rules] == ["植树"]
    assert client.post(f"{address}discard/").status_code == 302
    with pytest.raises(SchemeFrozen):
        policy.remove_rule(version=draft, code=draft.spec().rules[0].code, actor=town)


def test_a_draft_of_another_town_does_not_exist(world: World, town: User) -> None:
    draft = store(signed_in(town), world)
    far = signed_in(staff("外镇", "town_admin", _town_of(world.far)))
    assert far.get(f"/schemes/{draft.scheme.slug}/1/").status_code == 404
    assert draft.scheme.name not in far.get("/schemes/").content.decode()
    assert signed_in(world.wang.user).get(f"/schemes/{draft.scheme.slug}/1/").status_code == 404
    assert signed_in(world.wang.user).get("/schemes/wendeng-rural/1/").status_code == 200


def test_every_published_rule_is_told_in_both_languages(world: World) -> None:
    from timebank.policy.published import rows
    from timebank.policy.tables import read_table

    policy.import_table(report=read_table(list(rows("earning_rules.csv"))))
    for language in ("en", "zh-hans"):
        with translation.override(language):
            for version in SchemeVersion.objects.select_related("scheme"):
                for rule in version.spec().rules:
                    told = describe.rule_text(rule)
                    assert told.title
                    assert all(told.lines)
                assert describe.differences(version.content(), version.content()) == []
    wendeng = version_in_force("wendeng-rural", dt.date(2026, 9, 1))
    with translation.override("en"):
        texts = {one.code: one for one in map(describe.rule_text, wendeng.spec().rules)}
        assert texts["village_hours"].lines[0] == (
            "By steps, the highest reached replaces the lower: 4 h → 1. Added up over a year."
        )
        assert texts["neighbour"].lines == ("1 point each time.", "At most 1 point a month.")
        assert describe.ladder_lines(wendeng.ladder())[1] == ("四星", "above 1,040, up to 1,060")


@pytest.mark.parametrize("path", ["/schemes/", "/schemes/wendeng-rural/1/", "/schemes/compare/"])
def test_lists_ask_the_same_number_of_questions_for_one_and_for_thirty(
    world: World, town: User, path: str, django_assert_max_num_queries
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = signed_in(town)
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(path)
    version = version_in_force("wendeng-rural", dt.date(2026, 9, 1))
    for _number in range(30):
        policy.copy_version(
            version=version, actor=town, name="办法", region=world.town, effective_from=dt.date(2027, 1, 1)
        )
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(many) <= len(few) + 1
