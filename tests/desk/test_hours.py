"""Verifying, publishing, answering."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.urls import reverse

from tests.desk.test_desk import url
from tests.factories.desk import in_days, objection
from tests.factories.service import at
from timebank.service.models import NoticeList, Objection, Record, SchemeAdoption
from timebank.service.selectors.previews import fingerprint
from timebank.service.services import verify_record


def states(*records: Record) -> list[str]:
    return list(
        Record.objects.filter(pk__in=[one.pk for one in records]).order_by("pk").values_list("state", flat=True)
    )


def test_many_are_verified_at_once_and_the_rest_waits(village, enter):
    records = village.submitted(4)
    client, chosen = enter(village.admin), {"record": [one.pk for one in records[:3]]}
    asked = client.post(url("verify"), chosen)
    assert states(*records) == ["submitted"] * 4  # shown first
    answer = client.post(url("verify"), {**chosen, "seen": asked.context["preview"].fingerprint}, follow=True)
    assert "3 records verified." in answer.content.decode()
    assert states(*records) == ["verified"] * 3 + ["submitted"]
    assert Record.objects.get(pk=records[0].pk).verified_by == village.admin


def test_what_was_verified_can_be_taken_back_by_who_did_it(village, enter):
    records = village.submitted(2)
    client = enter(village.admin)
    client.post(url("verify"), {"record": [one.pk for one in records], "seen": fingerprint(records)})
    page = client.get(url("verify", which="verified")).content.decode()
    undo = url("undo_verification", records[0].pk)
    assert undo in page
    assert undo in client.get(url("record", records[0].pk)).content.decode()
    assert enter(village.keeper).get(undo).status_code == 403
    assert client.post(undo, {"reason": ""}).status_code == 422
    answer = client.post(undo, {"reason": "点错了"}, follow=True)
    assert "2 records wait again." in answer.content.decode()
    assert states(*records) == ["submitted"] * 2
    assert undo not in client.get(url("verify", which="verified")).content.decode()
    assert client.post(undo, {"reason": "点错了"}).status_code == 404


def test_yes_to_figures_that_changed_meanwhile_is_asked_again(village, enter):
    records = village.submitted(2)
    client, chosen = enter(village.admin), {"record": [one.pk for one in records]}
    seen = client.post(url("verify"), chosen).context["preview"].fingerprint
    verify_record(record=records[0], actor=village.world.verifier, now=at(28))  # somebody else was quicker
    again = client.post(url("verify"), {**chosen, "seen": seen})
    assert again.status_code == 409
    assert "Something has changed" in again.text
    assert states(*records) == ["verified", "submitted"]
    client.post(url("verify"), {**chosen, "seen": again.context["preview"].fingerprint})
    assert states(*records) == ["verified", "verified"]


def test_nothing_chosen_changes_nothing_and_says_so(village, enter):
    records = village.submitted(1)
    answer = enter(village.admin).post(url("verify"), {}, follow=True)
    assert "Nothing was chosen" in answer.content.decode()
    assert states(*records) == ["submitted"]


def test_a_number_typed_into_the_form_reaches_only_the_own_queue(village, enter):
    own = village.submitted(1)
    answer = enter(village.far_admin).post(url("verify"), {"record": [own[0].pk, "x", 10**12]}, follow=True)
    assert "no longer in your queue" in answer.content.decode()
    assert states(*own) == ["submitted"]


def test_the_own_household_is_somebody_elses_to_verify(village, enter):
    from timebank.registry.models import Household, Resident

    record = village.submitted(1)[0]
    house = Household.objects.create(region=village.place, number="88")
    Resident.objects.filter(pk=record.resident_id).update(household=house)
    Resident.objects.create(
        user=village.admin, name="管理员", volunteer_number="2000000000", village=village.place, household=house
    )
    client = enter(village.admin)
    page = client.get(url("verify"))
    assert "Nothing waits for you" in page.text
    assert page.context["others"] == 1
    assert "1 record is verified by somebody else" in page.text
    assert enter(village.far_admin).get(url("verify")).context["others"] == 0  # not of this village
    client.post(url("verify"), {"record": [record.pk]})
    answer = client.post(url("record", record.pk), {"minutes": record.minutes, "reason": "", "verify": "1"})
    assert answer.status_code == 422
    assert states(record) == ["submitted"]


@pytest.mark.parametrize("who", ["keeper", "town_admin"])
def test_others_than_verifiers_verify_nothing(village, enter, who):
    record = village.submitted(1)[0]
    client = enter(getattr(village, who))
    assert client.post(url("verify"), {"record": [record.pk]}).status_code == 403
    assert client.post(url("record", record.pk), {"minutes": 10, "verify": "1"}).status_code == 403
    assert states(record) == ["submitted"]


def test_a_record_of_another_village_is_not_found(village, enter):
    record = village.submitted(1)[0]
    client = enter(village.far_admin)
    assert client.get(url("record", record.pk)).status_code == 404
    assert client.post(url("record", record.pk), {"minutes": 10, "verify": "1"}).status_code == 404
    assert states(record) == ["submitted"]


def test_a_record_shows_its_evidence(village, enter):
    record = village.submitted(1)[0]
    page = enter(village.admin).get(url("record", record.pk)).content.decode()
    for text in ("Strong evidence", "by QR", record.activity.title, "08:00"):
        assert text in page


def test_fewer_minutes_need_a_reason_and_more_are_refused(village, enter):
    record = village.submitted(1)[0]
    client = enter(village.admin)
    for minutes, reason in ((100, ""), (record.minutes + 1, "想多给"), (0, "x")):
        answer = client.post(url("record", record.pk), {"minutes": minutes, "reason": reason, "verify": "1"})
        assert answer.status_code == 422
        assert states(record) == ["submitted"]
    client.post(url("record", record.pk), {"minutes": 100, "reason": "中途离开", "verify": "1"})
    record.refresh_from_db()
    assert (record.state, record.minutes) == ("verified", 100)


def test_sending_back_needs_a_reason_and_keeps_it(village, enter):
    record = village.submitted(1)[0]
    client = enter(village.admin)
    assert client.post(url("record", record.pk), {"minutes": record.minutes, "return": "1"}).status_code == 422
    assert states(record) == ["submitted"]
    client.post(url("record", record.pk), {"minutes": record.minutes, "reason": "没有签退", "return": "1"})
    assert states(record) == ["returned"]
    assert "没有签退" in client.get(url("verify", which="returned")).content.decode()


def test_after_a_decision_the_next_record_opens(village, enter):
    first, second = village.submitted(2)
    answer = enter(village.admin).post(url("record", first.pk), {"minutes": first.minutes, "reason": "", "verify": "1"})
    assert answer.headers["Location"] == url("record", second.pk)


# -- Notice ------------------------------------------------------------------------------------------------------------
def test_publishing_makes_a_poster_with_names_and_no_numbers(village, enter):
    person = village.world.resident("宣红旗")
    village.world.verified(person)
    client = enter(village.admin)
    ask = client.get(url("publish", village=village.place.pk))
    assert "宣红旗" in ask.content.decode()
    seen = ask.context["preview"].fingerprint
    answer = client.post(url("publish"), {"village": village.place.pk, "seen": seen}, follow=True)
    made = NoticeList.objects.get()
    assert answer.redirect_chain[-1][0] == url("notice_print", made.pk)
    page = answer.content.decode()
    assert "宣红旗" in page
    assert person.phone not in page
    assert person.volunteer_number not in page
    assert Record.objects.get(resident=person).state == "published"


def test_a_list_is_asked_for_once_withdrawn_and_says_why(village, enter):
    village.world.verified(village.world.resident("宣红旗"))
    client = enter(village.admin)
    send = {"village": village.place.pk}
    old = client.get(url("publish", **send)).context["preview"].fingerprint
    village.world.verified(village.world.resident("后来人"), starts_at=at(21, 8), ends_at=at(21, 12))
    for sent in (send, {**send, "seen": old}):
        asked = client.post(url("publish"), sent)
        assert "后来人" in asked.content.decode()
        assert not NoticeList.objects.exists()
    client.post(url("publish"), {**send, "seen": asked.context["preview"].fingerprint})
    made = NoticeList.objects.get()
    undo = url("withdraw_notice", made.pk)
    assert undo in client.get(url("notice")).content.decode()
    assert enter(village.far_admin).get(undo).status_code == 404
    assert client.post(undo, {"reason": ""}).status_code == 422
    client.post(undo, {"reason": "少了一页"})
    assert set(Record.objects.values_list("state", flat=True)) == {"verified"}
    page = client.get(url("notice")).content.decode()
    assert "List withdrawn" in page
    assert "少了一页" in page
    assert undo not in page
    assert "少了一页" in client.get(url("notice_print", made.pk)).content.decode()
    assert client.post(undo, {"reason": "再来"}).status_code == 422


def test_publishing_nothing_says_so(village, enter):
    answer = enter(village.admin).post(url("publish"), {"village": village.place.pk}, follow=True)
    assert answer.status_code == 200
    assert not NoticeList.objects.exists()


def test_nobody_publishes_for_another_village(village, enter):
    village.world.verified(village.world.resident())
    assert enter(village.far_admin).post(url("publish"), {"village": village.place.pk}).status_code == 404
    assert enter(village.keeper).post(url("publish"), {"village": village.place.pk}).status_code == 403
    assert enter(village.town_admin).post(url("publish"), {"village": village.place.pk}).status_code == 403
    assert not NoticeList.objects.exists()


def test_a_poster_of_another_village_is_not_found(village, enter):
    record = village.world.published(village.world.resident())[0]
    assert enter(village.far_admin).get(url("notice_print", record.notice_list_id)).status_code == 404


def test_an_objection_is_answered_with_reasons(village, enter):
    record = village.world.published(village.world.resident())[0]
    doubt = objection(village, record)
    client = enter(village.world.verifier)  # the admin verified it
    assert "那天没有看到他" in client.get(url("notice")).content.decode()
    assert client.post(url("objection", doubt.pk), {"upheld": "no", "answer": ""}).status_code == 422
    doubt.refresh_from_db()
    assert doubt.state == Objection.State.OPEN
    client.post(url("objection", doubt.pk), {"upheld": "no", "answer": "已核对签到记录"})
    doubt.refresh_from_db()
    assert (doubt.state, doubt.answer) == (Objection.State.DISMISSED, "已核对签到记录")
    assert states(record) == ["published"]
    assert "已核对签到记录" in client.get(url("objection", doubt.pk)).content.decode()


def test_an_upheld_objection_sends_the_record_back(village, enter):
    record = village.world.published(village.world.resident())[0]
    doubt = objection(village, record)
    enter(village.world.verifier).post(url("objection", doubt.pk), {"upheld": "yes", "answer": "确实没有来"})
    assert states(record) == ["returned"]


def test_the_town_reads_objections_and_answers_none(village, enter):
    doubt = objection(village, village.world.published(village.world.resident())[0])
    client = enter(village.town_admin)
    assert client.get(url("objection", doubt.pk)).status_code == 200
    assert client.post(url("objection", doubt.pk), {"upheld": "yes", "answer": "x"}).status_code == 403
    assert enter(village.far_admin).get(url("objection", doubt.pk)).status_code == 404
    doubt.refresh_from_db()
    assert doubt.state == Objection.State.OPEN


def test_activities_show_what_came_of_them(village, enter):
    village.submitted(3)
    village.world.activity(
        title="将来的活动", starts_at=in_days(2), ends_at=in_days(2) + dt.timedelta(hours=3), now=in_days(0)
    )
    client = enter(village.admin)
    assert "将来的活动" in client.get(url("activities")).content.decode()
    past = client.get(url("activities", which="past")).content.decode()
    assert "将来的活动" not in past
    assert "3 · 12 h" in past
    assert reverse("service:activity", args=[Record.objects.first().activity_id]) in past


def test_what_was_verified_is_found_again_by_name_number_or_what_it_was(village, enter):
    people = [village.world.resident(name) for name in ("赵一平", "钱二顺")]
    begin = in_days(-9)
    village.world.credited(*people, starts_at=begin, ends_at=begin + dt.timedelta(hours=4), now=in_days(-12))
    client = enter(village.admin)
    names = [person.name for person in people]

    def shown(**asked):
        page = client.get(url("verify"), {"which": "history", **asked}).content.decode()
        return [name for name in names if name in page]

    assert shown() == names
    assert shown(q="二顺") == shown(q=people[1].volunteer_number) == [names[1]]
    assert shown(q="清洁") == names
    assert shown(q="没有") == []
    page = enter(village.far_admin).get(url("verify"), {"which": "history"}).content.decode()
    assert not any(name in page for name in names)


@pytest.mark.parametrize(
    ("case", "reason", "changes"),
    [
        ("no scheme", "adopted no scheme", {}),
        ("nothing earns", "gives no points", {"unit": "times"}),
        ("too short", "The first points come at", {"minutes": 1}),
        ("enough", "", {}),
    ],
)
def test_no_points_are_said_with_their_reason(village, enter, case, reason, changes):
    """It was a bare 0: no scheme, nothing for the deed, too few hours, a limit all looked alike."""
    if case == "no scheme":
        SchemeAdoption.objects.update(since=dt.date(2027, 1, 1))
    (record,) = village.submitted(1)
    Record.objects.filter(pk=record.pk).update(**{"minutes": record.minutes, **changes})
    client = enter(village.admin)
    many = client.post(url("verify"), {"record": [record.pk]}).text
    alone = client.get(url("record", record.pk)).text
    assert "as it looks now</dt>" in alone
    if reason:
        assert reason in many
        assert "as it looks now</dt><dd>0 · " in alone
        assert reason in alone
    else:
        assert not re.search("no scheme|no points|The first points|Limit", many + alone)


def test_a_limit_that_is_used_up_is_said_beside_the_points(village, enter):
    first, second = (village.submitted(1)[0], village.submitted(1)[0])
    Record.objects.filter(pk__in=[first.pk, second.pk]).update(
        category="neighbour", unit="times", resident=first.resident
    )
    page = enter(village.admin).post(url("verify"), {"record": [first.pk, second.pk]})
    (mine,) = page.context["preview"].people
    assert (mine.points, len(mine.reasons)) == (100, 1)
    assert re.search(r"Limit 1 point a month, 1 point used", page.text)
