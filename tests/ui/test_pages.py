"""Choosing language and size, error pages, the manifest, and what no page may contain."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext, override

FACE = Path(__file__).resolve().parents[2] / "timebank" / "ui"


@pytest.fixture
def user(db):
    return get_user_model().objects.create_user(name="于秀兰", phone="13800000001", password="a-long-one-1")


@pytest.mark.django_db
def test_size_is_kept_in_the_cookie_and_shown(client):
    answer = client.post(reverse("ui:size"), {"size": "large", "next": "/styleguide/?a=1"})
    assert (answer.status_code, answer["Location"]) == (302, "/styleguide/?a=1")
    assert client.cookies["shanji_size"].value == "large"
    assert 'data-size="large"' in client.get("/styleguide/").content.decode()


@pytest.mark.django_db
def test_choices_are_kept_in_the_profile(client, user):
    client.force_login(user)
    client.post(reverse("ui:size"), {"size": "xlarge"})
    client.post(reverse("ui:language"), {"language": "en"})
    user.refresh_from_db()
    assert (user.text_size, user.language) == ("xlarge", "en")
    # On another phone, without the cookies, the profile speaks.
    other = Client(headers={"accept-language": "zh-hans"})
    other.force_login(user)
    page = other.get("/styleguide/").content.decode()
    assert '<html lang="en" data-size="xlarge">' in page


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "field", "value"), [("size", "size", "huge"), ("language", "language", "xx")])
def test_unknown_choice_changes_nothing(client, user, name, field, value):
    client.force_login(user)
    answer = client.post(reverse(f"ui:{name}"), {field: value})
    assert answer.status_code == 302
    assert not answer.cookies
    user.refresh_from_db()
    assert (user.text_size, user.language) == ("normal", "")


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_nobody_is_sent_to_another_site(client, target):
    assert client.post(reverse("ui:language"), {"language": "en", "next": target})["Location"] == "/"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["size", "language"])
def test_choosing_needs_a_form(client, name):
    answer = client.get(reverse(f"ui:{name}"))
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert "这个网址没有页面" in answer.text  # K19: never a bare status
    assert Client(enforce_csrf_checks=True).post(reverse(f"ui:{name}"), {"size": "large"}).status_code == 403


@pytest.mark.django_db
def test_language_is_chosen_by_cookie_then_browser_then_default(client):
    assert '<html lang="zh-Hans"' in client.get("/styleguide/").content.decode()
    assert '<html lang="en"' in client.get("/styleguide/", headers={"accept-language": "en"}).content.decode()
    client.post(reverse("ui:language"), {"language": "zh-hans"})
    assert '<html lang="zh-Hans"' in client.get("/styleguide/", headers={"accept-language": "en"}).content.decode()


@pytest.mark.django_db
def test_a_page_for_strangers_asks_the_database_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/styleguide/error/404/")


def test_manifest_names_real_icons(client):
    manifest = client.get(reverse("ui:manifest"), headers={"accept-language": "zh-hans"}).json()
    assert (manifest["short_name"], manifest["start_url"], manifest["display"]) == ("善集", "/", "standalone")
    for icon in manifest["icons"]:
        assert (FACE / "static" / icon["src"].removeprefix("/static/")).exists()


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_error_pages_need_no_context_and_say_what_to_do(name):
    page = render_to_string(f"{name}.html")  # as Django renders 500: no request, no context processors
    assert page.count("<h1>") == 1
    assert 'href="/"' in page
    assert len(re.findall(r"<p>[^<]{20,}</p>|<p>[^<]*[\u4e00-\u9fff]{8,}[^<]*</p>", page)) >= 2
    assert not re.search(r"an error (has )?occurred|出错了|发生错误", page)


@pytest.mark.django_db
def test_stale_form_is_answered_in_plain_words():
    answer = Client(enforce_csrf_checks=True).post(reverse("ui:size"), {"size": "large"})
    assert answer.status_code == 403
    assert "页面打开得太久了" in answer.content.decode()


@pytest.mark.parametrize("path", sorted(FACE.rglob("*.html")), ids=lambda path: path.name)
def test_templates_keep_to_the_strict_csp(path):
    source = path.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", source)


def test_first_load_stays_below_sixty_kilobytes():
    names = ["css/tokens.css", "css/base.css", "css/components.css", "css/print.css", "js/htmx.min.js", "js/app.js"]
    names += ["icons.svg", "logo.svg"]
    size = sum(len(gzip.compress((FACE / "static" / "ui" / name).read_bytes())) for name in names)
    assert size + len(gzip.compress(render_to_string("404.html").encode())) < 45_000  # 15 KB are left for the page


def test_colours_carry_text_well_enough():
    tokens = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", (FACE / "static/ui/css/tokens.css").read_text()))

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    def contrast(first, second):
        high, low = sorted((light(tokens[first]), light(tokens[second])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for ground in ("paper", "card", "sunk"):
        assert contrast("ink", ground) >= 7
        assert contrast("ink-soft", ground) >= 7
    pairs = [("green", "green-wash"), ("amber", "amber-wash"), ("blue", "blue-wash"), ("wheat", "wheat-wash")]
    pairs += [("red-deep", "red-wash"), ("red", "paper"), ("on-dark", "red"), ("on-dark", "green")]
    for text, ground in pairs:
        assert contrast(text, ground) >= 7, (text, ground)
    assert contrast("line-strong", "card") >= 3  # the edge of a control


def test_english_says_basket_as_the_source_does():
    with override("en"):
        assert [gettext(word) for word in ("Basket", "Add to basket", "View basket")] == [
            "Basket",
            "Add to basket",
            "View basket",
        ]
