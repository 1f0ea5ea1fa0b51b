"""An app declares one of each; each appears where it should, and no other file names the app."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from tests.contract_app.models import Hive
from tests.factories.people import PASSWORD, make_resident, make_staff
from tests.support import worlds
from timebank.common import contract, events, guards, sweeps
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry import roles, services
from timebank.registry.errors import DutiesClash, NotOpenYet
from timebank.registry.models import Role, RoleClash, RoleGrant
from timebank.registry.rules import require_open
from timebank.registry.services.cases import decide_case, propose_merge
from timebank.registry.services.handover import hand_over_office

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


made = worlds.fixture("made", "tests.factories.people.make_regions")


@pytest.fixture
def places(settings, made):
    settings.LANGUAGE_CODE = "en"
    return made


def sign_in(user) -> Client:
    client = Client()
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def test_outside_the_app_one_line_of_the_settings_names_it():
    files = subprocess.run(["git", "ls-files", "*.py", "*.toml", "*.html"], cwd=ROOT, capture_output=True, text=True)
    naming = [
        (name, line)
        for name in files.stdout.split()
        if not name.startswith("tests/contract_app/") and (ROOT / name).exists()
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if "contract_app" in line or ("beekeeper" in line and not name.startswith("tests/registry/test_duties"))
    ]
    assert [name for name, _line in naming] == ["settings/test.py"]


def test_every_declaration_of_the_contract_is_tried_here():
    config = contract.apps.get_app_config("bees")
    offered = {name for name, kind in contract.AppContract.__annotations__.items() if "ClassVar" in str(kind)}
    assert offered == {name for name in offered if getattr(config, name)}


def test_the_role_works_where_it_is_given_and_begins_on_its_page(places):
    keeper = make_staff("beekeeper", places.village)
    client = Client()
    answer = client.post(reverse("registry:sign_in"), {"username": keeper.phone, "password": PASSWORD})
    assert answer["Location"] == reverse("bees:hives")
    assert client.get("/")["Location"] == reverse("bees:hives")
    Hive.objects.bulk_create([Hive(name="a"), Hive(name="b")])
    page = client.get(reverse("bees:hives"))
    assert "It is spring." in page.text  # page_context
    assert '<span class="count">2</span>' in page.text  # page_counts, shown in the menu
    assert f'href="{reverse("bees:hives")}"' in page.text  # the desk menu; the house leads there too
    assert sign_in(make_staff("auditor", places.town)).get(reverse("bees:hives")).status_code == 404


def test_the_role_is_offered_and_given_at_the_desk_and_clashes_there_and_in_the_database(places):
    admin = make_staff("village_admin", places.village)
    client = sign_in(admin)
    assert 'value="beekeeper"' in client.get(reverse("desk:staff")).text
    assert 'value="beekeeper"' not in sign_in(make_staff("town_admin", places.town)).get(reverse("desk:staff")).text
    verifier = make_staff("verifier", places.village)
    with pytest.raises(DutiesClash):
        services.grant_role(user=verifier, role="beekeeper", actor=admin, region=places.village)
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(user=verifier, role="beekeeper", region=places.village)
    assert Role.objects.get(key="beekeeper").app == "bees"
    assert RoleClash.objects.filter(role="beekeeper", other="verifier").exists()
    assert "beekeeper" in [spec.key for spec in roles.specs()]


def test_panel_and_account_row_stand_under_me(places):
    resident = make_resident(places.village, "蜂农")
    page = sign_in(resident.user).get(reverse("registry:me")).text
    assert "Honey for 蜂农" in page
    assert "My honey" not in page  # its entry is visible to nobody


def test_statement_lines_are_described_to_residents_and_villages(places):
    resident = make_resident(places.village, "蜂农")
    admin = make_staff("village_admin", places.village)
    ledger.post(
        TransferSpec(
            key="bees:1",
            kind="mint",
            legs=(
                Leg(
                    debit=f"issuance:region:{places.village.pk}",
                    credit=resident.wallet_key,
                    amount=300,
                    expires_on=dt.date(2031, 12, 31),
                ),
            ),
            actor="system",
            source="hive:1",
            effective_on=dt.date(2026, 9, 3),
        )
    )
    assert "Honey of hive 1" in sign_in(resident.user).get(reverse("rewards:statement")).text
    month = sign_in(admin).get(reverse("desk:month", args=[2026, 9]))
    assert "Honey of hive 1" in month.text


def test_trail_export_and_tile(places):
    resident = make_resident(places.village, "蜂农")
    admin = make_staff("village_admin", places.village)
    services.record_audit(actor=admin, action="feed_bees", subject=f"resident:{resident.pk}", region=places.village)
    assert "Bees fed" in sign_in(admin).get(reverse("desk:resident", args=[resident.pk])).text
    export = sign_in(resident.user).get(reverse("registry:export", args=["json"]))
    assert json.loads(export.content)["bees"] == [{"stings": 2, "of": "蜂农"}]
    assert "Hives" in sign_in(admin).get(reverse("desk:tile", args=["b"])).text
    assert "Hives" in sign_in(admin).get(reverse("desk:home")).text
    assert sign_in(make_staff("auditor", places.town)).get(reverse("desk:tile", args=["b"])).status_code == 404


def test_health_check_beat_and_settings(client, settings):
    assert client.get("/readyz").json()["checks"]["bees"] == "humming"
    from settings.celery import app

    app.finalize()
    assert app.conf.beat_schedule["count bees"] == {"task": "tests.contract_app.declared.count", "schedule": 3600}
    assert "bees.W001" not in [message.id for message in run_checks()]
    settings.BEES_PER_HIVE = 0
    assert "bees.W001" in [message.id for message in run_checks()]


def test_rows_stay_as_written():
    hive = Hive.objects.create(name="one")
    for change in (lambda: Hive.objects.update(name="two"), lambda: Hive.objects.filter(pk=hive.pk).delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    guards.ALL.remove(tables=["bees_hive"])
    assert any("bees_hive" in str(key) for key in guards.ALL.missing())
    guards.ALL.install()
    assert guards.ALL.missing() == []


def test_the_sweep_runs_and_the_event_is_heard():
    report = sweeps.run(sweeps.all_sweeps()["bees"])
    assert (report.handled, report.failed) == (1, 0)
    events.emit("bee_seen", subject="hive:1")
    sweeps.run(events.DELIVER)
    assert list(Hive.objects.order_by("pk").values_list("name", flat=True)) == ["swept 1", "heard bee_seen"]


def test_who_starts_the_product_is_greeted_by_the_apps():
    greetings = {declared.app: declared.value("http://127.0.0.1") for declared in contract.declared("greeting")}
    assert greetings["bees"] == ["The bees are awake at http://127.0.0.1."]


def test_a_village_is_founded_with_the_steps_that_apps_declare(places):
    from timebank.villages.steps import Villages, all_steps

    step = all_steps()[-1]
    assert step.key == "hive"
    assert step.standing(Villages([places.village])) == {places.village.pk: "seven hives"}


def test_a_place_that_an_app_holds_back_takes_nobody_in(places):
    require_open(places.village)
    Hive.objects.create(name=f"unbuilt {places.village.pk}")
    with pytest.raises(NotOpenYet):
        require_open(places.village)


def test_what_an_app_says_lies_with_a_person_passes_with_the_office_unless_they_keep_the_right(places):
    admin, heir, other = (
        make_staff("village_admin", places.village),
        *(make_resident(places.village).user for _ in "ab"),
    )
    kept, office = (make_staff("beekeeper", places.village) for _ in "ab")
    services.grant_role(user=kept, role="beekeeper", region=places.town, actor=None)
    for holder, successor in ((kept, heir), (office, other)):
        grant = RoleGrant.objects.get(user=holder, region=places.village)
        hand_over_office(grant=grant, successor=successor, actor=admin)
    assert list(Hive.objects.values_list("name", flat=True)) == [f"from {office.pk} to {other.pk}"]


def test_two_registrations_that_become_one_are_told_to_the_apps(places):
    gone, stays = (make_resident(places.village, "蜂农") for _ in "ab")
    case = propose_merge(resident=gone, into=stays, reason="同一人", actor=make_staff("village_admin", places.village))
    decide_case(case=case, agreed=True, actor=make_staff("verifier", places.village))
    assert Hive.objects.filter(name=f"{gone.pk} joined {stays.pk}: 同一人").exists()
