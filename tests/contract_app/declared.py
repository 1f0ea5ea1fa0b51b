from __future__ import annotations

from django.conf import settings
from django.core.checks import Warning as CheckWarning

from tests.contract_app.models import Hive
from timebank.common import counts
from timebank.common.sweeps import Sweep
from timebank.ledger.describing import Description
from timebank.registry.models import Resident
from timebank.registry.navigation import who_may
from timebank.registry.roles import Duties, RoleSpec, StartPage
from timebank.registry.services.handover import PersonalWork
from timebank.ui.menus import Entry
from timebank.ui.tiles import Figure, Tile
from timebank.villages.steps import Step

DUTIES = Duties(
    roles=[RoleSpec("beekeeper", "Beekeeper", appointed_by=("village_admin",))],
    actions={"beekeeper": ["keep_bees"], "village_admin": ["count_hives"]},
    clashes=[("beekeeper", "verifier")],
)
START_PAGES = [StartPage("beekeeper", "bees:hives")]
MENUS = [
    Entry(
        area="desk",
        key="b",
        label="Hives",
        url_name="bees:hives",
        icon="list",
        visible=who_may("keep_bees"),
        count=lambda request: counts.of_page(request, "hives"),
    ),
    Entry(area="account", key="b", label="My honey", url_name="bees:hives", icon="list", visible=lambda request: False),
]


def pass_hives(*, leaver, successor, **_rest):
    Hive.objects.create(name=f"from {leaver.pk} to {successor.pk}")
    return 1


def join_hives(gone, stays, *, reason, actor, now):
    Hive.objects.create(name=f"{gone.pk} joined {stays.pk}: {reason}"[:20])


PERSONAL_WORK = [PersonalWork("Hives", "keep_bees", names=lambda user, region: ["hive 7"], pass_on=pass_hives)]
AUDIT_LABELS = {"feed_bees": "Bees fed"}
TILES = [
    Tile(key="b", label="Hives", icon="list", actions=("count_hives",), measure=lambda user, region: Figure(value=7))
]


FOUNDING = [
    Step(
        key="hive",
        order=900,
        label="A hive",
        text="Not needed, and sweet.",
        action="Count",
        href=lambda village: "/bees/",
        actions=("count_hives",),
        standing=lambda villages: dict.fromkeys(villages.ids, "seven hives"),
        needed=False,
    )
]


def season(request):
    return "It is spring."


def to_count(request):
    return (
        Hive.objects.all() if request.path.startswith("/bees/") else None
    )  # the counts of other pages stay as they are


def panel(request, ids):
    people = Resident.objects.in_bulk(ids)
    return {pk: {"template": "bees/panel.html", "honey": f"Honey for {person.name}"} for pk, person in people.items()}


def export(resident):
    return {"bees": [{"stings": 2, "of": resident.name}]}


def describe(keys):
    return {key: Description(title=f"Honey of hive {key}", explanation=("It was a good year.",)) for key in keys}


def health():
    return "humming"


def count():
    return Hive.objects.count()


def handle(key, now):
    Hive.objects.create(name=f"swept {key}")


def hear(event):
    Hive.objects.create(name=f"heard {event.kind}")


def check_settings():
    wrong = getattr(settings, "BEES_PER_HIVE", 1) < 1
    return [CheckWarning("A hive has bees.", id="bees.W001")] if wrong else []


SWEEPS = [Sweep("bees", due=lambda now: [] if Hive.objects.filter(name="swept 1").exists() else [1], handle=handle)]


def greet(address: str) -> list[str]:
    """Greet who starts the product."""
    return [f"The bees are awake at {address}."]


def process(site: str) -> list[str] | None:
    """Keep nothing running beside the site."""
    return None


def text_sender() -> None:
    """Have no way to a telephone."""


def is_unbuilt(place) -> bool:
    """Hold back a place whose hive is still being built."""
    return Hive.objects.filter(name=f"unbuilt {place.pk}").exists()
