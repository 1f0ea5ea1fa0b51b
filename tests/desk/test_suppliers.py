"""Suppliers: opened by the village for its people, by the town for every village."""

from __future__ import annotations

import pytest
from django.urls import reverse

from marketplace.partner.models import Partner
from marketplace.rewards.errors import SupplierNameTaken, SupplierNotHere
from marketplace.rewards.services import suppliers
from tests.factories.people import make_staff
from tests.support import worlds
from tests.support.clients import PageClient
from timebank.registry import services as registry
from timebank.registry.errors import NotAllowed
from timebank.registry.models import AuditEntry

pytestmark = pytest.mark.django_db
TYPED = {"name": "小卖部", "kind": "shop", "location": "村口", "opening_hours": "9:00–17:00"}
FACTS = {"name": "小卖部", "kind": "shop", "place": "村口", "opening_hours": "9:00–17:00"}


places = worlds.fixture("places", "tests.factories.people.make_regions")


def signed_in(user):
    client = PageClient(headers={"accept-language": "en"})
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def test_the_village_opens_its_own_once(places):
    admin = make_staff("village_admin", places.village)
    client = signed_in(admin)
    address = reverse("desk:new_supplier", args=[places.village.pk])
    assert client.post(address, TYPED).status_code == 302
    partner = Partner.objects.get()
    assert (partner.village, partner.opening_hours) == (places.village, "9:00–17:00")
    again = client.post(address, TYPED)
    assert again.status_code == 422
    wrong = client.post(address, {**TYPED, "name": "二店", "phone": "abc😀"})
    assert "A telephone number has digits" in wrong.context["form"].errors["phone"][0]
    with pytest.raises(SupplierNameTaken):
        suppliers.open_supplier(region=places.village, actor=admin, **FACTS)
    with pytest.raises(NotAllowed):
        suppliers.open_supplier(region=places.sister, actor=admin, **FACTS)
    assert Partner.objects.count() == 1
    assert AuditEntry.objects.filter(action="open_supplier", subject=f"partner:{partner.pk}").count() == 1


def test_a_supplier_of_the_town_is_seen_in_its_villages_and_changed_by_the_town(places):
    town, admin = make_staff("town_admin", places.town), make_staff("village_admin", places.village)
    partner = suppliers.open_supplier(region=places.town, actor=town, **FACTS)
    assert "小卖部" in signed_in(admin).get(reverse("desk:suppliers", args=[places.village.pk])).content.decode()
    assert signed_in(admin).get(reverse("desk:supplier", args=[partner.pk])).status_code == 404
    with pytest.raises(NotAllowed):
        suppliers.change_supplier(partner=partner, actor=admin, **FACTS)
    address = reverse("desk:supplier", args=[partner.pk])
    signed_in(town).post(address, {**TYPED, "location": "镇上"})
    partner.refresh_from_db()
    assert (partner.place, partner.is_active) == ("镇上", False)  # the box was not ticked
    signed_in(town).post(address, {**TYPED, "location": "镇上", "is_active": "on"})
    partner.refresh_from_db()
    assert partner.is_active


def test_an_organisation_of_another_town_is_refused(places):
    city = make_staff("city_admin", places.city)
    far = registry.register_organisation(name="远店", kind="supplier", region=places.other_town, actor=city)
    admin = make_staff("village_admin", places.village)
    with pytest.raises(SupplierNotHere):
        suppliers.open_supplier(region=places.village, actor=admin, organisation=far, **FACTS)
    assert not Partner.objects.exists()


def test_the_list_asks_as_often_for_thirty_as_for_one(places):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    admin = make_staff("village_admin", places.village)
    client, counts = signed_in(admin), []
    address = reverse("desk:suppliers", args=[places.village.pk])
    for many in (1, 29):
        for number in range(many):
            suppliers.open_supplier(region=places.village, actor=admin, **{**FACTS, "name": f"店{many}-{number}"})
        client.get(address)
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1]
