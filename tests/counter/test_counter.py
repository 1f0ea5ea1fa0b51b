from __future__ import annotations

import re
import uuid

import pytest
from django.urls import reverse
from django.utils import translation

from marketplace.catalogue.services import index_product
from marketplace.rewards import services
from marketplace.rewards.models import Redemption, Scan, Ticket
from tests.factories.rewards import PIN, counters, points_of
from tests.rewards.test_pages import text_of
from timebank.registry import services as registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(client):
    client.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


def at(name, world, *args):
    return reverse(f"counter:{name}", args=[world.shop.pk, *args])


def ticket_of(world, record=None, quantity=1):
    return world.redeem(world.sister, (record or world.soap, quantity)).tickets.get()


def send(client, world, code, nonce=None):
    return client.post(at("scan", world), {"code": code, "nonce": nonce or str(uuid.uuid4())}, follow=True)


# -- Choosing ----------------------------------------------------------------------------------------------------------
def test_desk_lists_the_counters_of_a_village_clerk_and_skips_a_single_one(client, world):
    client.force_login(world.clerk)
    shown = text_of(client.get(reverse("counter:desk")))
    assert "Credit shop" in shown
    assert "Bath house" in shown
    client.force_login(world.bath_clerk)
    assert client.get(reverse("counter:desk")).url == reverse("counter:scan", args=[world.bath.pk])
    assert client.get(reverse("counter:desk"), {"card": "ABCDEFGH79"}).url.endswith("card/?card=ABCDEFGH79")


def test_who_serves_nowhere_is_told_so(client, world):
    client.force_login(world.sister.user)
    assert "You serve at no counter" in text_of(client.get(reverse("counter:desk")))


# -- Waiting -----------------------------------------------------------------------------------------------------------
def test_what_waits_is_found_by_name_telephone_thing_and_pinyin_without_its_code(client, world):
    ticket = ticket_of(world)
    index_product(product=world.soap.product)
    client.force_login(world.clerk)
    everything = text_of(client.get(at("waiting", world)))
    assert ticket.resident.name in everything
    assert ticket.grouped_code not in everything
    assert ticket.code not in everything
    for typed in ("王秀英", " 秀 英", ticket.resident.phone[-4:], "soap", "SOAP", "xiangz", "xz"):
        assert ticket.resident.name in text_of(client.get(at("waiting", world), {"q": typed})), typed
    for typed in ("李四", "9876", ticket.resident.phone[-3:], ticket.code, "²"):
        assert ticket.resident.name not in text_of(client.get(at("waiting", world), {"q": typed})), typed


def test_what_waits_at_another_counter_or_is_handed_over_is_not_listed(client, world):
    ticket = ticket_of(world)
    client.force_login(world.bath_clerk)
    assert client.get(at("waiting", world)).status_code == 404
    shown = text_of(client.get(reverse("counter:waiting", args=[world.bath.pk])))
    assert ticket.resident.name not in shown
    services.hand_over(code=ticket.code, actor=world.admin, nonce="n1")
    client.force_login(world.clerk)
    assert "Nothing to collect" in text_of(client.get(at("waiting", world)))


@pytest.mark.parametrize("count", [1, 30])
def test_waiting_page_asks_the_database_equally_often(client, world, query_budget, count):
    index_product(product=world.soap.product)
    first = ticket_of(world)
    copies = [Ticket(**{f.attname: getattr(first, f.attname) for f in Ticket._meta.fields if f.attname != "id"})]
    for number in range(count - 1):
        copies[0].code = f"{first.code[:-2]}{number:02d}"
        copies[0].pk = None
        copies[0].save(force_insert=True)
    client.force_login(world.clerk)
    client.get(at("waiting", world))
    with query_budget(7):
        page = client.get(at("waiting", world), {"q": "soap"})
    assert page.content.decode().count("Soap") >= count


# -- Scan --------------------------------------------------------------------------------------------------------------
def test_scan_hands_over_and_a_reload_shows_the_same(client, world):
    ticket = ticket_of(world, quantity=2)
    client.force_login(world.clerk)
    nonce = re.search(r'name="nonce" value="([^"]+)"', client.get(at("scan", world)).content.decode()).group(1)
    answer = client.post(at("scan", world), {"code": f"  {ticket.code[:5]} {ticket.code[5:].lower()}", "nonce": nonce})
    assert answer.status_code == 302
    for _ in range(2):
        shown = client.get(answer.url)
        assert "Hand over: Soap × 2" in text_of(shown)
        assert "王秀英" in text_of(shown)
        assert 'data-result="good"' in shown.content.decode()
    assert counters(world.soap) == (8, 0)
    again = client.post(at("scan", world), {"code": ticket.code, "nonce": nonce}, follow=True)
    assert 'data-result="good"' in again.content.decode()
    assert Scan.objects.count() == 1


def test_scan_says_who_used_it_and_when(client, world):
    ticket = ticket_of(world)
    services.hand_over(code=ticket.code, actor=world.admin, nonce="n1")
    client.force_login(world.clerk)
    answer = send(client, world, ticket.qr_text)
    assert 'data-result="warn"' in answer.content.decode()
    assert "by 村管理员" in text_of(answer)
    assert "Do not hand over again" in text_of(answer)
    assert counters(world.soap) == (9, 0)


def test_scan_of_another_counters_ticket_shows_the_way(client, world):
    ticket = ticket_of(world, world.ticket)
    client.force_login(world.clerk)
    answer = send(client, world, ticket.code)
    assert "This ticket is for Bath house." in text_of(answer)
    assert reverse("counter:scan", args=[world.bath.pk]) in answer.content.decode()
    ticket.refresh_from_db()
    assert ticket.state == "issued"


@pytest.mark.parametrize("code", ["ABCDEFGHJK", "<script>alert(1)</script>", "你好", "x" * 500])
def test_scan_of_nonsense_is_refused_in_red(client, world, code):
    client.force_login(world.clerk)
    answer = send(client, world, code)
    assert 'data-result="bad"' in answer.content.decode()
    assert "No such ticket" in text_of(answer)
    assert "<script>alert" not in answer.content.decode()


def test_cancelled_and_expired_tickets_are_red(client, world):
    import datetime as dt

    from django.utils import timezone

    client.force_login(world.clerk)
    cancelled = ticket_of(world)
    services.cancel_ticket(ticket=cancelled, actor=world.sister.user)
    assert "cancelled it" in text_of(send(client, world, cancelled.code))
    late = world.redeem(world.sister, (world.soap, 1), now=timezone.now() - dt.timedelta(days=99)).tickets.get()
    answer = send(client, world, late.code)
    assert "It was good until" in text_of(answer)
    assert 'data-result="bad"' in answer.content.decode()
    assert counters(world.soap) == (10, 1)


def test_undo_button_brings_the_ticket_back(client, world):
    ticket = ticket_of(world)
    client.force_login(world.clerk)
    page = send(client, world, ticket.code).content.decode()
    assert at("undo", world, ticket.code) in page
    answer = client.post(at("undo", world, ticket.code), follow=True)
    assert "is open again" in text_of(answer)
    ticket.refresh_from_db()
    assert ticket.state == "issued"
    assert counters(world.soap) == (10, 1)
    refused = client.post(at("undo", world, ticket.code), follow=True)
    assert "not open any more" in text_of(refused)
    client.force_login(world.admin)
    page = client.get(at("scan", world)).content.decode()
    assert at("undo", world, ticket.code) not in page


def test_undo_of_another_clerks_hand_over_is_refused(client, world):
    ticket = ticket_of(world)
    services.hand_over(code=ticket.code, actor=world.admin, nonce="n1")
    client.force_login(world.clerk)
    client.post(at("undo", world, ticket.code))
    ticket.refresh_from_db()
    assert ticket.state == "handed_over"


def test_today_lists_what_was_handed_over_with_its_sum(client, world):
    ticket = ticket_of(world, quantity=2)
    services.hand_over(code=ticket.code, actor=world.clerk, nonce="n1", partner=world.shop)
    client.force_login(world.clerk)
    shown = text_of(client.get(at("today", world)))
    assert "1 ticket handed over today, 10 points" in shown
    assert ticket.grouped_code in shown
    assert "店员" in shown


@pytest.mark.parametrize("count", [1, 12])
def test_scan_page_asks_the_database_equally_often(client, world, query_budget, count):
    for number in range(count):
        ticket = ticket_of(world)
        if number < 9:
            services.hand_over(code=ticket.code, actor=world.clerk, nonce=f"n{number}", partner=world.shop)
        if number == 9:
            break
    client.force_login(world.clerk)
    client.get(at("scan", world))
    with query_budget(8):
        client.get(at("scan", world))


# -- Card sale ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def card(world):
    return registry.issue_card(resident=world.sister, actor=world.admin, pin=PIN)


def do(client, world, what, **fields):
    return client.post(at("sale", world), {"do": what, **fields}, follow=True)


def hidden(page):
    return dict(re.findall(r'<input type="hidden" name="(key|total)" value="([^"]+)"', page.content.decode()))


def test_card_sale_walks_from_card_to_slip(client, world, card):
    client.force_login(world.clerk)
    assert "Scan the card" in text_of(client.get(at("sale", world)))
    page = do(client, world, "card", card=f"HTTPS://SHANJI.EXAMPLE/C/{card.number}/")
    assert "王秀英" in text_of(page)
    assert "100 points" in text_of(page)
    page = do(client, world, "add", code=world.soap.product.upc)
    page = do(client, world, "add", code=world.soap.partner_sku.lower())
    assert "Sell for 10 points" in text_of(page)
    page = do(client, world, "set", record=world.rice.pk, quantity=1)
    page = do(client, world, "set", record=world.rice.pk, quantity=0)
    assert "Sell for 10 points" in text_of(page)
    sent = {**hidden(page), "pin": PIN, "brought_by": "侄子王强"}
    page = do(client, world, "pay", **sent)
    sale = Redemption.objects.get()
    assert page.redirect_chain[-1][0] == at("receipt", world, sale.key)
    shown = text_of(page)
    for words in ("Sold and handed over", "Soap × 2", "侄子王强", "90 points", "店员", sale.tickets.get().grouped_code):
        assert words in shown
    assert (sale.state, sale.brought_by) == ("handed_over", "侄子王强")
    assert counters(world.soap) == (8, 0)
    again = do(client, world, "pay", **sent)
    assert again.redirect_chain[-1][0] == at("receipt", world, sale.key)
    assert Redemption.objects.count() == 1
    assert "Scan the card" in text_of(client.get(at("sale", world)))


def test_card_sale_undone_from_the_slip(client, world, card):
    client.force_login(world.clerk)
    do(client, world, "card", card=card.number)
    page = do(client, world, "set", record=world.soap.pk, quantity=1)
    do(client, world, "pay", **hidden(page), pin=PIN)
    sale = Redemption.objects.get()
    page = client.post(at("undo_sale", world, sale.key), follow=True)
    assert "Sale undone" in text_of(page)
    assert points_of(world.sister) == 10000
    assert counters(world.soap) == (10, 0)


def test_wrong_pin_keeps_the_slip_and_never_shows_what_was_typed(client, world, card):
    client.force_login(world.clerk)
    do(client, world, "card", card=card.number)
    page = do(client, world, "set", record=world.soap.pk, quantity=3)
    page = do(client, world, "pay", **hidden(page), pin="1379", brought_by="王强")
    assert page.status_code == 409 or page.status_code in {400, 403, 422}
    assert "1379" not in page.content.decode()
    assert "王强" in page.content.decode()
    assert "Sell for 15 points" in text_of(page)
    assert not Redemption.objects.exists()
    card.refresh_from_db()
    assert card.pin_failures == 1
    page = do(client, world, "pay", **hidden(page), pin=PIN)
    assert Redemption.objects.get().total_points == 1500


def test_a_card_in_the_field_of_tickets_opens_the_sale(client, world, card):
    client.force_login(world.clerk)
    for typed in (card.number, f" {card.number.lower()} "):
        answer = client.post(at("scan", world), {"code": typed, "nonce": str(uuid.uuid4())})
        assert answer["Location"] == f"{at('sale', world)}?card={card.number}"
    assert not Scan.objects.filter(code__contains=card.number).exists()
    registry.block_card(card=card, actor=world.admin, reason="丢失")
    assert "n=" in client.post(at("scan", world), {"code": card.number, "nonce": str(uuid.uuid4())})["Location"]


def test_unknown_and_blocked_cards_are_refused_with_a_sentence(client, world, card):
    client.force_login(world.clerk)
    page = do(client, world, "card", card="ABCDEFGH79")
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode()
    do(client, world, "card", card=card.number)
    registry.block_card(card=card, actor=world.admin, reason="丢失")
    assert "Scan the card" in text_of(client.get(at("sale", world)))


def test_card_sale_beyond_points_and_stock_is_stopped_before_the_pin(client, world, card):
    client.force_login(world.clerk)
    do(client, world, "card", card=card.number)
    page = do(client, world, "set", record=world.rice.pk, quantity=3)
    assert "Not enough points for all of it" in text_of(page)
    assert 'name="pin"' not in page.content.decode()
    do(client, world, "set", record=world.rice.pk, quantity=0)
    page = do(client, world, "set", record=world.soap.pk, quantity=11)
    assert "can't be sold as it stands" in text_of(page)
    assert 'name="pin"' not in page.content.decode()


def test_search_on_the_sale_page_finds_by_name(client, world, card):
    from marketplace.catalogue.services import index_product

    for record in (world.soap, world.rice):
        index_product(product=record.product)
    client.force_login(world.clerk)
    do(client, world, "card", card=card.number)
    page = do(client, world, "add", code="大米")
    assert "Rice" in text_of(page)
    assert "Soap" not in text_of(page)
    assert "Nothing here is called" in text_of(do(client, world, "add", code="没有的东西"))


@pytest.mark.parametrize("broken", [{"pin": ""}, {"key": "x"}, {"total": "abc"}, {"pin": "12345678"}])
def test_broken_payment_sells_nothing(client, world, card, broken):
    client.force_login(world.clerk)
    do(client, world, "card", card=card.number)
    page = do(client, world, "set", record=world.soap.pk, quantity=1)
    answer = do(client, world, "pay", **{**hidden(page), "pin": PIN, **broken})
    assert answer.status_code == 422
    assert not Redemption.objects.exists()
    assert points_of(world.sister) == 10000


def test_odd_steps_and_numbers_change_nothing(client, world, card):
    client.force_login(world.clerk)
    do(client, world, "card", card=card.number)
    for fields in (
        {"record": "x", "quantity": "1"},
        {"record": "1", "quantity": "x"},
        {"record": "99999", "quantity": 5},
    ):
        assert do(client, world, "set", **fields).status_code == 200
    assert do(client, world, "dance").status_code == 200
    assert "Nothing on the slip yet" in text_of(client.get(at("sale", world)))


# -- Doors -------------------------------------------------------------------------------------------------------------
def test_counter_is_closed_to_everybody_else(client, world, card):
    ticket = ticket_of(world)
    sale = services.card_sale(
        card_number=card.number,
        pin=PIN,
        lines=[(world.soap.pk, 1)],
        key=uuid.uuid4(),
        actor=world.clerk,
        partner=world.shop,
    )
    doors = [
        ("get", at("scan", world)),
        ("post", at("scan", world)),
        ("get", at("today", world)),
        ("post", at("undo", world, sale.tickets.get().code)),
        ("get", at("sale", world)),
        ("post", at("sale", world)),
        ("get", at("receipt", world, sale.key)),
        ("post", at("undo_sale", world, sale.key)),
    ]
    for method, path in doors:
        answer = getattr(client, method)(path, {"code": ticket.code, "nonce": "n"})
        assert answer.status_code == 302, path
        assert answer.url.startswith("/sign-in/")
    for stranger in (
        world.bath_clerk,
        world.sister.user,
        world.keeper,
        world.staff("外村", "clerk", region=world.other_village),
    ):
        client.force_login(stranger)
        for method, path in doors:
            answer = getattr(client, method)(
                path, {"code": ticket.code, "nonce": "n", "do": "card", "card": card.number}
            )
            assert answer.status_code == 404, (stranger, path)
    ticket.refresh_from_db()
    assert ticket.state == "issued"
    assert set(Ticket.objects.values_list("state", flat=True)) == {"issued", "handed_over"}
    assert not Scan.objects.exists()


def test_slip_of_another_counter_is_not_shown(client, world):
    redemption = world.redeem(world.sister, (world.ticket, 1))
    client.force_login(world.clerk)
    assert client.get(at("receipt", world, redemption.key)).status_code == 404
    assert client.post(at("undo_sale", world, redemption.key)).status_code == 404
    assert client.get(at("receipt", world, uuid.uuid4())).status_code == 404


def test_undo_is_by_post_only(client, world):
    ticket = ticket_of(world)
    client.force_login(world.clerk)
    assert client.get(at("undo", world, ticket.code)).status_code == 405
