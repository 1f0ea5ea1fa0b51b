from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone, translation

from marketplace.basket.models import Basket
from marketplace.basket.sweeps import SWEEPS
from marketplace.rewards import services
from marketplace.rewards.models import Redemption, Ticket
from tests.factories.rewards import counters, give, points_of
from timebank.common.sweeps import run
from timebank.ledger.services.sealing import seal_all
from timebank.registry import services as registry
from timebank.service import services as service

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(client):
    client.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


def text_of(response) -> str:
    """Return what a person reads, in one line."""
    words = re.sub(r"<(script|style|svg).*?</\1>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", words))


def confirm_form(client, path="/redeem/"):
    """Read the hidden fields that the confirm page would send."""
    page = client.get(path).content.decode()
    found = dict(re.findall(r'<input type="hidden" name="(key|basket|total)" value="([^"]+)"', page))
    assert set(found) == {"key", "basket", "total"}, text_of(client.get(path))
    return found


# -- Home --------------------------------------------------------------------------------------------------------------
def test_landing_says_what_it_is_and_shows_real_rewards(client, world):
    service.open_activity(
        team=service.create_team(name="志愿队", region=world.village, leader=world.admin, actor=world.admin),
        title="清洁村庄",
        category="clean",
        place="文化广场",
        starts_at=timezone.now() + dt.timedelta(hours=2),
        ends_at=timezone.now() + dt.timedelta(hours=4),
        capacity=10,
        actor=world.admin,
    )
    shown = text_of(client.get("/"))
    assert "Help for an hour, take home what you need" in shown
    assert "Soap" in shown
    assert "A bath" in shown
    assert "清洁村庄" in shown
    assert "辛旺庄" in shown


def test_home_tells_points_what_waits_and_what_one_can_have(client, world):
    soon = timezone.localdate() + dt.timedelta(days=12)
    give(world.sister, 300, expires_on=soon)
    world.redeem(world.sister, (world.ticket, 1))
    client.force_login(world.sister.user)
    shown = text_of(client.get("/"))
    assert "王秀英" in shown
    assert "93" in shown  # 100 + 3 − 10
    assert Ticket.objects.get().grouped_code in shown
    assert "Soap" in shown
    assert "Rice" in shown
    poor = world.resident("赵小民", points=300)
    client.force_login(poor.user)
    shown = text_of(client.get("/"))
    assert "Nothing is waiting" in shown
    assert "Not enough points for a reward yet" in shown
    assert "3 points run out soon" not in shown


def test_home_says_what_runs_out_soon(client, world):
    give(world.sister, 300, expires_on=timezone.localdate() + dt.timedelta(days=12))
    client.force_login(world.sister.user)
    assert "3 points run out soon" in text_of(client.get("/"))


def test_staff_without_residence_are_led_to_the_desk(client, world):
    client.force_login(world.clerk)
    response = client.get("/")
    assert (response.status_code, response.url) == (302, reverse("counter:desk"))


@pytest.mark.parametrize("tickets", [1, 12])
def test_home_asks_the_database_a_bounded_number_of_times(client, world, query_budget, tickets):
    give(world.sister, 10000)
    for _ in range(tickets):
        world.redeem(world.sister, (world.ticket, 1))
    client.force_login(world.sister.user)
    client.get("/")
    with query_budget(17):
        client.get("/")


# -- Confirm -----------------------------------------------------------------------------------------------------------
def test_confirm_shows_what_where_when_and_points_before_and_after(client, world):
    world.basket(world.sister, (world.soap, 2), (world.ticket, 1))
    client.force_login(world.sister.user)
    shown = text_of(client.get("/redeem/"))
    for words in (
        "Soap",
        "× 2",
        "A bath",
        "村委会东侧",
        "8:00–17:00",
        "文化广场南",
        "Redeem for 20 points",
        "80 points",
    ):
        assert words in shown


def test_confirm_redeems_once_and_leads_to_the_lasting_page(client, world):
    world.basket(world.sister, (world.soap, 2), (world.ticket, 1))
    client.force_login(world.sister.user)
    sent = confirm_form(client)
    answer = client.post("/redeem/", sent)
    redemption = Redemption.objects.get()
    assert answer.status_code == 302
    assert answer.url == reverse("rewards:redemption", args=[redemption.key])
    assert str(redemption.key) == sent["key"]
    assert points_of(world.sister) == 8000
    again = client.post("/redeem/", sent)
    assert again.url == answer.url
    assert points_of(world.sister) == 8000
    assert Redemption.objects.count() == 1
    shown = text_of(client.get(answer.url))
    for ticket in Ticket.objects.all():
        assert ticket.grouped_code in shown
    assert "80 points" in shown


def test_confirm_with_too_few_points_says_how_many_are_missing_and_keeps_the_basket(client, world):
    poor = world.resident("赵小民", points=1200)
    basket = world.basket(poor, (world.soap, 2))
    client.force_login(poor.user)
    sent = confirm_form(client)
    world.redeem(poor, (world.ticket, 1))
    answer = client.post("/redeem/", sent)
    assert answer.status_code == 409
    shown = text_of(answer)
    assert "8 points are missing" in shown
    assert 'role="alert"' in answer.content.decode()
    assert Basket.objects.get(pk=basket.pk).status == Basket.OPEN
    assert Redemption.objects.count() == 1
    assert "Redeem for" not in shown
    assert "You are 8 points short" in text_of(client.get("/redeem/"))


def test_confirm_shows_a_changed_price_and_takes_the_second_yes(client, world):
    from decimal import Decimal

    world.basket(world.sister, (world.soap, 2))
    client.force_login(world.sister.user)
    sent = confirm_form(client)
    type(world.soap).objects.filter(pk=world.soap.pk).update(price=Decimal("6.00"))
    answer = client.post("/redeem/", sent)
    assert answer.status_code == 409
    assert "the new total is 12 points" in text_of(answer)
    page = answer.content.decode()
    fresh = dict(re.findall(r'<input type="hidden" name="(key|basket|total)" value="([^"]+)"', page))
    assert fresh["key"] == sent["key"]
    assert fresh["total"] == "1200"
    assert client.post("/redeem/", fresh).status_code == 302
    assert points_of(world.sister) == 8800


def test_confirm_of_what_is_sold_out_names_it(client, world):
    world.basket(world.sister, (world.soap, 2))
    client.force_login(world.sister.user)
    sent = confirm_form(client)
    world.redeem(world.resident("钱多多", points=99000), (world.soap, 9))
    answer = client.post("/redeem/", sent)
    assert answer.status_code == 409
    assert "Only 1 left of Soap" in text_of(answer)
    assert counters(world.soap) == (10, 9)


@pytest.mark.parametrize("broken", [{"key": "x"}, {"basket": "999999"}, {"total": "-1"}, {"key": ""}])
def test_confirm_with_a_broken_form_redeems_nothing(client, world, broken):
    world.basket(world.sister, (world.soap, 1))
    client.force_login(world.sister.user)
    answer = client.post("/redeem/", {**confirm_form(client), **broken})
    assert answer.status_code == 409
    assert not Redemption.objects.exists()


def test_confirm_with_the_key_of_another_redemption_is_a_conflict(client, world):
    first = world.redeem(world.sister, (world.soap, 1))
    world.basket(world.sister, (world.ticket, 1))
    client.force_login(world.sister.user)
    answer = client.post("/redeem/", {**confirm_form(client), "key": str(first.key)})
    assert answer.status_code == 409
    assert points_of(world.sister) == 9500


def test_confirm_of_an_empty_basket_and_without_residence(client, world):
    client.force_login(world.sister.user)
    assert "Your basket is empty" in text_of(client.get("/redeem/"))
    client.force_login(world.clerk)
    assert "Only residents redeem" in text_of(client.get("/redeem/"))
    assert client.post("/redeem/", {"key": str(uuid.uuid4()), "basket": 1, "total": 0}).status_code == 200
    assert not Redemption.objects.exists()


# -- Tickets -----------------------------------------------------------------------------------------------------------
def test_ticket_page_shows_code_qr_place_and_history(client, world):
    ticket = world.redeem(world.sister, (world.ticket, 1)).tickets.get()
    client.force_login(world.sister.user)
    response = client.get(reverse("rewards:ticket", args=[ticket.code]))
    shown = text_of(response)
    for words in (ticket.grouped_code, "A bath", "文化广场南", "0631-8000002", "13:00–20:00", "Ready to collect"):
        assert words in shown
    assert "qr__svg" in response.content.decode()


def test_qr_on_the_page_says_the_upper_case_address(client, world):
    import io

    import segno
    import zxingcpp
    from PIL import Image

    ticket = world.redeem(world.sister, (world.ticket, 1)).tickets.get()
    picture = io.BytesIO()
    segno.make(ticket.qr_text, error="m", micro=False).save(picture, kind="png", scale=6)
    (found,) = zxingcpp.read_barcodes(Image.open(picture).convert("L"))
    assert found.text == f"HTTPS://SHANJI.EXAMPLE/T/{ticket.code}"
    assert segno.make(ticket.qr_text, error="m", micro=False).mode == "alphanumeric"


@pytest.mark.parametrize("path", ["/T/{code}", "/T/{code}/", "/t/{low}/"])
def test_every_spelling_of_the_address_leads_to_the_ticket(client, world, path):
    ticket = world.redeem(world.sister, (world.ticket, 1)).tickets.get()
    client.force_login(world.sister.user)
    response = client.get(path.format(code=ticket.code, low=ticket.code.lower()), follow=True)
    assert ticket.grouped_code in text_of(response)


def test_used_ticket_shows_no_qr(client, world):
    ticket = world.redeem(world.sister, (world.soap, 1)).tickets.get()
    services.hand_over(code=ticket.code, actor=world.clerk, nonce="n1")
    client.force_login(world.sister.user)
    response = client.get(reverse("rewards:ticket", args=[ticket.code]))
    assert "qr__svg" not in response.content.decode()
    assert "Handed over" in text_of(response)
    assert "店员" in text_of(response)


def test_clerk_hands_over_from_the_ticket_that_a_phone_scanned(client, world):
    ticket = world.redeem(world.sister, (world.soap, 1)).tickets.get()
    client.force_login(world.clerk)
    page = client.get(f"/T/{ticket.code}", follow=True).content.decode()
    nonce = re.search(r'name="nonce" value="([^"]+)"', page).group(1)
    answer = client.post(
        reverse("counter:scan", args=[world.shop.pk]), {"code": ticket.code, "nonce": nonce}, follow=True
    )
    assert "Hand over: Soap" in text_of(answer)
    ticket.refresh_from_db()
    assert ticket.state == "handed_over"


def test_tickets_list_keeps_open_and_done_apart(client, world):
    waiting = world.redeem(world.sister, (world.soap, 1)).tickets.get()
    done = world.redeem(world.sister, (world.rice, 1)).tickets.get()
    services.hand_over(code=done.code, actor=world.clerk, nonce="n1")
    client.force_login(world.sister.user)
    shown = text_of(client.get("/tickets/"))
    assert waiting.grouped_code in shown
    assert "Rice" not in shown
    shown = text_of(client.get("/tickets/?show=done"))
    assert "Rice" in shown
    assert waiting.grouped_code not in shown


@pytest.mark.parametrize("count", [1, 18])
def test_tickets_list_asks_the_database_equally_often(client, world, query_budget, count):
    world.redeem(world.sister, (world.ticket, 1))
    give(world.sister, 100000)
    for _ in range(count - 1):
        world.redeem(world.sister, (world.ticket, 1))
    client.force_login(world.sister.user)
    client.get("/tickets/")
    with query_budget(6):
        client.get("/tickets/")


def test_cancel_asks_once_then_gives_everything_back(client, world):
    ticket = world.redeem(world.sister, (world.soap, 2)).tickets.get()
    client.force_login(world.sister.user)
    path = reverse("rewards:cancel", args=[ticket.code])
    assert "10 points go back" in text_of(client.get(path))
    ticket.refresh_from_db()
    assert ticket.state == "issued"
    answer = client.post(path, follow=True)
    assert "10 points are back" in text_of(answer)
    assert points_of(world.sister) == 10000
    again = client.post(path)
    assert again.status_code == 409
    assert points_of(world.sister) == 10000


def test_cancel_of_a_whole_redemption_by_page(client, world):
    redemption = world.redeem(world.sister, (world.soap, 1), (world.ticket, 1))
    client.force_login(world.sister.user)
    client.post(reverse("rewards:cancel_all", args=[redemption.key]))
    redemption.refresh_from_db()
    assert redemption.state == "cancelled"
    assert "Cancelled" in text_of(client.get(reverse("rewards:redemption", args=[redemption.key])))


def test_clerk_cancels_only_with_a_reason(client, world):
    ticket = world.redeem(world.sister, (world.soap, 1)).tickets.get()
    client.force_login(world.clerk)
    path = reverse("rewards:cancel", args=[ticket.code])
    assert client.post(path, {"reason": ""}).status_code == 422
    ticket.refresh_from_db()
    assert ticket.state == "issued"
    assert client.post(path, {"reason": "破损"}).status_code == 302
    ticket.refresh_from_db()
    assert ticket.state == "cancelled"


def test_card_holder_is_acted_for_by_a_helper_through_the_whole_path(client, world):
    grandmother = world.resident("周奶奶", points=2000, sign_in=False)
    nephew = world.resident("周强")
    registry.add_proxy(resident=grandmother, helper=nephew.user, relation="kin", actor=None)
    client.force_login(nephew.user)
    client.post("/acting/", {"resident": grandmother.pk, "do": "proxy"})
    session = client.session
    session["acting"] = {"resident": grandmother.pk, "by": "proxy"}
    session.save()
    # K3: what the nephew wants for himself lies in his own basket, and stays there.
    own = world.basket(nephew, (world.ticket, 2))
    assert client.post(reverse("basket:line", args=[own.lines.get().pk]), {"quantity": 5}).status_code == 404
    client.post(reverse("basket:add", args=[world.ticket.product_id]), {"quantity": 1})
    answer = client.post("/redeem/", confirm_form(client), follow=True)
    assert points_of(grandmother) == 1000
    redemption = Redemption.objects.get()
    assert (redemption.resident, redemption.actor) == (grandmother, nephew.user)
    assert "周强" in text_of(answer)
    assert redemption.tickets.get().grouped_code in text_of(client.get("/tickets/"))
    assert [line.quantity for line in own.lines.all()] == [2]
    client.post(reverse("basket:add", args=[world.ticket.product_id]), {"quantity": 1})  # hers again, not redeemed
    client.post("/acting/", {"self": "1"})
    assert [row.line.quantity for row in client.get(reverse("basket:summary")).context["summary"].rows] == [2]
    left = Basket.objects.get(owner=None, status="Open")
    assert run(SWEEPS[0]).handled == 0
    Basket.objects.filter(pk=left.pk).update(date_created=timezone.now() - dt.timedelta(days=16))
    assert run(SWEEPS[0]).handled == 1
    assert own.lines.count() == 1


def test_a_sealed_line_has_a_receipt_that_the_public_page_confirms(client, world):
    world.redeem(world.sister, (world.soap, 1))
    client.force_login(world.sister.user)
    assert "receipt.json" not in client.get("/me/points/").text
    seal_all()
    links = re.findall(r'href="(/me/points/\d+/receipt.json)"', client.get("/me/points/").text)
    assert links
    file = client.get(links[0])
    assert "attachment" in file["Content-Disposition"]
    answer = client.post(reverse("ledger:verify"), {"receipt": SimpleUploadedFile("r.json", file.content)})
    assert "This receipt is genuine" in text_of(answer)
    forged = file.content.replace(b"redeem", b"gift", 1)
    answer = client.post(reverse("ledger:verify"), {"receipt": SimpleUploadedFile("r.json", forged)})
    assert "This receipt is genuine" not in text_of(answer)
    client.force_login(world.resident("别人").user)  # another's line is nobody else's to take
    assert client.get(links[0]).status_code == 404


# -- Statement ---------------------------------------------------------------------------------------------------------
def test_statement_says_why_on_every_line(client, world):
    redemption = world.redeem(world.sister, (world.soap, 2), (world.ticket, 1))
    services.cancel_ticket(ticket=redemption.tickets.get(kind="service"), actor=world.sister.user)
    client.force_login(world.sister.user)
    response = client.get("/me/points/")
    shown = text_of(response)
    assert "Soap × 2, A bath" in shown
    assert "Credit shop, Bath house" in shown
    assert "Given back: A bath" in shown
    assert "The ticket was cancelled." in shown
    assert "until 31 Dec 2031" in shown
    assert reverse("rewards:redemption", args=[redemption.key]) in response.content.decode()
    assert shown.count("Redeemed at") == 1


def test_statement_turns_pages_by_key(client, world):
    for number in range(34):
        give(world.sister, 100 + number)
    client.force_login(world.sister.user)
    first = client.get("/me/points/")
    older = re.search(r"/me/points/\?before=(\d+)", first.content.decode()).group(0)
    second = client.get(older)
    assert text_of(first).count("Points for service") == 30
    assert text_of(second).count("Points for service") == 5
    assert "Newer" in text_of(second)
    assert client.get("/me/points/?before=abc").status_code == 200


@pytest.mark.parametrize("count", [1, 25])
def test_statement_asks_the_database_equally_often(client, world, query_budget, count):
    for _ in range(count):
        give(world.sister, 2000)
        world.redeem(world.sister, (world.ticket, 1))
    client.force_login(world.sister.user)
    client.get("/me/points/")
    with query_budget(10):
        client.get("/me/points/")


# -- Doors -------------------------------------------------------------------------------------------------------------
def test_strangers_see_nothing_of_others(client, world):
    redemption = world.redeem(world.sister, (world.soap, 1))
    ticket = redemption.tickets.get()
    paths = [
        reverse("rewards:ticket", args=[ticket.code]),
        reverse("rewards:cancel", args=[ticket.code]),
        reverse("rewards:redemption", args=[redemption.key]),
        reverse("rewards:cancel_all", args=[redemption.key]),
    ]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.url.startswith("/sign-in/")
    for stranger in (world.resident("李桂兰").user, world.bath_clerk, world.keeper):
        client.force_login(stranger)
        for path in paths:
            assert client.get(path).status_code == 404
            assert client.post(path).status_code in {404, 405}
    ticket.refresh_from_db()
    assert ticket.state == "issued"


def test_pages_speak_chinese(client, world):
    client.cookies["django_language"] = "zh-hans"
    ticket = world.redeem(world.sister, (world.soap, 1), (world.ticket, 1)).tickets.first()
    world.basket(world.sister, (world.ticket, 1))
    client.force_login(world.sister.user)
    assert "我的券" in text_of(client.get("/tickets/"))
    assert "兑换" in text_of(client.get("/redeem/"))
    assert "香皂" in text_of(client.get(reverse("rewards:ticket", args=[ticket.code])))
