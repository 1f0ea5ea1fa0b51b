"""The registry's pages in a real browser: no barrier that axe can find, nothing wider than the screen."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.desk.test_browser import sign_in
from tests.support.visitors import overflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_registry_has_no_barrier_that_axe_finds(page, live_server, assert_axe_clean):
    from tests.factories.people import make_regions, make_resident, make_staff
    from timebank.registry import services

    places = make_regions()
    admin = make_staff("village_admin", places.village)
    resident = make_resident(places.village)
    elder = make_resident(places.village, "王奶奶", signs_in=False)
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    services.add_proxy(resident=elder, helper=resident.user, relation="kin", actor=admin)
    services.add_proxy(resident=resident, helper=admin, relation="village", actor=None)
    page.set_viewport_size({"width": 360, "height": 800})

    def look(address: str) -> None:
        page.goto(live_server.url + address)
        assert_axe_clean(page)  # small text is the stricter: it needs more contrast, and makes small targets
        for size in ("normal", "xlarge"):
            assert overflow(page, size) == "", f"{address} in {size}"

    register = reverse("registry:register")
    chosen = f"{register}?village={places.village.pk}"
    for address in (reverse("registry:sign_in"), register, f"{register}?q=庄", chosen):
        look(address)
    sign_in(page, live_server.url, resident.user)
    for name in ("me", "profile", "password", "my_card", "my_pin", "block_my_card", "helpers", "acting", "leave"):
        look(reverse(f"registry:{name}"))
    look(reverse("registry:card_print", args=[card.pk]))
