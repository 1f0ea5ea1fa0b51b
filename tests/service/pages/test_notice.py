"""The public notice: who did what, and an objection to it."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from tests.factories.service import World
from tests.service.pages.reading import refusal_of_nothing, text_of
from timebank.service import services
from timebank.service.models import Objection


def test_notice_page_is_public_and_keeps_what_is_private(world: World, client: Client) -> None:
    (record, _other) = world.published(world.wang, world.li)
    services.withhold_name(record=record, actor=world.wang.user)
    client.cookies["django_language"] = "en"
    for url in (f"/notice/{world.village.pk}/", f"/notice/{world.village.pk}/print/"):
        page = client.get(url)
        said = page.content.decode()
        assert page.status_code == 200
        assert "李**" in said
        assert "王**" in said
        assert "李大山" not in said
        assert "王秀英" not in said
        for private in (world.wang.phone, world.li.phone, world.wang.volunteer_number):
            assert private not in said
    assert "Object</a>" not in client.get(f"/notice/{world.village.pk}/").content.decode()
    assert "Nothing is on notice" in text_of(client.get(f"/notice/{world.other.pk}/"))
    assert "Nothing is on notice" in text_of(client.get(f"/notice/{world.other.pk}/print/"))
    assert client.get("/notice/999999/").status_code == 404


def test_a_resident_objects_on_the_page(world: World, sign_in: Callable) -> None:
    (record,) = world.published(world.wang)
    client = sign_in(world.li.user)
    url = f"/notice/{world.village.pk}/{record.pk}/object/"
    assert url in client.get(f"/notice/{world.village.pk}/").content.decode()
    assert "王秀英" in text_of(client.get(url))
    with refusal_of_nothing():
        assert client.post(url, {"text": ""}).status_code == 422
    assert "Your objection is noted" in text_of(client.post(url, {"text": "下午才来"}, follow=True))
    made = Objection.objects.get()
    assert (made.resident, made.actor, made.text) == (world.li, world.li.user, "下午才来")
    with refusal_of_nothing():
        assert client.post(url, {"text": "再说一次"}).status_code == 409
