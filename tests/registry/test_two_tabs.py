"""Two tabs of one helper: what a page made for one person sends is never done for another."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories.people import make_resident
from timebank.registry import services
from timebank.registry.models import Resident

pytestmark = pytest.mark.django_db
BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"


@pytest.fixture
def helper(places: Any) -> Resident:
    return make_resident(places.village, "枣小寒")


@pytest.fixture
def tabs(helper: Resident, elder: Resident) -> Client:
    """A browser of somebody who helps an elder; all its tabs share one session."""
    services.add_proxy(resident=elder, helper=helper.user, relation="kin", actor=None)
    client = Client()
    client.force_login(helper.user, backend=BACKEND)
    return client


def hidden(page: Any) -> dict[str, str]:
    """Return the hidden fields of a page's last form, as a browser sends them."""
    form = page.content.decode().rpartition("<form")[2]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))


def act(tabs: Client, person: Resident | None) -> None:
    choice = {"self": "1"} if person is None else {"resident": str(person.pk)}
    tabs.post(reverse("registry:acting"), choice)


def test_a_page_made_for_oneself_does_nothing_for_whom_another_tab_acts(tabs, helper, elder):
    url = reverse("registry:my_correction")
    fields = hidden(tabs.get(url))
    assert fields["acts_for"] == str(helper.pk)
    act(tabs, elder)
    answer = tabs.post(url, {**fields, "text": "我的生日不对"})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "枣小寒" in page  # made for
    assert "王奶奶" in page  # and by now
    assert 'value="我的生日不对"' in page  # nothing typed is lost
    assert hidden(answer)["acts_for"] == str(elder.pk)
    # Back to oneself, and the same page works.
    act(tabs, None)
    assert tabs.post(url, {**fields, "text": "我的生日不对"}).status_code != 409
    assert helper.correction_requests.count() == 1


def test_a_helper_whose_card_time_is_over_acts_for_nobody_else_unseen(tabs, helper, elder):
    act(tabs, elder)
    url = reverse("registry:helpers")
    fields = hidden(tabs.get(url)) or {"acts_for": str(elder.pk)}
    assert fields["acts_for"] == str(elder.pk)
    elder.proxies.update(until="2026-01-01T00:00:00Z")  # ended meanwhile
    answer = tabs.post(url, fields)
    assert answer.status_code == 409
    assert "王奶奶" not in answer.content.decode()  # no name to who may not act for them any more


def test_the_choice_itself_and_staff_pages_are_free_of_it(tabs, helper, places):
    assert "acts_for" not in tabs.get(reverse("registry:acting")).content.decode()
    services.grant_role(user=helper.user, role="leader", actor=None, region=places.village)
    page = tabs.get(reverse("service:lead")).content.decode()
    assert 'name="acts_for"' in page  # (signing out stands on every page of the site)
    services.grant_role(user=helper.user, role="clerk", actor=None, region=places.village)
    assert "acts_for" not in tabs.get(reverse("counter:desk"), follow=True).content.decode()


def test_what_carries_no_word_of_it_is_done_as_ever(tabs, elder):
    act(tabs, elder)
    assert tabs.post(reverse("registry:my_correction"), {"text": "x"}).status_code != 409
