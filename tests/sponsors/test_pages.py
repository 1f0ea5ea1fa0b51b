"""Pages of sponsors: forms in both languages, once for a double tap, with steady statements."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.funds.models import Commitment
from marketplace.funds.selectors import equation
from marketplace.payments.models import Payment
from marketplace.payments.services import by_hand
from marketplace.sponsors.models import Agreement, Claim, Delivery, Enterprise, Need, Pledge, Receipt
from marketplace.sponsors.services import enterprises, papers
from tests.factories.funds import left
from tests.factories.rewards import PASSWORD, next_phone
from tests.factories.sponsors import Giving, next_code, soon
from timebank.common.models import Event
from timebank.messages.selectors import inbox, show
from timebank.messages.services import deliver
from timebank.registry.models import Organisation, User


@pytest.fixture
def go(client: Any) -> Any:
    """Return ``go(user, name, *args, act=…, **fields)``: ask for a page, or send one of its forms."""

    def ask(user: Any, page: str, /, *args: Any, act: str = "", files: Any = None, **fields: Any) -> Any:
        client.logout()
        if user is not None:
            client.force_login(User.objects.get(pk=user.pk))
        url = reverse(f"sponsors:{page}", args=args)
        if not act:
            return client.get(url, fields)
        return client.post(
            url, {"act": act, **{f"{act}-{key}": value for key, value in fields.items()}, **(files or {})}
        )

    return ask


def test_an_enterprise_gives_soap_from_application_to_receipt(giving: Giving, go: Any, client: Any) -> None:
    """The whole way of step 1 by forms: apply, approve, promise, accept, announce, count, value, receipt, agreement."""
    number = next_phone()
    facts = {
        "name": "新发地粮油",
        "uscc": next_code(),
        "region": giving.world.town.pk,
        "contact_name": "赵经理",
        "contact_phone": number,
        "password": PASSWORD,
    }
    assert go(None, "apply", act="apply", **facts)["Location"] == reverse("sponsors:home")
    sponsor = Enterprise.objects.get(organisation__name="新发地粮油")
    giver, town, keeper = User.objects.get(phone=number), giving.money.town, giving.money.keeper
    assert "镇里已收到申请" in go(giver, "home").content.decode()
    assert go(town, "organisation", sponsor.organisation_id, act="accept").status_code == 302
    promised = {"kind": "goods", "nature": "donation", "fund": giving.fund.pk, "text": "香皂", "units": 40}
    assert go(giver, "new_pledge", act="new", due_on=soon(), **promised).status_code == 302
    pledge = Pledge.objects.get(text="香皂")
    assert go(keeper, "desk_pledge", pledge.pk, act="accept").status_code == 302
    assert go(giver, "pledge", pledge.pk, act="deliver", units=40, expected_on=soon(2)).status_code == 302
    delivery = Delivery.objects.get()
    stock = {"stockrecord": giving.world.soap.pk, "units": 40}
    assert go(giving.world.keeper, "delivery", delivery.pk, act="count", **stock).status_code == 302
    proof = {"evidence": "invoice", "value": "200.50", "evidence_text": "No. 7"}
    scan = {"value-file": SimpleUploadedFile("i.pdf", b"%PDF-1.7 x", "application/pdf")}
    assert go(keeper, "delivery", delivery.pk, act="value", files=scan, **proof).status_code == 302
    receipt = Receipt.objects.get()
    assert (receipt.fen, receipt.giver) == (20050, "新发地粮油")
    for user in (giver, keeper):
        answer = go(user, "receipt", receipt.pk)
        assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert go(giver, "pledge", pledge.pk, act="agreement").status_code == 302
    agreement = Agreement.objects.get()
    signed = {"sign-file": SimpleUploadedFile("s.png", b"\x89PNG\r\n\x1a\n000", "image/png")}
    assert go(giver, "pledge", pledge.pk, act="sign", files=signed).status_code == 302
    answer = go(keeper, "signed", agreement.pk, "sponsor")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert go(giver, "year", receipt.year).content.startswith(b"%PDF-")
    # each step was told to the sponsor's people, and each message leads to its page
    steps = ["sponsor_accepted", "pledge_accepted", "delivery_counted", "receipt_issued"]
    events = [
        event for event in Event.objects.filter(kind__in=steps).order_by("pk") if f"user:{giver.pk}" in event.recipients
    ]
    assert [event.kind for event in events] == steps
    for event in events:
        assert event.recipients == [f"user:{giver.pk}"]
        deliver(event)
    shown = [show(message) for message in inbox(giver)]
    assert all(item.text and item.url for item in shown)
    assert "200.50" in shown[0].text


def test_a_need_is_claimed_and_its_money_promised_by_forms(giving: Giving, go: Any) -> None:
    admin = giving.world.admin
    facts = {
        "title": "修缮浴室",
        "region": giving.world.village.pk,
        "text": "漏水",
        "target": "老人",
        "budget": "1000",
        "deadline": soon(),
    }
    assert go(admin, "new_need", act="new", **facts).status_code == 302
    need = Need.objects.get()
    assert go(None, "need", need.pk).status_code == 404  # a draft
    assert go(admin, "desk_need", need.pk, act="publish").status_code == 302
    page = go(None, "needs").content.decode()
    assert "修缮浴室" in page
    assert "不是公开募捐" in page
    assert "付款</" not in page
    assert 'name="act"' not in go(None, "need", need.pk).content.decode()  # nothing to press for strangers
    assert go(giving.giver, "need", need.pk, act="claim", wished_name="晨光").status_code == 302
    claim = Claim.objects.get()
    assert go(admin, "desk_need", need.pk, act=f"grant{claim.pk}", shown_name="晨光食品").status_code == 302
    assert "由晨光食品认领" in go(None, "board").content.decode()
    money = {"nature": "sponsorship", "amount": "1000", "due_on": soon()}
    assert go(giving.giver, "need_pledge", need.pk, act="new", **money).status_code == 302
    assert Pledge.objects.get().need == need
    other = giving.another()
    assert go(other.applied_by, "need_pledge", need.pk).status_code == 404


def test_a_double_tap_promises_once(giving: Giving, go: Any) -> None:
    promised = {"kind": "money", "nature": "donation", "fund": giving.fund.pk, "text": "洗浴", "amount": "1000"}
    for _tap in range(2):
        sent = go(giving.giver, "new_pledge", act="new", due_on=soon(), idempotency_key="k" * 32, **promised)
        assert sent.status_code == 302
    assert Pledge.objects.count() == 1
    changed = promised | {"amount": "2000"}
    assert (
        go(giving.giver, "new_pledge", act="new", due_on=soon(), idempotency_key="k" * 32, **changed).status_code == 422
    )


def test_wrong_input_is_said_at_its_field(giving: Giving, go: Any) -> None:
    wrong = {"kind": "money", "nature": "donation", "fund": giving.fund.pk, "text": "洗浴", "amount": "多"}
    answer = go(giving.giver, "new_pledge", act="new", due_on=dt.date(2020, 1, 1), **wrong)
    assert answer.status_code == 422
    assert "请这样写金额" in answer.content.decode()
    assert go(giving.giver, "new_pledge", act="made_up").status_code == 403


def test_strangers_see_nothing_of_a_sponsor(giving: Giving, go: Any) -> None:
    pledge = giving.pledge()
    receipt = papers.issue_receipt(pledge=pledge, source="payment:1", fen=5, text="款", actor=None)
    agreement = papers.make_agreement(pledge=pledge, actor=giving.giver)
    other = giving.another().applied_by
    for name, key in (("pledge", pledge), ("receipt", receipt), ("agreement", agreement), ("desk_pledge", pledge)):
        assert go(other, name, key.pk).status_code == 404
    assert go(other, "pledge", pledge.pk, act="withdraw").status_code == 404
    assert go(other, "signed", agreement.pk, "sponsor").status_code == 404


def test_an_invited_colleague_comes_in(giving: Giving, go: Any) -> None:
    number = next_phone()
    assert go(giving.giver, "team", act="invite", phone=number).status_code == 302
    invitation = giving.sponsor.organisation.invitations.get()
    assert str(invitation.code) in go(giving.giver, "team").content.decode()
    assert go(None, "invited", invitation.code, act="join", name="同事", password=PASSWORD).status_code == 302
    user = User.objects.get(phone=number)
    assert go(user, "home").status_code == 200
    assert go(None, "invited", invitation.code).status_code == 404


PAGES = (
    ("town", "organisations"),
    ("town", "new_organisation"),
    ("admin", "desk_needs"),
    ("keeper", "desk_pledges"),
    ("stock", "deliveries"),
    ("giver", "home"),
    ("giver", "impact"),
    ("giver", "team"),
    ("giver", "profile"),
    ("giver", "new_pledge"),
    (None, "needs"),
    (None, "board"),
    (None, "booklet"),
    (None, "thanks"),
    (None, "apply"),
)


def person_of(giving: Giving, who: str | None) -> Any:
    people = {
        "town": giving.money.town,
        "admin": giving.world.admin,
        "keeper": giving.money.keeper,
        "stock": giving.world.keeper,
        "giver": giving.giver,
    }
    return people[who] if who else None


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(("who", "name"), PAGES)
def test_every_page_stands_in_both_languages(
    giving: Giving, go: Any, client: Any, who: str | None, name: str, language: str
) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    answer = go(person_of(giving, who), name)
    assert answer.status_code == 200
    assert (language == "en") == ('<html lang="en"' in answer.content.decode())


LISTS = [page for page in PAGES if page[1] not in {"new_organisation", "profile", "new_pledge", "apply", "team"}]


@pytest.mark.parametrize(("who", "name"), LISTS)
def test_lists_cost_the_same_for_one_and_for_thirty(giving: Giving, go: Any, who: str | None, name: str) -> None:
    def cost() -> int:
        go(person_of(giving, who), name)  # what is asked once in a process
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert go(person_of(giving, who), name).status_code == 200
        return len(queries)

    enterprises.set_thanks(enterprise=giving.sponsor, actor=giving.giver, on_wall=True)
    giving.counted()
    giving.need()
    one = cost()
    for number in range(15):
        giving.counted(units=2)
        giving.granted(giving.need()) if number < 5 else giving.need()
        Organisation.objects.create(name=f"店{number}", kind="merchant", region=giving.world.village, status="active")
    assert cost() == one


def test_the_reward_and_the_ticket_name_the_sponsor_until_it_withdraws(giving: Giving, client: Any) -> None:
    delivery = giving.counted()
    soap, sister = giving.world.soap, giving.world.sister
    ticket = giving.world.redeem(sister, (soap, 1)).tickets.get()
    Commitment.objects.update_or_create(
        ticket_id=ticket.pk,
        defaults={
            "fund": giving.fund,
            "kind": "stock",
            "stockrecord": soap,
            "partner": soap.partner,
            "product": soap.product,
            "village": giving.world.village,
            "donor": delivery.batch.donor,
        },
    )
    client.force_login(sister.user)
    pages = (soap.product.get_absolute_url(), reverse("rewards:ticket", args=[ticket.code]))
    for page in pages:
        assert "由晨光食品捐赠" in client.get(page).content.decode()
    enterprises.withdraw_name(enterprise=giving.sponsor, actor=giving.giver)
    for page in pages:
        assert "晨光" not in client.get(page).content.decode()


def test_a_transfer_confirmed_by_two_fulfils_the_pledge(giving: Giving, go: Any, settings: Any) -> None:
    """Without keys: bank transfer; ten clicks are one payment; the purpose holds the money, the receipt is written."""
    settings.STRIPE_SECRET_KEY = ""
    pledge = giving.pledge(restricted=True)
    assert "银行转账" in go(giving.giver, "pay", pledge.pk).content.decode()
    for _click in range(3):
        assert go(giving.giver, "pay", pledge.pk, act="transfer").status_code == 302
    payment = Payment.objects.get()
    by_hand.record_transfer(payment=payment, received_on=dt.date(2026, 1, 5), actor=giving.money.keeper)
    by_hand.confirm_transfer(payment=payment, actor=giving.money.town)
    pledge.refresh_from_db()
    assert (pledge.state, pledge.received_fen, left(giving.fund, pledge.purpose)) == ("fulfilled", 100000, 100000)
    assert Receipt.objects.get().source == f"payment:{payment.pk}"
    assert go(giving.giver, "pay", pledge.pk).status_code == 404  # nothing is missing
    assert list(equation.differences()) == []
