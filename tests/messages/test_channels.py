"""Messages that leave: only what was asked for, not at night, at most once; what nobody knows is said to be so."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import smtplib
import threading
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from settings import env
from tests.factories.service import World, at, make_world
from tests.messages.test_inbox import signed_in, tell
from timebank.common import sweeps
from timebank.common.events import emit
from timebank.messages import channels, checks, sending
from timebank.messages.channels import HttpSms, NotSent
from timebank.messages.models import Message, Sending, SendingChoice
from timebank.messages.sending import SEND, due_at, quiet_end, send_due
from timebank.messages.services import choose_channels, mark_seen
from timebank.registry.models import User

State = Sending.State
NOON = at(20, 12)


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    tell()  # what making it said, before anybody chose anything
    return made


def choose(user: Any, **more: Any) -> SendingChoice:
    given_ = {"email_kinds": ["role_given"], "sms_kinds": [], **more}
    return choose_channels(user=user, **given_)


def happen(*recipients: Any, kind: str = "role_given", now: dt.datetime = NOON) -> list[Sending]:
    """Let something happen at ``now``; return the sendings that it planned, by the clock of the test."""
    event = emit(kind, recipients=recipients, facts={"role": "leader", "place": "辛旺庄"}, occurred_at=now)
    tell()
    rows = list(Sending.objects.filter(message__event_number=event.pk).order_by("pk"))
    for row in rows:
        row.due_at = due_at(SendingChoice.objects.get(user=row.user_id), row.channel, now)
        row.save(update_fields=["due_at"])
    return rows


def states() -> list[str]:
    return list(Sending.objects.order_by("pk").values_list("state", flat=True))


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Catch what leaves, whichever way."""
    sent: list[dict[str, str]] = []

    class Catch:
        def send(self, **what: str) -> None:
            sent.append(what)

    monkeypatch.setattr(sending, "adapter", lambda channel: Catch())
    return sent


def break_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Broken:
        def send(self, **_what: str) -> None:
            raise error

    monkeypatch.setattr(sending, "adapter", lambda channel: Broken())


def test_only_what_was_asked_for_leaves_and_once(world: World, out: list[dict[str, str]]) -> None:
    admin = world.admin
    assert happen(admin) == []  # nobody asked
    choose(admin, sms_kinds=["role_given"])  # no number is known: nothing to send there
    (row,) = happen(admin, world.wang)
    assert (row.channel, row.user, row.state, row.due_at) == ("email", admin, "waiting", NOON)
    assert happen(admin, kind="role_ended") == []
    assert send_due(row.pk, NOON - dt.timedelta(seconds=1)) == 0
    assert [send_due(row.pk, NOON) for _again in range(3)] == [1, 0, 0]
    assert [what["to"] for what in out] == [admin.email]
    assert states() == ["sent"]
    # The same event told again plans nothing; the reader alone sees what became of it.
    event = Message.objects.filter(sendings=row).get()
    from timebank.common.models import Event
    from timebank.messages.services import deliver

    deliver(Event.objects.get(pk=event.event_number))
    assert Sending.objects.count() == 1
    assert "E-mail: sent" in signed_in(admin).get(reverse("inbox:messages")).content.decode()


def test_a_resident_reads_it_in_their_own_language(world: World, out: list[dict[str, str]]) -> None:
    reader = world.wang.user
    User.objects.filter(pk=reader.pk).update(language="en")
    choose(reader, email_kinds=[], sms_kinds=["role_given"])
    (row,) = happen(world.wang)
    send_due(row.pk, NOON)
    assert (out[0]["to"], out[0]["subject"]) == (reader.phone, "You have an office")
    assert "辛旺庄" in out[0]["text"]
    User.objects.filter(pk=reader.pk).update(language="zh-hans", is_active=False)
    for late in happen(world.wang):
        assert send_due(late.pk, NOON) == 0
    assert len(out) == 1  # whoever left is told nothing


def test_what_is_certainly_not_taken_is_tried_again_five_times(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(world.admin)
    (row,) = happen(world.admin)
    break_with(monkeypatch, NotSent("550 <admin@shanji.example> unknown"))
    now, pauses = NOON, []
    for _attempt in range(5):
        assert send_due(row.pk, now) == 0
        row.refresh_from_db()
        pauses.append((row.due_at - now).total_seconds() / 60)
        now = row.due_at
    assert pauses == [5, 10, 20, 40, 0]
    assert (row.state, row.attempts, row.problem) == ("failed", 5, "NotSent")  # the address is not in it
    assert send_due(row.pk, now + dt.timedelta(days=1)) == 0


@pytest.mark.parametrize("error", [TimeoutError("no answer"), smtplib.SMTPServerDisconnected("gone"), OSError("cut")])
def test_what_nobody_knows_is_perhaps_sent_and_never_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    choose(world.admin)
    (row,) = happen(world.admin)
    break_with(monkeypatch, error)
    assert [send_due(row.pk, NOON), send_due(row.pk, NOON + dt.timedelta(days=1))] == [0, 0]
    assert states() == ["perhaps"]
    assert list(SEND.due(NOON + dt.timedelta(days=1))) == []
    assert "E-mail: perhaps sent" in signed_in(world.admin).get(reverse("inbox:messages")).content.decode()


def test_a_worker_that_died_leaves_perhaps_not_twice(world: World, out: list[dict[str, str]]) -> None:
    choose(world.admin)
    (row,) = happen(world.admin)
    assert [item.pk for item in sending._claim(row.pk, NOON)] == [row.pk]  # and then it dies
    assert send_due(row.pk, NOON + dt.timedelta(minutes=9)) == 0
    assert states() == ["sending"]
    later = NOON + dt.timedelta(minutes=11)
    assert list(SEND.due(later)) == [row.pk]
    assert (send_due(row.pk, later), states(), out) == (0, ["perhaps"], [])


def test_the_digest_is_one_mail_without_what_was_seen(world: World, out: list[dict[str, str]]) -> None:
    admin = world.admin
    choose(admin, digest_hour=18)
    rows = [happen(admin)[0] for _number in range(3)]
    assert {row.due_at for row in rows} == {at(20, 18)}
    mark_seen(user=admin, message=rows[1].message_id)
    assert [send_due(row.pk, at(20, 18, 1)) for row in rows] == [2, 0, 0]
    assert states() == ["sent", "dropped", "sent"]
    assert len(out) == 1
    assert out[0]["text"].count("辛旺庄") == 2
    assert due_at(SendingChoice.objects.get(), "email", at(20, 19)) == at(21, 18)
    assert due_at(SendingChoice.objects.get(), "sms", NOON) == NOON  # an SMS is no digest


def test_changed_their_mind(world: World, out: list[dict[str, str]]) -> None:
    choose(world.admin)
    (row,) = happen(world.admin)
    choose(world.admin, email_kinds=[])
    assert (send_due(row.pk, NOON), states(), out) == (0, ["dropped"], [])


def test_quiet_hours_hold_even_where_the_worker_stood_still(world: World, out: list[dict[str, str]]) -> None:
    choose(world.admin, quiet_from=dt.time(21), quiet_until=dt.time(7))
    (row,) = happen(world.admin, now=at(20, 23))
    assert row.due_at == at(21, 7)
    Sending.objects.update(due_at=NOON)
    assert (send_due(row.pk, at(20, 22)), states()) == (0, ["waiting"])
    assert Sending.objects.get().due_at == at(21, 7)
    assert (send_due(row.pk, at(21, 7)), len(out)) == (1, 1)


@given(st.times(), st.times(), st.integers(0, 365 * 24 * 60))
def test_nothing_is_ever_due_in_quiet_hours(begin: dt.time, end: dt.time, minutes: int) -> None:
    begin, end = begin.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    choice = SendingChoice(quiet_from=begin, quiet_until=end)
    now = at(1, month=1) + dt.timedelta(minutes=minutes)
    when = due_at(choice, "sms", now)
    assert now <= when <= now + dt.timedelta(days=1)
    assert quiet_end(choice, when) is None
    choice.digest_hour = 18
    assert quiet_end(choice, due_at(choice, "email", now)) is None


def test_the_sweep_sends_what_is_due(world: World, out: list[dict[str, str]]) -> None:
    for user in (world.admin, world.leader, world.verifier):
        choose(user)
    happen(world.admin, world.leader, world.verifier)
    assert SEND in sweeps.all_sweeps().values()
    assert not SEND.atomic  # what is claimed is committed before anything leaves
    for pk in list(SEND.due(NOON)):
        SEND.handle(pk, NOON)
    assert (len(out), states()) == (3, ["sent"] * 3)


# -- The page ----------------------------------------------------------------------------------------------------------
def test_the_page_keeps_the_choice(world: World) -> None:
    client, address = signed_in(world.admin), reverse("inbox:channels")
    page = client.get(address).content.decode()
    assert 'value="21:00"' in page
    assert world.admin.email in page
    assert "no mobile number is known" in page
    body = {"email": ["role_given"], "sms": ["ticket_expiring"], "quiet_from": "22:00", "quiet_until": "06:30"}
    assert client.post(address, {**body, "digest_hour": "18"}).status_code == 302
    choice = SendingChoice.objects.get(user=world.admin)
    assert (choice.email_kinds, choice.sms_kinds, choice.digest_hour) == (["role_given"], ["ticket_expiring"], 18)
    assert (choice.quiet_from, choice.quiet_until) == (dt.time(22), dt.time(6, 30))
    assert client.get(address).content.decode().count(" checked") == 2
    for wrong in ({"quiet_until": ""}, {"email": ["no_such"]}, {"digest_hour": "3"}, {"quiet_from": "25:00"}):
        assert client.post(address, {**body, **wrong}).status_code == 422, wrong
    assert client.post(address, {}).status_code == 302
    choice.refresh_from_db()
    assert (choice.email_kinds, choice.quiet_from, choice.digest_hour) == ([], None, None)
    assert address in signed_in(world.wang.user).get(reverse("registry:me")).content.decode()


# -- The ways out ------------------------------------------------------------------------------------------------------
class Gateway(http.server.BaseHTTPRequestHandler):
    """An SMS gateway that answers as it is told."""

    status = 200
    seen: list[tuple[dict[str, str], dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append((dict(self.headers), body))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


def test_sms_by_http(settings: Any) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.SMS_URL, settings.SMS_TOKEN = f"http://127.0.0.1:{server.server_port}/send", "token"
    way = channels.adapter("sms")
    assert isinstance(way, HttpSms)
    try:
        way.send(to="13812345678", subject="", text="好" * 400, key="sending-1-1")
        headers, body = Gateway.seen[0]
        assert body == {"to": "13812345678", "text": "好" * 300, "key": "sending-1-1"}
        assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer token", "sending-1-1")
        Gateway.status = 422
        with pytest.raises(NotSent, match="422"):
            way.send(to="1", subject="", text="", key="2")
        Gateway.status = 500  # nobody knows
        with pytest.raises(Exception, match="500") as problem:
            way.send(to="1", subject="", text="", key="3")
        assert not isinstance(problem.value, NotSent)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(NotSent):
        way.send(to="1", subject="", text="", key="4")


def test_email_and_console(settings: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    channels.adapter("email").send(to="a@b.example", subject="有一个岗位", text="正文", key="sending-7-1")
    (sent,) = mail.outbox
    assert (sent.to, sent.subject, sent.body) == (["a@b.example"], "有一个岗位", "正文")
    assert sent.extra_headers["Message-ID"].startswith("<sending-7-1@")
    channels.adapter("sms").send(to="13812345678", subject="", text="正文", key="k")
    assert capsys.readouterr().out == "SMS to …5678: 正文\n"

    def refuse(_self: Any) -> None:
        raise smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"unknown")})

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    with pytest.raises(NotSent):
        channels.adapter("email").send(to="a@b.example", subject="", text="", key="k")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://u%40x:p%2Fw@mail.example:2525", ("mail.example", 2525, "u@x", "p/w", True, False)),
        ("smtps://mail.example", ("mail.example", 465, "", "", False, True)),
        ("smtp://localhost:25?tls=0", ("localhost", 25, "", "", False, False)),
    ],
)
def test_mail_server_by_url(monkeypatch: pytest.MonkeyPatch, url: str, expected: tuple[Any, ...]) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    got = env.mail_server("EMAIL_URL")
    assert tuple(got[name] for name in ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL")) == expected
    for wrong in ("http://mail.example", "smtp://", "smtp://mail.example?tls=0", "smtp://mail.example?tls=x"):
        monkeypatch.setenv("EMAIL_URL", wrong)
        with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
            env.mail_server("EMAIL_URL")
    monkeypatch.delenv("EMAIL_URL")
    assert env.mail_server("EMAIL_URL")["BACKEND"].endswith("console.EmailBackend")


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, []),
        ({"DEMO": False}, ["inbox.I001"]),
        ({"SMS_URL": "ftp://x", "SMS_TOKEN": "t"}, ["inbox.E001"]),
        ({"SMS_URL": "http://gateway.example/send", "SMS_TOKEN": "t"}, ["inbox.E002"]),
        ({"SMS_URL": "https://gateway.example/send"}, ["inbox.W001"]),
        ({"SMS_URL": "http://127.0.0.1:9/send", "SMS_TOKEN": "t"}, []),
    ],
)
def test_settings_are_looked_at(settings: Any, changes: dict[str, Any], ids: list[str]) -> None:
    for name, value in {"DEMO": True, "SMS_URL": "", "SMS_TOKEN": "", **changes}.items():
        setattr(settings, name, value)
    assert [item.id for item in checks.check_settings()] == ids
