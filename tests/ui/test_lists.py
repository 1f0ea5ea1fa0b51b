"""The one list: what an address may ask of it, what it leaves out, and its files."""

from __future__ import annotations

import io

import pytest
from django.contrib.sites.models import Site
from django.test import RequestFactory
from openpyxl import load_workbook

from timebank.ui import lists
from timebank.ui.lists import Column, Listing

COLUMNS = (
    Column(key="name", label="Name", value=lambda site: site.name, sort=("name",)),
    Column(key="domain", label="Domain", value=lambda site: site.domain),
    Column(key="id", label="Number", value=lambda site: site.pk, sort=("pk",), is_number=True, shown=False),
)


@pytest.fixture
def sites(db):
    Site.objects.all().delete()
    for number, name in enumerate(("丙", "甲", "=1+1", "乙"), start=10):
        Site.objects.create(pk=number, name=name, domain=f"{number}.example")
    return Site.objects.order_by("pk")


def listing(rows, query: str = "", **more) -> Listing:
    return Listing(RequestFactory().get(f"/list/?{query}"), rows, name="sites", columns=COLUMNS, **more)


def test_sorts_by_what_may_be_sorted_and_leaves_the_rest(sites):
    names = sorted(site.name for site in sites)
    assert [site.name for site in listing(sites, "sort=name").page] == names
    assert [site.name for site in listing(sites, "sort=-name").page] == names[::-1]
    for other in ("sort=domain", "sort=password", "sort=--name", "sort=", "page=x&size=7"):
        assert [site.pk for site in listing(sites, other).page] == [10, 11, 12, 13]
    assert listing(sites, "size=7").size == 50
    assert listing(sites, "size=100").size == 100


def test_a_head_leads_to_the_other_direction_and_keeps_the_rest_of_the_address(sites):
    name, domain = listing(sites, "q=x&sort=name&page=3").heads
    assert (name.direction, name.href) == ("ascending", "?q=x&sort=-name")
    assert domain.href == ""
    assert listing(sites, "sort=-name").heads[0].direction == "descending"
    assert listing(sites, "q=x").heads[0].href == "?q=x&sort=name"


def test_tabs_keep_the_place_and_drop_the_page(sites):
    made = listing(sites, "where=5&page=2&which=old", tabs=[("new", "New"), ("old", "Old")], tab="old")
    assert [(tab["href"], tab["active"]) for tab in made.tabs] == [
        ("?where=5&which=new", False),
        ("?where=5&which=old", True),
    ]


def test_page_sizes_are_offered_only_where_there_is_more_than_one_page(sites, monkeypatch):
    assert listing(sites).sizes == []
    monkeypatch.setattr(lists, "SIZES", (2, 100))
    assert [size["active"] for size in listing(sites, "size=100").sizes] == [False, True]
    assert len(listing(sites).page) == 2


def test_the_files_hold_the_whole_sorted_list_and_no_formula(sites):
    assert listing(sites).file() is None
    assert listing(sites, "format=exe").file() is None
    text = b"".join(listing(sites, "sort=name&format=csv").file().streaming_content).decode("utf-8-sig")
    assert text.splitlines()[0] == "Name,Domain,Number"
    assert "'=1+1,12.example,12" in text
    answer = listing(sites, "format=xlsx").file()
    file = b"".join(answer.streaming_content)
    answer.close()
    rows = list(load_workbook(io.BytesIO(file)).active.iter_rows(values_only=True))
    assert rows[0] == ("Name", "Domain", "Number")
    assert rows[3] == ("=1+1", "12.example", 12)
    assert len(rows) == 5
