"""B3 and B4 count what they say, beside a stock Oscar that holds nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys

from bench import b3, b4, beside, counted
from bench.http import ROOT

STOCK = """
import django
django.setup()
from django.apps import apps
from django.urls import reverse
from oscar.core.loading import get_class
assert not [one.name for one in apps.get_app_configs() if one.name.startswith(("marketplace", "timebank"))]
assert get_class("checkout.views", "PaymentDetailsView").__module__ == "oscar.apps.checkout.views"
print(reverse("catalogue:index"), reverse("checkout:preview"))
"""


def test_the_peer_is_stock_oscar():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bench.peers.oscar.settings"}
    environment["DATABASE_URL"] = "sqlite:///:memory:"
    done = subprocess.run(
        [sys.executable, "-c", STOCK], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["/catalogue/", "/checkout/preview/"], done.stderr


def test_what_opens_and_ends_a_transaction_is_not_counted():
    asked = ["BEGIN", 'SAVEPOINT "s1"', "SELECT 1", "  update t set a = 1", 'RELEASE SAVEPOINT "s1"', "COMMIT"]
    assert counted.statements({"sql": one} for one in asked) == 2


def test_statements_are_held_against_their_goals():
    oscar = {"product": [20], "basket": [30, 5], "place": [90, 7]}
    ours = {"product": [12], "check": [b3.JOURNEY - b3.REDEEM - 9, 9], "redeem": [b3.REDEEM, 7]}
    journey, redeem, whole = b3.counts(ours, oscar)
    assert (journey.figure, journey.against_figure, journey.met) == (b3.JOURNEY, 125, True)
    assert (redeem.figure, redeem.against_figure, redeem.met) == (b3.REDEEM, 90, True)
    assert (whole.figure, whole.against_figure, whole.met) == (b3.JOURNEY + 19, 152, None)
    journey, redeem, _whole = b3.counts({**ours, "redeem": [b3.REDEEM + 1, 7]}, oscar)
    assert (journey.met, redeem.met) == (False, False)


def test_pages_of_each_case_are_the_shops_own():
    shop = beside.Shop(1, {"index": "/catalogue/", "products": [{"page": "/a/"}, {"page": "/b/"}]}, {}, {})
    assert [b4.paths(shop, case) for case, _signed_in, _times in b4.CASES] == [["/catalogue/"]] * 2 + [["/a/", "/b/"]]
