"""Pages above the village: as many statements for 910 villages as for 161, and no list of all of them in a page.

Not as for three: a list of more than a page asks once more, for what follows, and a choice of more than 150 places is
typed. That is the last time that a page grows.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from marketplace.partner.models import Partner
from tests.factories.people import make_resident, make_staff
from tests.support import worlds
from timebank.registry.models import Organisation, Region, Resident, RoleGrant, User
from timebank.villages.models import Office

pytestmark = pytest.mark.django_db
FEW, MANY = 161, 910
ROOM = 10_000  # bytes that a page may grow by: longer numbers and names, never further rows
BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"

places = worlds.fixture("places", "tests.factories.people.make_regions")


def grow(towns: list[Region], size: int) -> None:
    """Put villages below the towns, each with an office, an admin, a supplier, an organisation and a resident."""
    standing = Region.objects.filter(level="village").count()
    share = (size - standing) // len(towns)
    villages = [
        Region(
            path=Region._get_path(town.path, town.depth + 1, 100 + standing + number),
            depth=town.depth + 1,
            code=f"99{town.pk:06d}{standing + number:04d}"[-12:],
            name=f"{town.pk}第{standing + number}村委会",
            short_name=f"{town.pk}第{standing + number}村",
            level="village",
        )
        for town in towns
        for number in range(share)
    ]
    villages = Region.objects.bulk_create(villages)
    for town in towns:
        Region.objects.filter(pk=town.pk).update(numchild=F("numchild") + share)
    Office.objects.bulk_create([Office(region=village, help_phone="0631-8450000") for village in villages])
    users = User.objects.bulk_create(
        [User(username=f"many-{one.pk}", name=f"管理{one.pk}", phone=f"138{one.pk:08d}") for one in villages]
    )
    grants = [RoleGrant(user=user, role="village_admin", region=at) for user, at in zip(users, villages, strict=True)]
    RoleGrant.objects.bulk_create(grants)
    bodies = Organisation.objects.bulk_create(
        [Organisation(name=f"合作社{at.pk}", kind="supplier", region=at, status="active") for at in villages]
    )
    Partner.objects.bulk_create(
        [
            Partner(name=f"商店{at.pk}", code=f"many-{at.pk}", village=at, organisation=body)
            for at, body in zip(villages, bodies, strict=True)
        ]
    )
    Resident.objects.bulk_create(
        [
            Resident(name=f"居民{at.pk}", village=at, volunteer_number=f"8{at.pk:09d}", status="active")
            for at in villages
        ]
    )


def addresses(place: Region) -> list[str]:
    """List every page of ours that is asked for by no more than a place."""
    found = []

    def walk(patterns: list[Any], names: tuple[str, ...]) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, (*names, pattern.namespace) if pattern.namespace else names)
            elif isinstance(pattern, URLPattern) and pattern.name:
                wanted = set(pattern.pattern.converters)
                name = ":".join((*names, pattern.name))
                if wanted <= {"place"} and names[:1] not in {("styleguide",), ("common",)}:
                    with suppress(NoReverseMatch):  # a pattern of old with further parts
                        found.append(reverse(name, kwargs={"place": place.pk} if wanted else None))

    walk(get_resolver().url_patterns, ())
    return sorted(set(found))


def ask(client: Client, place: Region) -> dict[str, tuple[int, int]]:
    """Return the statements and the length of each page that opens, when all have been opened once."""
    answers = {}
    for _twice in range(2):  # what was looked at is itself on a list
        for address in addresses(place):
            with CaptureQueriesContext(connection) as seen:
                answer = client.get(address, {} if f"/{place.pk}/" in address else {"where": place.pk})
            if answer.status_code == 200 and not answer.streaming:
                answers[address] = (len(seen), len(answer.content))
    return answers


def test_no_page_above_the_village_grows_with_the_county(places: Any) -> None:
    admin = make_staff("city_admin", places.county)
    User.objects.filter(pk=admin.pk).update(is_staff=True)  # an operator's pages as well
    for village in (places.village, places.sister, places.stranger):
        make_resident(village)
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.get(pk=admin.pk), backend=BACKEND)
    towns = [places.town, places.other_town]
    grow(towns, FEW)
    before = ask(client, places.county)
    assert len(before) > 50
    grow(towns, MANY)
    assert Region.objects.filter(level="village").count() >= MANY - 1
    after = ask(client, places.county)
    wrong = [
        f"{address}: {statements} statements and {length} bytes, then {after.get(address)}"
        for address, (statements, length) in before.items()
        if address not in after or after[address][0] != statements or after[address][1] > length + ROOM
    ]
    assert not wrong, "\n".join(wrong)
