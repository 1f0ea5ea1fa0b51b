"""The pages of the registry."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories.people import PASSWORD, make_resident, make_staff, new_phone
from timebank.common.sheets.writing import csv_lines, safe_cell
from timebank.registry import selectors, services
from timebank.registry.models import AuditEntry, Card, HelperRequest, PersonalRead, Proxy, Resident, User

pytestmark = pytest.mark.django_db
BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


def enter(client: Client, name: str, password: str = PASSWORD, **more: str):
    return client.post(reverse("registry:sign_in"), {"username": name, "password": password, **more})


# -- Sign in -----------------------------------------------------------------------------------------------------------
def test_sign_in_by_phone_card_and_email(client, places, admin, resident):
    card = services.issue_card(resident=resident, actor=admin)
    staff = services.create_user(name="镇上", actor=None, email="Town@Example.cn", password=PASSWORD)
    for name, user in (
        (resident.phone, resident.user),
        (f"+86 {resident.phone[:3]} {resident.phone[3:]}", resident.user),
        (card.number.lower(), resident.user),
        ("town@example.CN", staff),
    ):
        client = Client()
        assert enter(client, name).status_code == 302
        assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize("case", ["wrong password", "unknown", "blocked card", "closed"])
def test_sign_in_is_refused_with_one_sentence(client, admin, resident, case):
    card = services.issue_card(resident=resident, actor=admin)
    name, password = resident.phone, PASSWORD
    if case == "wrong password":
        password = "something-else"
    elif case == "unknown":
        name = "13000000000"
    elif case == "blocked card":
        services.block_card(card=card, actor=admin)
        name = card.number
    else:
        User.objects.filter(pk=resident.user_id).update(is_active=False)
    answer = enter(client, name, password)
    assert answer.status_code == 200
    assert "belong together" in answer.content.decode().replace("&#x27;", "'")
    assert "_auth_user_id" not in client.session
    assert password not in answer.content.decode()


def test_sign_in_goes_on_inside_the_site_only(client, resident):
    assert enter(client, resident.phone, next="https://evil.example/").headers["Location"] == "/"
    assert enter(Client(), resident.phone, next="/me/").headers["Location"] == "/me/"


def test_sign_in_pauses_after_many_wrong_passwords(client, resident, settings):
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 3
    answers = [enter(client, resident.phone, "wrong-wrong").status_code for _ in range(3)]
    assert answers[-1] == 429
    answer = enter(client, resident.phone)
    assert answer.status_code == 429
    assert "quarter of an hour" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_sign_out_needs_a_post(signed_in):
    assert signed_in.get(reverse("registry:sign_out")).status_code == 405
    assert "_auth_user_id" in signed_in.session
    signed_in.post(reverse("registry:sign_out"))
    assert "_auth_user_id" not in signed_in.session


# -- Join --------------------------------------------------------------------------------------------------------------
def test_joining_walks_from_village_to_a_waiting_account(client, places):
    page = client.get(reverse("registry:register"), {"q": "辛旺"}).content.decode()
    assert f"?village={places.village.pk}" in page
    page = client.get(reverse("registry:register"), {"in": places.town.pk}).content.decode()
    assert f"?village={places.village.pk}" in page
    form = {
        "village": places.village.pk,
        "name": "新人",
        "phone": new_phone(),
        "password": PASSWORD,
        "birth_date": "1960-05-06",
        "household_number": "3",
        "consent": "on",
    }
    answer = client.post(reverse("registry:register"), form)
    assert answer.headers["Location"] == reverse("registry:me")
    made = Resident.objects.get(name="新人")
    assert (made.status, made.village, made.household.number) == (Resident.Status.PENDING, places.village, "3")
    assert made.consents.count() == 1
    assert "Waiting for the village" in client.get(reverse("registry:me")).content.decode()


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("no consent", {"consent": ""}),
        ("no name", {"name": ""}),
        ("weak password", {"password": "password"}),
        ("wrong phone", {"phone": "123"}),
        ("born tomorrow", {"birth_date": "2999-01-01"}),
        ("a whole town", {"village": "town"}),
    ],
)
def test_joining_with_something_wrong_makes_nobody_and_loses_nothing(client, places, _case, change):
    form = {"village": places.village.pk, "name": "新人", "phone": new_phone(), "password": PASSWORD, "consent": "on"}
    form |= {key: places.town.pk if value == "town" else value for key, value in change.items()}
    answer = client.post(reverse("registry:register"), form)
    assert not Resident.objects.filter(name="新人").exists()
    if _case != "a whole town":
        assert answer.status_code == 422
        assert 'data-focus aria-labelledby="summary-title"' in answer.content.decode()
        assert form["phone"] in answer.content.decode()


# -- Me ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["me", "profile", "password", "my_card", "my_pin", "block_my_card", "helpers", "leave", "acting"]
)
def test_own_pages_need_a_sign_in(client, places, name):
    answer = client.get(reverse(f"registry:{name}"))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("registry:sign_in"))


def test_own_pages_open(signed_in, admin, resident):
    services.issue_card(resident=resident, actor=admin)
    for name in ("me", "profile", "password", "my_card", "my_pin", "block_my_card", "helpers", "leave", "acting"):
        page = signed_in.get(reverse(f"registry:{name}"))
        assert page.status_code == 200, name
        assert page.content.decode().count("<h1") == 1, name


def test_password_changes_only_with_the_old_one(signed_in, resident):
    url = reverse("registry:password")
    wrong = {"old": "not-it", "new": "a-new-password-9", "again": "a-new-password-9"}
    assert signed_in.post(url, wrong).status_code == 422
    resident.user.refresh_from_db()
    assert resident.user.check_password(PASSWORD)
    assert signed_in.post(url, wrong | {"old": PASSWORD, "again": "differs-8"}).status_code == 422
    assert signed_in.post(url, wrong | {"old": PASSWORD}).status_code == 302
    resident.user.refresh_from_db()
    assert resident.user.check_password("a-new-password-9")
    assert signed_in.get(reverse("registry:me")).status_code == 200


def test_blocking_my_card_blocks_it(signed_in, admin, resident):
    card = services.issue_card(resident=resident, actor=admin)
    signed_in.post(reverse("registry:block_my_card"), {"reason": "丢了"})
    card.refresh_from_db()
    assert (card.status, card.blocked_reason, card.blocked_by) == (Card.Status.BLOCKED, "丢了", resident.user)


def test_setting_my_pin(signed_in, admin, resident):
    card = services.issue_card(resident=resident, actor=admin)
    url = reverse("registry:my_pin")
    assert signed_in.post(url, {"pin": "1234", "again": "1234"}).status_code == 422
    assert signed_in.post(url, {"pin": "2580", "again": "2581"}).status_code == 422
    assert signed_in.post(url, {"pin": "2580", "again": "2580"}).status_code == 302
    assert services.check_pin(card_number=card.number, pin="2580") == card


def test_adding_and_ending_a_helper(signed_in, places, resident):
    nephew = make_resident(places.sister, "侄子")
    url = reverse("registry:helpers")
    assert signed_in.post(url, {"phone": "13000000000", "relation": "kin"}).status_code == 422
    own = {"phone": resident.phone, "person": resident.user_id, "relation": "kin"}
    assert signed_in.post(url, own).status_code == 422
    assert "侄*" in signed_in.post(url, {"phone": nephew.phone, "relation": "kin"}).text
    assert not HelperRequest.objects.exists()  # shown first
    signed_in.post(url, {"phone": nephew.phone, "person": nephew.user_id, "relation": "kin"})
    assert not Proxy.objects.exists()
    asked = HelperRequest.objects.get()
    other = Client(headers={"accept-language": "en"})
    other.force_login(nephew.user, backend=BACKEND)
    answer = reverse("registry:answer_helper", args=[asked.pk])
    assert answer in other.get(reverse("registry:acting")).content.decode()
    signed_in.post(answer, {"agree": "1"})  # the resident has agreed by asking: nothing more comes of it
    assert not Proxy.objects.exists()
    other.post(answer, {"agree": "1"})
    proxy = Proxy.objects.get()
    assert (proxy.resident, proxy.helper) == (resident, nephew.user)
    stranger = Client()
    stranger.force_login(make_resident(places.village, "路人").user, backend=BACKEND)
    assert stranger.post(reverse("registry:end_helper", args=[proxy.pk])).status_code == 404
    proxy.refresh_from_db()
    assert proxy.until is None
    signed_in.post(reverse("registry:end_helper", args=[proxy.pk]))
    proxy.refresh_from_db()
    assert proxy.until is not None


def test_leaving_takes_a_yes(signed_in, resident):
    url = reverse("registry:leave")
    assert signed_in.post(url, {"reason": ""}).status_code == 422
    resident.refresh_from_db()
    assert resident.status == Resident.Status.ACTIVE
    signed_in.post(url, {"reason": "搬家", "sure": "on"})
    resident.refresh_from_db()
    assert (resident.status, resident.closed_reason) == (Resident.Status.CLOSED, "搬家")
    assert "_auth_user_id" not in signed_in.session


def test_export_holds_my_data_masked_and_nobody_elses(client, places, admin):
    mine = make_resident(places.village, "=HYPERLINK(1)", id_number="11010519491231002X")
    make_resident(places.village, "别人")
    client.force_login(mine.user, backend=BACKEND)
    body = client.get(reverse("registry:export", args=["json"])).content.decode()
    data = json.loads(body)
    assert data["person"][0]["volunteer_number"] == mine.volunteer_number
    assert data["person"][0]["id_number"] == "110***********002X"
    assert "11010519491231002X" not in body
    assert "别人" not in body
    table = b"".join(client.get(reverse("registry:export", args=["csv"])).streaming_content).decode("utf-8-sig")
    assert ["person", "1", "name", "'=HYPERLINK(1)"] in list(csv.reader(io.StringIO(table)))
    assert client.get(reverse("registry:export", args=["xml"])).status_code == 404
    assert AuditEntry.objects.filter(action="export").count() == 2


# -- Acting ------------------------------------------------------------------------------------------------------------
def test_acting_by_proxy_shows_the_name_on_every_page_and_ends(signed_in, admin, resident, elder):
    proxy = services.add_proxy(resident=elder, helper=resident.user, relation="kin", actor=admin)
    url = reverse("registry:acting")
    signed_in.post(url, {"resident": elder.pk})
    page = signed_in.get(reverse("registry:me")).content.decode()
    assert "You are acting for <strong>王奶奶</strong>" in page
    entry = AuditEntry.objects.get(action="act_for")
    assert (entry.actor, entry.on_behalf_of) == (resident.user, elder)
    services.end_proxy(proxy=proxy, actor=admin)
    assert "You are acting for" not in signed_in.get(reverse("registry:me")).content.decode()


def test_acting_for_a_stranger_is_not_found(signed_in, elder):
    assert signed_in.post(reverse("registry:acting"), {"resident": elder.pk}).status_code == 404
    assert selectors.ACTING not in signed_in.session


def test_acting_by_card_needs_the_pin_and_lasts_minutes(signed_in, admin, elder, time_machine):
    card = services.issue_card(resident=elder, actor=admin, pin="2580")
    url = reverse("registry:acting")
    assert signed_in.post(url, {"card_number": card.number, "pin": "2589"}).status_code == 422
    card.refresh_from_db()
    assert card.pin_failures == 1
    assert selectors.ACTING not in signed_in.session
    looks = PersonalRead.objects.filter(resident=elder, what="act_for")
    assert not looks.exists()
    signed_in.post(url, {"card_number": card.number, "pin": "2580"})
    assert looks.get().actor.pk == int(signed_in.session["_auth_user_id"])
    assert "王奶奶</strong>" in signed_in.get(reverse("registry:me")).content.decode()
    time_machine.move_to(timezone.now() + selectors.ACTING_BY_CARD)
    assert "王奶奶</strong>" not in signed_in.get(reverse("registry:me")).content.decode()


def test_acting_ends_when_the_card_is_blocked(signed_in, admin, elder):
    card = services.issue_card(resident=elder, actor=admin, pin="2580")
    signed_in.post(reverse("registry:acting"), {"card_number": card.number, "pin": "2580"})
    services.block_card(card=card, actor=admin)
    assert "王奶奶</strong>" not in signed_in.get(reverse("registry:me")).content.decode()


def test_acting_for_myself_again(signed_in, admin, resident, elder):
    services.add_proxy(resident=elder, helper=resident.user, relation="kin", actor=admin)
    signed_in.post(reverse("registry:acting"), {"resident": elder.pk})
    signed_in.post(reverse("registry:acting"), {"self": "1"})
    assert selectors.ACTING not in signed_in.session


# -- Cards -------------------------------------------------------------------------------------------------------------
def test_a_scanned_card_tells_no_name(client, admin, elder):
    card = services.issue_card(resident=elder, actor=admin, pin="2580")
    answer = client.get(f"/C/{card.number}/")
    assert answer.headers["Location"] == f"{reverse('registry:sign_in')}?card={card.number}"
    answer = client.get(f"/c/{card.number.lower()}/", follow=True)
    assert elder.name not in answer.content.decode()
    assert client.get("/c/AAAAAAAAAB/").status_code == 404


def test_a_card_is_printed_for_its_holder_and_its_village(client, places, admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    url = reverse("registry:card_print", args=[card.pk])
    for user, status in (
        (resident.user, 200),
        (admin, 200),
        (make_resident(places.village, "路人").user, 404),
        (make_staff("village_admin", places.sister), 404),
        (make_staff("clerk", places.village), 404),
    ):
        client.force_login(user, backend=BACKEND)
        answer = client.get(url)
        assert answer.status_code == status
        assert (card.number[:3] in answer.content.decode()) == (status == 200)


# -- Tables ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1"])
def test_a_cell_never_becomes_a_formula(text):
    assert safe_cell(text) == f"'{text}"
    assert next(iter(csv.reader(io.StringIO(list(csv_lines(["a"], [[text]]))[1], newline="")))) == [f"'{text}"]


def test_a_number_in_a_table_stays_a_number():
    assert [safe_cell(value) for value in (-3, 12, None, True)] == ["-3", "12", "", "yes"]
