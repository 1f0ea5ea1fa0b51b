"""How far points reach: who served lately, what they hold, and whether a service near them costs no more."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.catalogue.models import Product
from marketplace.catalogue.services import product_class_of
from marketplace.partner.models import Partner
from marketplace.partner.services import create_partner, list_reward, update_partner
from marketplace.rewards.selectors.reach import Reach, reach_of
from tests.factories.service import World
from tests.service.test_windows import serve
from tests.support import worlds
from timebank.registry.models import Region

TODAY = dt.date(2026, 9, 30)


hamlet = worlds.fixture("hamlet", "tests.factories.service.make_world")


def offer(region: Region, kind: str, points: int, of: str = "service") -> Partner:
    """Open a supplier with one thing on offer."""
    partner = create_partner(name=f"{kind}{points}", village=region, kind=kind)
    product = Product.objects.create(title=f"{kind}{points}{of}", product_class=product_class_of(of))
    list_reward(product=product, partner=partner, points=points, sku=f"{kind}{points}")
    return partner


def look(hamlet: World, today: dt.date = TODAY) -> Reach:
    return reach_of(Region.objects.get(code="371003000000"), today=today)


def test_who_served_and_can_afford_a_service_that_is_near(hamlet: World) -> None:
    for day in (8, 9):
        serve(hamlet, hamlet.wang, 600, day)  # 20 h: 5 points
    serve(hamlet, hamlet.li, 60, 10)  # nothing yet
    hamlet.resident("墩后人", village=hamlet.far)
    assert look(hamlet).without_supplier == ("辛旺庄", "墩后")
    bath = offer(hamlet.town, Partner.Kind.BATH, 450)
    offer(hamlet.village, Partner.Kind.SHOP, 50, of="goods")  # what is bought is no service
    offer(hamlet.far, Partner.Kind.BARBER, 0)  # what is free says nothing of points
    result = look(hamlet)
    assert (result.villages, result.without_supplier) == (2, ())
    assert (result.volunteers, result.can_afford, result.percent) == (2, 1, 50)
    assert (result.median_minutes, result.median_points, result.median_affords_care) == (60, 0, 0)
    assert (result.care_from, result.villages_with_volunteers) == (450, 1)
    serve(hamlet, hamlet.li, 660, 11)  # 12 h: 2 points; not yet a bath, but the barber
    offer(hamlet.town, Partner.Kind.BARBER, 200)
    assert (look(hamlet).percent, look(hamlet).median_affords_care, look(hamlet).care_from) == (100, 1, 200)
    # Closed, too dear or long ago: none of it counts.
    for partner in Partner.objects.exclude(pk=bath.pk):
        update_partner(partner=partner, is_active=False)
    assert (look(hamlet).can_afford, look(hamlet).without_supplier) == (1, ("墩后",))
    assert look(hamlet, TODAY + dt.timedelta(days=60)).volunteers == 0
    assert look(hamlet, TODAY + dt.timedelta(days=60)).percent == 0


def test_it_asks_the_same_number_of_questions_for_one_and_for_many(hamlet: World) -> None:
    offer(hamlet.town, Partner.Kind.BATH, 450)
    serve(hamlet, hamlet.wang, 240, 8)
    with CaptureQueriesContext(connection) as few:
        look(hamlet)
    for day in range(9, 20):
        serve(hamlet, hamlet.resident(), 240, day)
    with CaptureQueriesContext(connection) as many:
        look(hamlet)
    assert len(many) == len(few)
