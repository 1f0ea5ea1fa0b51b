"""Needs, claims, pledges, deliveries, receipts, agreements."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from marketplace.funds import posting
from marketplace.funds.errors import BadAmount, BadFile, EvidenceMissing, RelatedParty
from marketplace.funds.models import ServiceGift
from marketplace.funds.selectors import equation
from marketplace.partner import services as partners
from marketplace.sponsors import errors, panels, pdf
from marketplace.sponsors import papers as paper_files
from marketplace.sponsors.models import Need, Pledge, Receipt
from marketplace.sponsors.money import PledgeSource
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import deliveries, needs, papers, pledges
from tests.factories.rewards import counters
from tests.factories.sponsors import Giving, soon
from timebank.common import sweeps
from timebank.common.errors import NotFound, ReasonMissing, SamePerson, WrongState
from timebank.common.models import Event
from timebank.registry.errors import NotAllowed

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


# -- Needs and claims --------------------------------------------------------------------------------------------------
def test_a_need_goes_from_draft_to_reported(giving: Giving) -> None:
    need = giving.need(published=False)
    with pytest.raises(NotFound):
        parties.public_need(need.pk)
    with pytest.raises(NotAllowed):
        needs.publish_need(need=need, actor=giving.giver)
    needs.publish_need(need=need, actor=giving.world.admin)
    claim = giving.granted(need)
    need = parties.public_need(need.pk)
    assert (need.state, parties.claimer_of(need)) == ("claimed", "晨光食品")
    assert need.purpose is not None
    assert not need.purpose.pays_tickets
    pledge = giving.pledge(need=need)
    assert pledge.purpose == need.purpose
    pay(pledge, 60000)
    assert Need.objects.get(pk=need.pk).state == "claimed"
    pay(pledge, 40000, number=2)
    assert Need.objects.get(pk=need.pk).state == "funded"
    needs.report_need(need=need, actor=giving.world.admin, report="浴室修好了。")
    claim.refresh_from_db()
    assert (Need.objects.get(pk=need.pk).state, claim.state) == ("reported", "done")


def test_one_claim_of_a_need_is_granted(giving: Giving) -> None:
    need, other = giving.need(), giving.another()
    first, second = giving.claim(need), giving.claim(need, other)
    assert giving.claim(need) == first  # asked again
    with pytest.raises(NotAllowed):
        needs.decide_claim(claim=first, actor=giving.giver, grant=True)
    needs.decide_claim(claim=first, actor=giving.world.admin, grant=True, shown_name="晨光")
    with pytest.raises(errors.NeedClaimed):
        needs.decide_claim(claim=second, actor=giving.world.admin, grant=True)
    with pytest.raises(errors.NeedClaimed):
        giving.claim(need, giving.another("第三家"))
    with pytest.raises(errors.NeedNotClaimed):
        giving.pledge(need=need, enterprise=other)


def test_the_database_grants_one_claim_of_a_need(giving: Giving) -> None:
    need = giving.need()
    claims = [giving.claim(need), giving.claim(need, giving.another())]
    with pytest.raises(IntegrityError), transaction.atomic():
        for claim in claims:
            type(claim).objects.filter(pk=claim.pk).update(state="granted")


def test_a_claim_given_up_opens_the_need_again_unless_money_is_coming(giving: Giving) -> None:
    need = giving.need()
    needs.withdraw_claim(claim=giving.granted(need), actor=giving.giver)
    need.refresh_from_db()
    assert need.state == "published"
    claim = giving.granted(need)
    giving.pledge(need=need)
    with pytest.raises(WrongState):
        needs.withdraw_claim(claim=claim, actor=giving.giver)


def test_a_need_needs_a_budget_and_a_day_to_come(giving: Giving) -> None:
    with pytest.raises(BadAmount):
        giving.need(budget_fen=0)
    with pytest.raises(errors.DayPassed):
        giving.need(deadline=timezone.localdate() - dt.timedelta(days=1))


# -- Pledges -----------------------------------------------------------------------------------------------------------
def test_a_pledge_is_decided_once_by_who_keeps_the_fund(giving: Giving) -> None:
    pledge = giving.pledge(accepted=False)
    for actor in (giving.giver, giving.world.admin):
        with pytest.raises(NotFound):
            pledges.decide_pledge(pledge=pledge, actor=actor, accept=True)
    with pytest.raises(ReasonMissing):
        pledges.decide_pledge(pledge=pledge, actor=giving.money.keeper, accept=False)
    assert pledges.decide_pledge(pledge=pledge, actor=giving.money.keeper, accept=True).state == "approved"
    with pytest.raises(WrongState):
        pledges.decide_pledge(pledge=pledge, actor=giving.money.keeper, accept=False, reason="不")
    other = giving.pledge(accepted=False)
    pledges.decide_pledge(pledge=other, actor=giving.money.keeper, accept=False, reason="够了")
    events = Event.objects.filter(kind__startswith="pledge_").order_by("pk")
    assert list(events.values_list("kind", "facts__reason")) == [("pledge_accepted", ""), ("pledge_declined", "够了")]


def test_a_sponsor_paid_out_of_its_own_gift_is_accepted_by_the_town_alone(giving: Giving) -> None:
    partners.update_partner(partner=giving.world.bath, organisation=giving.sponsor.organisation)
    pledge = giving.pledge(accepted=False, supplier=giving.world.bath)
    assert pledge.related_party
    with pytest.raises(RelatedParty):
        pledges.decide_pledge(pledge=pledge, actor=giving.money.keeper, accept=True)
    pledge = pledges.decide_pledge(pledge=pledge, actor=giving.money.town, accept=True)
    assert pledge.purpose is not None
    assert pledge.purpose.partners == [giving.world.bath.pk]
    assert not giving.pledge().related_party  # free money is nobody's


def test_a_pledge_is_of_something(giving: Giving) -> None:
    for facts in ({"amount_fen": 0}, {"amount_fen": -5}, {"kind": "goods", "units": 0}):
        with pytest.raises(BadAmount):
            giving.pledge(**facts)


def test_pledges_withdrawn_and_lapsed(giving: Giving) -> None:
    withdrawn = pledges.withdraw_pledge(pledge=giving.pledge(), actor=giving.giver)
    late, paid = giving.pledge(due_on=soon(1)), giving.pledge(due_on=soon(1))
    pay(paid, 10)
    assert sweeps.run(pledges.LAPSE_PLEDGES, now=timezone.now() + dt.timedelta(days=50)).handled == 0
    assert sweeps.run(pledges.LAPSE_PLEDGES, now=timezone.now() + dt.timedelta(days=70)).handled == 2
    states = [Pledge.objects.get(pk=one.pk).state for one in (withdrawn, late, paid)]
    # Of what came in part the rest is not waited for any longer; what came stands.
    assert states == ["withdrawn", "lapsed", "lapsed"]
    assert Pledge.objects.get(pk=paid.pk).received_fen == 10


# -- Money -------------------------------------------------------------------------------------------------------------
def pay(pledge: Pledge, fen: int, *, fee: int = 0, number: int = 1, provider: str = "stripe") -> Any:
    """Tell the pledge that a payment was booked, as payments do."""
    payment = SimpleNamespace(
        pk=number + pledge.pk * 100,
        source=pledge.source,
        gross_fen=fen,
        fee_fen=fee,
        amount_minor=fen,
        provider=provider,
    )
    with transaction.atomic():
        PledgeSource().booked(payment)  # type: ignore[arg-type]
    return payment


def refund(payment: Any, fen: int, sign: int = -1) -> None:
    back = SimpleNamespace(pk=payment.pk * 10 + fen % 7, amount_minor=fen, reason="退款", approved_by=None)
    with transaction.atomic():
        PledgeSource().refunded(payment, back, sign)  # type: ignore[arg-type]


def test_a_thousand_given_twenty_nine_thirty_fee(giving: Giving) -> None:
    pledge = giving.pledge(restricted=True)
    payment = pay(pledge, 100000, fee=2930)
    PledgeSource().booked(payment)  # told twice
    pledge.refresh_from_db()
    assert (pledge.state, pledge.received_fen, pledge.fee_fen) == ("fulfilled", 100000, 2930)
    (receipt,) = Receipt.objects.all()
    assert (receipt.fen, receipt.fee_fen, receipt.is_practice) == (100000, 2930, False)


def test_money_that_is_not_wanted_any_more_is_not_accepted(giving: Giving) -> None:
    pledge = giving.pledge()
    asked = SimpleNamespace(source=pledge.source, amount_minor=100000)
    too_much = SimpleNamespace(source=pledge.source, amount_minor=100001)
    assert PledgeSource().accepts(asked)  # type: ignore[arg-type]
    assert not PledgeSource().accepts(too_much)  # type: ignore[arg-type]
    pledges.withdraw_pledge(pledge=pledge, actor=giving.giver)
    assert not PledgeSource().accepts(asked)  # type: ignore[arg-type]


def test_a_refund_is_a_counter_receipt_and_the_need_is_open_again(giving: Giving) -> None:
    need = giving.need()
    giving.granted(need)
    need.refresh_from_db()
    pledge = giving.pledge(need=need)
    payment = pay(pledge, 100000)
    refund(payment, 30000)
    pledge.refresh_from_db()
    need.refresh_from_db()
    assert (pledge.state, pledge.received_fen, need.state, need.received_fen) == ("part", 70000, "claimed", 70000)
    refund(payment, 70001)  # more than is left: no more than what is left
    pledge.refresh_from_db()
    assert (pledge.state, pledge.received_fen) == ("withdrawn", 0)
    assert sum(Receipt.objects.values_list("fen", flat=True)) == 0


# -- Deliveries --------------------------------------------------------------------------------------------------------
def test_given_goods_lie_on_the_shelf_under_the_sponsors_name(giving: Giving) -> None:
    before = counters(giving.world.soap)[0]
    delivery = giving.counted()
    assert counters(giving.world.soap)[0] == before + 40
    assert delivery.batch is not None
    assert (delivery.batch.source, delivery.batch.donor, delivery.batch.fen) == ("delivery", "晨光食品", 0)
    with pytest.raises(EvidenceMissing):
        deliveries.value_delivery(delivery=delivery, actor=giving.money.keeper, evidence="invoice", value_fen=20000)
    done = deliveries.value_delivery(
        delivery=delivery, actor=giving.money.keeper, evidence="invoice", value_fen=20000, evidence_text="No. 1"
    )
    assert done.state == "valued"
    done.batch.refresh_from_db()
    assert (done.batch.fen, Receipt.objects.get().fen) == (20000, 20000)
    shown = panels.of_rewards(None, [giving.world.soap.product_id])  # type: ignore[arg-type]
    assert "晨光食品" in shown[giving.world.soap.product_id]["text"]
    assert list(equation.differences()) == []
    with pytest.raises(WrongState):
        deliveries.value_delivery(delivery=delivery, actor=giving.money.keeper, evidence="none")


def test_without_evidence_it_counts_no_money(giving: Giving) -> None:
    done = deliveries.value_delivery(
        delivery=giving.counted(), actor=giving.money.keeper, evidence="none", value_fen=99999
    )
    assert (done.value_fen, Receipt.objects.get().fen) == (0, 0)


def test_given_services_become_units_to_hand_out(giving: Giving) -> None:
    delivery = giving.counted("service", units=12)
    gift = ServiceGift.objects.get()
    assert (delivery.gift, gift.units, gift.donor, gift.source) == (gift, 12, "晨光食品", delivery.source)


def test_a_delivery_is_counted_once_by_the_stock_keeper(giving: Giving) -> None:
    delivery = giving.announced(giving.pledge("goods"))
    soap = giving.world.soap
    for actor in (giving.giver, giving.world.admin, giving.money.keeper):
        with pytest.raises(NotAllowed):
            deliveries.count_delivery(delivery=delivery, units=40, stockrecord=soap, actor=actor)
    with pytest.raises(errors.WrongShelf):
        deliveries.count_delivery(
            delivery=delivery, units=40, stockrecord=giving.world.ticket, actor=giving.world.keeper
        )
    deliveries.count_delivery(delivery=delivery, units=38, stockrecord=soap, actor=giving.world.keeper)
    with pytest.raises(WrongState):
        deliveries.count_delivery(delivery=delivery, units=38, stockrecord=soap, actor=giving.world.keeper)
    assert Pledge.objects.get(pk=delivery.pledge_id).state == "part"


def test_no_more_is_announced_than_was_promised(giving: Giving) -> None:
    pledge = giving.pledge("goods")
    giving.announced(pledge, 30)
    with pytest.raises(errors.TooMuch):
        giving.announced(pledge, 11)
    giving.announced(pledge, 10)


def test_another_person_values(giving: Giving) -> None:
    delivery = giving.counted()
    type(delivery).objects.filter(pk=delivery.pk).update(counted_by=giving.money.keeper)
    with pytest.raises(SamePerson):
        deliveries.value_delivery(delivery=delivery, actor=giving.money.keeper, evidence="none")


# -- Papers ------------------------------------------------------------------------------------------------------------
def receipt(giving: Giving, number: int = 1, fen: int = 5000, **facts: Any) -> Receipt:
    return papers.issue_receipt(
        pledge=facts.pop("pledge", None) or giving.pledge(**facts),
        source=f"payment:{number}",
        fen=fen,
        text="款",
        actor=None,
    )


def test_numbers_have_no_gap_even_when_one_is_broken_off(giving: Giving) -> None:
    pledge = giving.pledge()
    receipt(giving, 1, pledge=pledge)
    with pytest.raises(RuntimeError), transaction.atomic():
        receipt(giving, 2, pledge=pledge)
        raise RuntimeError
    receipt(giving, 3, pledge=pledge)
    assert receipt(giving, 3, pledge=pledge).sequence == 2  # the same again
    assert sorted(Receipt.objects.values_list("sequence", flat=True)) == [1, 2]


def test_a_receipt_is_voided_by_a_counter_receipt_and_never_changed(giving: Giving) -> None:
    made = receipt(giving)
    with pytest.raises(NotAllowed):
        papers.void_receipt(receipt=made, actor=giving.giver, reason="错")
    counter = papers.void_receipt(receipt=made, actor=giving.money.keeper, reason="写错")
    assert (counter.fen, counter.sequence, counter.counter_to) == (-5000, 2, made)
    assert papers.void_receipt(receipt=made, actor=giving.money.keeper, reason="写错") == counter
    with pytest.raises(errors.TooMuch):
        papers.counter_receipt(receipt=made, fen=1, source="x:1", reason="", actor=None)
    for sql in ("UPDATE sponsors_receipt SET fen = 1", "DELETE FROM sponsors_receipt"):
        with pytest.raises(Exception, match="receipt"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_the_official_number_is_for_donations_only(giving: Giving) -> None:
    made = papers.record_official(receipt=receipt(giving), number="财 1", actor=giving.money.keeper)
    assert made.official_number == "财 1"
    other = receipt(giving, 2, nature="sponsorship")
    with pytest.raises(WrongState):
        papers.record_official(receipt=other, number="财 2", actor=giving.money.keeper)
    with pytest.raises(IntegrityError), transaction.atomic():
        Receipt.objects.filter(pk=other.pk).update(official_number="财 2")


def test_both_sides_sign_the_agreement_once(giving: Giving) -> None:
    pledge = giving.pledge()
    made = papers.make_agreement(pledge=pledge, actor=giving.giver)
    assert papers.make_agreement(pledge=pledge, actor=giving.money.keeper) == made
    assert "¥1,000.00" in made.text
    with pytest.raises(BadFile):
        papers.sign_agreement(agreement=made, actor=giving.giver, file_name="a.png", data=b"<html>")
    papers.sign_agreement(agreement=made, actor=giving.giver, file_name="a.png", data=PNG)
    with pytest.raises(WrongState):
        papers.sign_agreement(agreement=made, actor=giving.giver, file_name="a.png", data=PNG)
    with pytest.raises(NotFound):
        papers.sign_agreement(agreement=made, actor=giving.world.admin, file_name="a.png", data=PNG)
    assert papers.sign_agreement(agreement=made, actor=giving.money.keeper, file_name="b.png", data=PNG).is_signed


def test_papers_are_pdf_with_the_font_in_them(giving: Giving) -> None:
    data = paper_files.receipt_pdf(receipt(giving))
    assert data.startswith(b"%PDF-")
    assert b"/FontFile2" in data
    assert len(data) < 200_000  # only the glyphs used
    assert pdf.FILE.stat().st_size <= 2.6 * 1024 * 1024
    assert pdf.printable("晨光𠮷") == "晨光＊"


def test_money_never_touches_points(giving: Giving) -> None:
    """Rule 1 in the ledger: nothing of a pledge, its payment or its delivery is posted in points."""
    from timebank.ledger.models import Transfer

    before = set(Transfer.objects.filter(unit=1).values_list("pk", flat=True))
    pay(giving.pledge(restricted=True), 100000)
    deliveries.value_delivery(
        delivery=giving.counted(), actor=giving.money.keeper, evidence="quotes", value_fen=300, evidence_text="甲 乙"
    )
    assert set(Transfer.objects.filter(unit=1).values_list("pk", flat=True)) == before
    assert posting.UNIT == "CNY"
