"""Who is told what, exactly once, in the reader's language."""

from __future__ import annotations

import ast
import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from tests.factories.service import World, at
from tests.messages.sent_by import SENT_BY
from tests.support import worlds
from timebank.common import sweeps
from timebank.common.events import DELIVER, emit
from timebank.common.models import Event
from timebank.messages import selectors
from timebank.messages.kinds import KINDS
from timebank.messages.models import Message
from timebank.messages.services import deliver, mark_seen
from timebank.registry import services as registry
from timebank.registry.models import Resident
from timebank.service import services

pytestmark = pytest.mark.django_db
SOON = at(20, 13)
ROOT = Path(__file__).resolve().parents[2]


world = worlds.fixture("world", "tests.factories.service.make_world")


def tell() -> None:
    """Deliver what was emitted, as the sweep does (which opens transactions of its own)."""
    for event in Event.objects.filter(delivered_at=None).order_by("pk"):
        deliver(event)
        Event.objects.filter(pk=event.pk).update(delivered_at=event.occurred_at)


def told(resident: Resident) -> list[str]:
    return list(Message.objects.filter(resident=resident).order_by("pk").values_list("kind", flat=True))


def text(resident: Resident, kind: str) -> str:
    return selectors.show(Message.objects.filter(resident=resident, kind=kind).latest("pk")).text


def signed_in(user: Any, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def twelve(world: World) -> tuple[Any, list[Resident], Resident]:
    """An activity with twelve who are signed up (two of them waiting), and one who had withdrawn."""
    activity = world.activity(capacity=10)
    gone = world.resident("退出的人")
    services.sign_up(activity=activity, resident=gone, actor=gone.user, now=at(16))
    services.withdraw(activity=activity, resident=gone, actor=gone.user, now=at(16))
    people = [world.resident() for _number in range(12)]
    for person in people:
        services.sign_up(activity=activity, resident=person, actor=person.user, now=at(16))
    return activity, people, gone


def test_a_cancelled_activity_tells_the_twelve_and_not_who_had_withdrawn(world: World) -> None:
    activity, people, gone = twelve(world)
    services.cancel_activity(activity=activity, actor=world.leader, reason="大雨", now=at(18))
    tell()
    tell()
    deliver(Event.objects.get(kind="activity_cancelled"))  # whatever delivers twice: the row is unique
    rows = Message.objects.filter(kind="activity_cancelled")
    assert sorted(rows.values_list("resident_id", flat=True)) == sorted(person.pk for person in people)
    assert told(gone) == []
    with translation.override("en"):
        assert text(people[0], "activity_cancelled").endswith("does not take place: 大雨")
    with translation.override("zh-hans"):
        assert text(people[0], "activity_cancelled").endswith("不办了：大雨")


def test_it_stays_on_the_home_page_until_it_is_seen(world: World) -> None:
    activity = world.activity()
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    services.cancel_activity(activity=activity, actor=world.leader, reason="大雨", now=at(18))
    tell()
    client = signed_in(world.wang.user)
    message = Message.objects.get(resident=world.wang, kind="activity_cancelled")
    for _again in range(2):
        assert "大雨" in client.get("/").content.decode()
    assert signed_in(world.li.user).post(reverse("inbox:seen", args=[message.pk])).status_code == 404
    assert "大雨" in client.get("/").content.decode()
    assert client.post(reverse("inbox:seen", args=[message.pk])).status_code == 302
    assert "大雨" not in client.get("/").content.decode()
    assert "大雨" in client.get(reverse("inbox:messages")).content.decode()


def test_the_badge_counts_and_all_are_seen_at_once(world: World) -> None:
    for number in range(3):
        emit("resident_moved", subject=f"x:{number}", recipients=[world.wang])
    tell()
    client = signed_in(world.wang.user)
    home = client.get("/").content.decode()
    assert home.index('id="points-head"') < home.index('id="messages-head"')  # what one has comes first
    assert ("1 more" in home, home.count('/seen/"')) == (True, 2)
    assert '<span class="count">3</span>' in client.get(reverse("registry:me")).content.decode()
    client.post(reverse("inbox:all_seen"))
    assert '<span class="count">' not in client.get(reverse("registry:me")).content.decode()
    assert mark_seen(user=world.wang.user) == 0


def test_who_moves_up_is_told_of_the_place(world: World) -> None:
    activity = world.activity(capacity=1)
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    services.sign_up(activity=activity, resident=world.li, actor=world.li.user, now=at(16))
    services.withdraw(activity=activity, resident=world.wang, actor=world.wang.user, now=at(17))
    tell()
    assert told(world.li) == ["place_freed"]
    assert told(world.wang) == []


def test_the_way_of_a_record_is_told(world: World) -> None:
    record, other = world.attended(world.wang, world.li)
    services.return_record(record=other, actor=world.verifier, reason="时间不对", now=SOON)
    services.verify_record(record=record, actor=world.verifier, minutes=230, reason="提前走了", now=SOON)
    services.publish_notice(village=world.village, actor=world.admin, now=SOON)
    record.refresh_from_db()
    objection = services.raise_objection(
        record=record, resident=world.li, text="没见到人", actor=world.li.user, now=SOON
    )
    judge = world.resident("公道人").user
    registry.grant_role(user=judge, role="verifier", actor=None, region=world.village)
    services.answer_objection(objection=objection, actor=judge, upheld=False, answer="有签到", now=SOON)
    record.refresh_from_db()
    services.credit_due(now=record.notice_until)
    tell()
    kinds = ["minutes_cut", "records_published", "record_disputed", "dispute_settled", "earned_nothing"]
    assert told(world.wang) == kinds
    assert told(world.li) == ["record_returned", "objection_dismissed"]
    with translation.override("en"):
        assert "230 minutes instead of 240: 提前走了" in text(world.wang, "minutes_cut")
        assert "1 of your records" in text(world.wang, "records_published")
        assert "earns no points" in text(world.wang, "earned_nothing")  # ten minutes short of what the scheme asks
        assert "时间不对" in text(world.li, "record_returned")
        # who doubted is named to nobody
        assert "李大山" not in " ".join(selectors.show(message).text for message in Message.objects.all())


def test_an_upheld_objection_tells_both(world: World) -> None:
    (record,) = world.published(world.wang)
    objection = services.raise_objection(record=record, resident=world.li, text="没来", actor=world.li.user)
    services.answer_objection(objection=objection, actor=world.verifier, upheld=True, answer="确实没来")
    tell()
    assert "objection_upheld" in told(world.li)
    assert told(world.wang)[-1] == "record_returned"


def test_one_batch_of_credit_is_one_event_however_many_people(world: World) -> None:
    people = [world.resident() for _number in range(8)]
    world.credited(*people)
    assert Event.objects.filter(kind="points_credited").count() == 1
    tell()
    assert Message.objects.filter(kind="points_credited").count() == 8
    with translation.override("en"):
        assert text(people[0], "points_credited").startswith("1 point for 1 records")


def test_offices_helpers_and_accounts_are_told(world: World) -> None:
    registry.grant_role(user=world.wang.user, role="leader", actor=None, region=world.village)
    registry.add_proxy(resident=world.li, helper=world.wang.user, relation="kin", actor=world.admin)
    asked = registry.apply_to_join(
        village=world.village,
        name="新人",
        phone="13911112222",
        password="a-long-password",
        consent_version="2026-11",
    )
    registry.refuse_resident(resident=asked, actor=world.admin, reason="不住本村")
    tell()
    kinds = set(Message.objects.filter(user=world.wang.user).values_list("kind", flat=True))
    assert kinds == {"role_given", "helper_given"}
    assert told(world.li) == ["helper_named"]
    assert told(asked) == ["account_refused"]
    page = signed_in(asked.user).get(reverse("inbox:messages")).content.decode()
    assert "不住本村" in page
    with translation.override("zh-hans"):
        shown = selectors.show(Message.objects.get(user=world.wang.user, kind="role_given"))
        assert "队长" in shown.text


def test_the_dead_are_told_nothing(world: World) -> None:
    Resident.objects.filter(pk=world.wang.pk).update(died_on=dt.date(2026, 9, 1), status="closed", closed_at=SOON)
    emit("resident_moved", recipients=[world.wang, world.li])
    tell()
    assert told(world.wang) == []
    assert told(world.li) == ["resident_moved"]


def test_a_person_on_paper_finds_the_messages_once_there_is_a_sign_in(world: World) -> None:
    paper = world.resident("王奶奶", phone=False)
    emit("resident_moved", recipients=[paper])
    tell()
    from timebank.registry.services import moves

    moves.give_sign_in(resident=paper, phone="13911113333", password="a-long-password-1", actor=world.admin)
    paper.refresh_from_db()
    assert selectors.inbox(paper.user).count() == 1


def test_the_inbox_asks_as_often_for_thirty_as_for_one(world: World) -> None:
    client, counts = signed_in(world.wang.user), []
    for many in (1, 29):
        for _number in range(many):
            emit("resident_moved", recipients=[world.wang])
        tell()
        client.get(reverse("inbox:messages"))
        with CaptureQueriesContext(connection) as seen:
            client.get(reverse("inbox:messages"))
        counts.append(len(seen))
    assert counts[0] == counts[1]


def senders() -> dict[str, list[str]]:
    """Return which function of which service names each kind, read from the source."""
    named: dict[str, list[str]] = defaultdict(list)
    for path in sorted(path for top in ("timebank", "marketplace") for path in (ROOT / top).rglob("services/**/*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                literals = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                for kind in sorted(literals & set(KINDS), key=str):
                    named[str(kind)].append(f"{module}.{node.name}")
    return named


def test_each_kind_has_its_sender_and_one_only() -> None:
    """A kind nobody sends is a promise on paper; a second sender would tell it twice, under another event."""
    assert senders() == {kind: [way] if isinstance(way, str) else list(way) for kind, way in SENT_BY.items()}
    assert set(SENT_BY) == set(KINDS)


def test_the_sweep_delivers_and_never_twice(world: World, transactional_db: None) -> None:
    emit("resident_moved", recipients=[world.wang])
    for _again in range(2):
        sweeps.run(DELIVER, at_once=True)
    assert told(world.wang) == ["resident_moved"]


def test_the_passbook_and_the_notice_sheet_say_it_on_paper(world: World) -> None:
    paper = world.resident("没手机的", phone=False)
    start = timezone.now() + dt.timedelta(days=3)
    activity = world.activity(starts_at=start, ends_at=start + dt.timedelta(hours=2), now=timezone.now())
    services.sign_up(activity=activity, resident=paper, actor=world.leader)
    services.cancel_activity(activity=activity, actor=world.leader, reason="大雾")
    tell()
    client = signed_in(world.admin)
    book = client.get(reverse("registry:passbook", args=[paper.pk])).content.decode()
    assert "Activity cancelled" in book
    assert "大雾" in book
    assert "大雾" not in client.get(reverse("registry:passbook", args=[world.wang.pk])).content.decode()
    sheet = client.get(reverse("service:notice_print", args=[world.village.pk])).content.decode()
    assert "Cancelled: 大雾" in sheet
