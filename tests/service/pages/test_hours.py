"""What a resident reads about their hours."""

from __future__ import annotations

from collections.abc import Callable

from tests.factories.service import World, at
from tests.service.pages.reading import refusal_of_nothing, text_of
from timebank.service import services
from timebank.service.models import Record


def test_hours_page_tells_what_why_and_who(world: World, sign_in: Callable) -> None:
    (record,) = world.credited(world.wang)
    world.attended(world.wang, title="修路灯", category="repair", starts_at=at(21, 8), ends_at=at(21, 10), minutes=90)
    client = sign_in(world.wang.user)
    said = text_of(client.get("/me/hours/"))
    for words in ("Credited in all", "4 h", "1 h 30 min", "Waiting for verification", "+1", "2 stars"):
        assert words in said
    said = text_of(client.get(f"/me/hours/{record.pk}/"))
    for words in ("Why this many points", "wendeng-rural@1", "Verified", "admin", "Put on public notice", "The system"):
        assert words in said


def test_hours_that_earned_nothing_yet_say_how_far_it_is(world: World, sign_in: Callable) -> None:
    (record,) = world.credited(world.wang, minutes=90)
    client = sign_in(world.wang.user)
    assert "counts on" in text_of(client.get("/me/hours/"))
    assert "2 h 30 min" in text_of(client.get(f"/me/hours/{record.pk}/"))


def test_record_page_tells_of_returns_and_objections(world: World, sign_in: Callable) -> None:
    (record,) = world.published(world.wang)
    client = sign_in(world.wang.user)
    assert "On public notice until" in text_of(client.get(f"/me/hours/{record.pk}/"))
    objection = services.raise_objection(record=record, resident=world.li, text="没来", actor=world.li.user, now=at(21))
    said = text_of(client.get(f"/me/hours/{record.pk}/"))
    assert "Somebody objected" in said
    assert "没来" in said
    assert "李大山" not in said
    services.answer_objection(objection=objection, actor=world.verifier, upheld=True, answer="核实不在场")
    said = text_of(client.get(f"/me/hours/{record.pk}/"))
    assert "This record was returned" in said
    assert "核实不在场" in said


def test_a_resident_covers_and_shows_their_own_name_only(world: World, sign_in: Callable) -> None:
    mine, other = world.published(world.wang, world.li)
    client = sign_in(world.wang.user)
    client.post(f"/me/hours/{mine.pk}/name/")
    assert Record.objects.get(pk=mine.pk).is_name_withheld
    client.post(f"/me/hours/{mine.pk}/name/", {"show": "1"})
    assert not Record.objects.get(pk=mine.pk).is_name_withheld
    with refusal_of_nothing():
        assert client.post(f"/me/hours/{other.pk}/name/").status_code == 404
