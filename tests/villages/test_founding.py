"""What a village needs before it opens: seen at a glance, each with its button, for one village and for 910."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.rewards.services import suppliers
from tests.factories.people import PASSWORD, make_resident, make_staff, new_phone
from tests.support import worlds
from timebank.common.input import InvalidInput
from timebank.common.models import Event
from timebank.policy.services import load_published
from timebank.registry import roles
from timebank.registry.errors import DutiesClash, NotAllowed, NotAVillage, NotOpenYet, OtherName, PasswordMissing
from timebank.registry.models import PersonalRead, Region, RoleGrant, User
from timebank.registry.services import apply_to_join
from timebank.registry.services.residents import CONSENT_VERSION
from timebank.service.services import adopt_scheme, open_activity
from timebank.service.services.teams import found_team
from timebank.villages import errors, selectors, services
from timebank.villages.help import CHAPTERS, RESIDENT, SAME
from timebank.villages.models import Office

pytestmark = pytest.mark.django_db
BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"


places = worlds.fixture("places", "tests.factories.people.make_regions")


@pytest.fixture
def town_admin(places: Any) -> User:
    return make_staff("town_admin", places.town, name="镇管理")


def signed_in(user: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend=BACKEND)
    return client


def lacking(village: Region) -> list[str]:
    return [step.key for step in selectors.founding(village).lacking]


def give(actor: User, region: Region, role: str, name: str) -> User:
    return services.appoint(region=region, role=role, name=name, phone=new_phone(), password=PASSWORD, actor=actor).user


def found(places: Any, town_admin: User, village: Region) -> User:
    """Bring all that a village needs."""
    load_published()
    admin = give(town_admin, village, "village_admin", "村管理")
    give(town_admin, village, "supervisor", "监委")
    give(town_admin, village, "stock_keeper", "保管")
    services.set_office(region=village, opening_hours="8:30–17:00", help_phone="0631-8450000", actor=admin)
    adopt_scheme(region=places.town, slug="wendeng-rural", since=timezone.localdate(), actor=town_admin)
    found_team(
        region=village,
        name="志愿队",
        squads=["助老队"],
        leader_name="队长",
        leader_phone=new_phone(),
        leader_password=PASSWORD,
        actor=admin,
    )
    suppliers.open_supplier(
        region=places.town, name="镇超市", kind="shop", place="镇上", opening_hours="9–17", actor=town_admin
    )
    return admin


def test_everything_is_missing_at_first_and_nothing_at_last(places, town_admin):
    assert lacking(places.village) == ["admin", "second", "office", "scheme", "team", "stock_keeper", "supplier"]
    with pytest.raises(errors.NotReady):
        services.open_village(region=places.village, actor=town_admin)
    found(places, town_admin, places.village)
    assert lacking(places.village) == []
    # The town's scheme and supplier reach the sister village; its office, team and people do not.
    assert lacking(places.sister) == ["admin", "second", "office", "team", "stock_keeper"]
    assert "scheme" in lacking(places.stranger)


def test_a_verifier_of_the_town_serves_every_village_below(places, town_admin):
    city = make_staff("city_admin", places.city)
    services.appoint(
        region=places.town, role="verifier", name="镇核验", phone=new_phone(), password=PASSWORD, actor=city
    )
    assert "second" not in lacking(places.village)
    assert "second" in lacking(places.stranger)


def test_the_village_opens_once_by_the_town(places, town_admin):
    admin = found(places, town_admin, places.village)
    with pytest.raises(NotAllowed):
        services.open_village(region=places.village, actor=admin)
    with pytest.raises(NotAllowed):
        services.open_village(region=places.village, actor=make_staff("town_admin", places.other_town))
    address = reverse("villages:open", args=[places.village.pk])
    client = signed_in(town_admin)
    founding = reverse("villages:founding", args=[places.village.pk])
    assert "Open the village" in client.get(founding).content.decode()
    assert "The town or the county opens it" in signed_in(admin).get(founding).content.decode()
    client.post(address)
    client.post(address)
    office = Office.objects.get(region=places.village)
    assert office.opened_by == town_admin
    assert Event.objects.filter(kind="village_opened").count() == 1
    assert "Open since" in client.get(reverse("villages:founding", args=[places.village.pk])).content.decode()
    with pytest.raises(NotAVillage):
        services.open_village(region=places.town, actor=make_staff("city_admin", places.city))


def test_each_missing_thing_has_a_button_for_who_may(places, town_admin):
    page = signed_in(town_admin).get(reverse("villages:founding", args=[places.village.pk])).content.decode()
    for name, arguments in (
        ("villages:appoint", [places.village.pk, "village_admin"]),
        ("villages:appoint", [places.village.pk, "supervisor"]),
        ("villages:appoint", [places.village.pk, "stock_keeper"]),
        ("villages:office", [places.village.pk]),
        ("service:teams", [places.village.pk]),
        ("desk:suppliers", [places.village.pk]),
        ("service:scheme_adopt", []),
    ):
        assert reverse(name, args=arguments) in page
    # The village's admin appoints the others, not an admin.
    admin = make_staff("village_admin", places.village)
    page = signed_in(admin).get(reverse("villages:founding", args=[places.village.pk])).content.decode()
    assert reverse("villages:appoint", args=[places.village.pk, "stock_keeper"]) in page
    assert reverse("villages:appoint", args=[places.village.pk, "supervisor"]) not in page
    assert "Open the village" not in page


def test_appointing_needs_the_owner_of_the_number(places, town_admin):
    somebody = make_resident(places.village, "于大姐")
    given = {"region": places.village, "role": "verifier", "phone": somebody.user.phone, "actor": town_admin}
    with pytest.raises(OtherName):
        services.appoint(**given, name="李二", password="")
    with pytest.raises(PasswordMissing):
        services.appoint(**{**given, "phone": new_phone()}, name="李二", password="short")
    assert not RoleGrant.objects.filter(role="verifier").exists()
    grant = services.appoint(**given, name="于大姐", password="")
    assert grant.user == somebody.user
    with pytest.raises(DutiesClash):
        services.appoint(**{**given, "role": "stock_keeper"}, name="于大姐", password="")


def test_the_form_of_one_village_appoints_in_that_village(places, town_admin):
    """Two tabs: whatever was looked at last, the address says where the form belongs."""
    client = signed_in(town_admin)
    first = reverse("villages:appoint", args=[places.village.pk, "verifier"])
    client.get(first)
    client.get(reverse("villages:appoint", args=[places.sister.pk, "verifier"]))
    client.post(first, {"full_name": "监委", "phone": new_phone(), "password": PASSWORD})
    assert RoleGrant.objects.get(role="verifier").region == places.village


def test_who_is_named_is_shown_masked_and_asked_about_once(places, town_admin):
    here, elsewhere = make_resident(places.village, "于大姐"), make_resident(places.stranger, "外乡人")
    client, address = signed_in(town_admin), reverse("villages:appoint", args=[places.village.pk, "verifier"])

    def grants() -> int:
        return RoleGrant.objects.filter(role="verifier").count()

    asked = client.post(address, {"phone": here.phone})
    assert "于*姐" in asked.text
    assert "于大姐" not in asked.text
    assert PersonalRead.objects.filter(resident=here, actor=town_admin).count() == 1
    # From elsewhere only with the full name, and with a password nobody learns more, nor gets a second sign-in.
    unknown = client.post(address, {"phone": new_phone()}).text
    assert "Nobody of your places signs in" in unknown
    assert "Nobody of your places signs in" in client.post(address, {"phone": elsewhere.phone}).text
    other = {"phone": elsewhere.phone, "full_name": "李二", "password": PASSWORD}
    assert client.post(address, other).status_code >= 400
    assert "外*人" in client.post(address, {"phone": elsewhere.phone, "full_name": "外乡人"}).text
    assert grants() == 0
    for _twice in range(2):
        sent = {"phone": here.phone, "person": here.user_id, "idempotency_key": "c" * 32}
        assert client.post(address, sent).status_code == 302
    assert RoleGrant.objects.get(role="verifier").user == here.user


def test_nobody_appoints_above_their_own_office(places):
    admin = make_staff("village_admin", places.village)
    client = signed_in(admin)
    for role, status in (
        ("village_admin", 404),
        ("city_admin", 404),
        ("nonsense", 404),
        ("verifier", 404),
        ("stock_keeper", 200),
    ):
        assert client.get(reverse("villages:appoint", args=[places.village.pk, role])).status_code == status
    assert client.get(reverse("villages:appoint", args=[places.sister.pk, "stock_keeper"])).status_code == 404
    with pytest.raises(NotAllowed):
        services.appoint(
            region=places.village, role="village_admin", name="某", phone=new_phone(), password=PASSWORD, actor=admin
        )


def test_hours_and_telephone_are_on_every_page_of_the_residents(places, town_admin):
    resident = make_resident(places.village)
    services.set_office(
        region=places.county, opening_hours="", help_phone="12345", actor=make_staff("city_admin", places.city)
    )
    client = signed_in(resident.user)
    assert "12345" in client.get("/").content.decode()
    services.set_office(region=places.village, opening_hours="8:30–17:00", help_phone="0631-8450000", actor=town_admin)
    for address in ("/", reverse("rewards:tickets"), reverse("registry:me"), "/no-such-page/"):
        page = client.get(address).content.decode()
        assert "0631-8450000" in page, address
        assert "8:30–17:00" in page, address
    # Strangers at the sign-in, or without their password, see the county's.
    for name in ("registry:sign_in", "registry:forgotten"):
        assert "12345" in Client().get(reverse(name)).content.decode()


@pytest.mark.parametrize("number", ["1", "call me", "0631--", "12345678901234567890123"])
def test_a_telephone_is_a_number(places, town_admin, number):
    with pytest.raises(InvalidInput):
        services.set_office(region=places.village, opening_hours="早上", help_phone=number, actor=town_admin)
    assert not Office.objects.filter(region=places.village).exclude(help_phone="").exists()


def _villages(places: Any, many: int) -> None:
    for number in range(many):
        Region.objects.add_child(
            Region.objects.get(pk=places.town.pk),
            create_kwargs={
                "code": f"371003104{500 + number}",
                "name": f"村{number}",
                "short_name": f"村{number}",
                "level": "village",
            },
        )


def test_the_county_asks_as_often_for_many_villages_as_for_few(places):
    client = signed_in(make_staff("city_admin", places.county))
    address = reverse("villages:founding", args=[places.county.pk])
    counts = []
    for more in (0, 60):
        _villages(places, more)
        client.get(address)
        with CaptureQueriesContext(connection) as seen:
            page = client.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert "63 villages" in page.content.decode()


def test_the_county_sees_which_village_lacks_what(places, town_admin):
    found(places, town_admin, places.village)
    client_user = make_staff("city_admin", places.county)
    client = signed_in(client_user)
    address = reverse("villages:founding", args=[places.county.pk])
    all_of_them = client.get(address).content.decode()
    assert "辛旺庄" in all_of_them
    without_team = client.get(address, {"lacks": "team"}).content.decode()
    assert "周家" in without_team
    assert "辛旺庄" not in without_team
    assert client.get(address, {"lacks": "nonsense"}).status_code == 200
    assert "?lacks=team" in all_of_them
    assert "?lacks=scheme" in all_of_them  # the other town has none
    # what may stay undone is no lack
    lack, _mark, may_follow = all_of_them.partition("May follow")
    for key in ("residents", "opening"):
        assert f"?lacks={key}" not in lack
        assert f"?lacks={key}" in may_follow
    assert "Residents: 3 without" in may_follow
    assert "Residents: 3 lack it" not in all_of_them
    assert "3 without" not in lack
    adopt_scheme(region=places.county, slug="wendeng-rural", since=timezone.localdate(), actor=client_user)
    assert "?lacks=scheme" not in client.get(address).content.decode()
    assert signed_in(town_admin).get(address).status_code == 404  # above the town


def test_a_village_in_preparation_takes_no_joins_and_no_activities(places: Any, town_admin: User) -> None:
    load_published()
    admin = make_staff("village_admin", places.village)
    leader = {"leader_name": "队长", "leader_phone": new_phone(), "leader_password": PASSWORD}
    team = found_team(region=places.village, name="队", actor=admin, **leader)
    soon = timezone.now() + dt.timedelta(days=1)
    asks = {"name": "新人", "password": PASSWORD, "consent_version": CONSENT_VERSION}
    opens = {"team": team, "title": "扫街", "category": "clean", "place": "村口", "capacity": 5, "actor": team.leader}
    opens |= {"starts_at": soon, "ends_at": soon + dt.timedelta(hours=1)}
    office = Office.objects.create(region=places.village)
    for attempt in (
        lambda: apply_to_join(village=places.village, phone=new_phone(), **asks),
        lambda: open_activity(**opens),
    ):
        with pytest.raises(NotOpenYet):
            attempt()
    make_resident(places.village, "名单上的人")  # preparing goes on: the office registers people
    # said before anything is typed, with what lacks; the way there only for who may see it
    page, founding = reverse("service:lead_new"), reverse("villages:founding", args=[places.village.pk])
    for user, may_see in ((admin, True), (team.leader, False)):
        shown = signed_in(user).get(page).content.decode()
        assert "no activity can be opened there" in shown
        assert "Still missing: A second person for hours" in shown
        assert (f'<a href="{founding}"' in shown) is may_see
    Office.objects.filter(pk=office.pk).update(opened_at=timezone.now(), opened_by=town_admin)
    assert "no activity can be opened there" not in signed_in(admin).get(page).content.decode()
    apply_to_join(village=places.village, phone=new_phone(), **asks)
    open_activity(**opens)
    # a village at work before anybody wrote down its office goes on working
    Office.objects.filter(pk=office.pk).update(opened_at=None, opened_by=None)
    open_activity(**{**opens, "title": "再扫"})
    # only villages are opened: a town that wrote down its hours is none in preparation
    services.set_office(region=places.town, opening_hours="9–17", help_phone="0631-8450000", actor=town_admin)
    assert not selectors.in_preparation(places.town)


def test_help_opens_with_the_readers_own_chapter(places: Any) -> None:
    ours = {key for key, app in roles.table().app_of.items() if not apps.get_app_config(app).name.startswith("tests.")}
    known = ours | {RESIDENT}
    assert {chapter.role for chapter in CHAPTERS} | set(SAME) == known  # every role has help, and no other
    page = Client(headers={"accept-language": "en"}).get(reverse("villages:help"))
    assert page.context["chapters"][0][0].role == RESIDENT
    keeper = signed_in(make_staff("stock_keeper", places.village)).get(reverse("villages:help"))
    assert [chapter.role for chapter, is_mine in keeper.context["chapters"] if is_mine] == ["stock_keeper"]
    assert keeper.context["chapters"][0][0].role == "stock_keeper"
    assert reverse("villages:help") in signed_in(make_resident(places.village).user).get("/").content.decode()
