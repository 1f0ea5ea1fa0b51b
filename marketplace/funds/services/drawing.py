"""From promised to owed: a ticket handed over, taken back, returned."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from marketplace.funds import book, errors, posting
from marketplace.funds.models import (
    AgreedPrice,
    Commitment,
    DrawDown,
    DrawShare,
    Fund,
    Purpose,
    ServiceGift,
    Statement,
)
from marketplace.funds.services.common import person
from marketplace.funds.services.promising import price_on
from marketplace.funds.types import Handed
from marketplace.partner.models import Partner
from timebank.ledger import errors as ledger_errors
from timebank.registry.models import User
from timebank.registry.models.regions import paths_up

Kind = Commitment.Kind
State = DrawDown.State


def _lock_commitment(ticket_id: int, on: dt.date | None = None) -> Any:
    """Lock what a ticket was promised, with its fund and, for a day, the price agreed for it."""
    rows = Commitment.objects.select_for_update(of=("self",), no_key=True).filter(ticket_id=ticket_id)
    if on is not None:
        prices = AgreedPrice.objects.filter(price_on(on), stockrecord=OuterRef("stockrecord"))
        rows = rows.annotate(price_now=Subquery(prices.order_by("-valid_from").values("fen")[:1]))
    return rows.select_related("fund__region", "fund__bank_account").first()


def usable_purposes(fund: Fund, thing: Any) -> list[Purpose]:
    """List the purposes of ``fund`` and of the funds above that may pay for ``thing``, in their order of use."""
    purposes = Purpose.objects.filter(fund__region__path__in=paths_up(fund.region.path), pays_tickets=True)
    purposes = purposes.exclude(state=Purpose.State.CLOSED).select_related("fund__bank_account", "fund__region")
    return [purpose for purpose in purposes.order_by("-fund__region__depth", "restriction") if purpose.matches(thing)]


@transaction.atomic
def draw(
    *, handed: Handed, actor: User | None, again: DrawDown | None = None, now: dt.datetime | None = None
) -> DrawDown | None:
    """Owe the supplier for a handed-over ticket: nothing for goods of ours, given units and what the village bears.

    After the points were posted: wallets are locked in ascending id, and CNY comes after PTS. Never refuses for money.
    ``again``: the draw-down that was taken back for this one, so that no other purpose pays than paid then.
    """
    now = now or timezone.now()
    row = _lock_commitment(handed.ticket_id, handed.on)
    if row is None or row.state != Commitment.State.OPEN:
        return None
    Commitment.objects.filter(pk=row.pk).update(state=Commitment.State.DRAWN, closed_at=now)
    if row.kind == Kind.GIFT:
        ServiceGift.objects.filter(pk=row.gift_id).update(
            promised=F("promised") - row.quantity, delivered=F("delivered") + row.quantity
        )
    if row.kind in {Kind.STOCK, Kind.GIFT, Kind.OWN}:
        return None
    unit = row.unit_fen if row.price_now is None else row.price_now
    made = DrawDown(
        ticket_id=handed.ticket_id,
        n=handed.n,
        commitment=row,
        fund=row.fund,
        partner_id=row.partner_id,
        quantity=row.quantity,
        handed_on=handed.on,
        drawn_at=now,
        state=State.UNPRICED if row.kind == Kind.UNPRICED and row.price_now is None else State.OPEN,
    )
    if made.state == State.OPEN and not unit:
        made.state = State.OWN
    if made.state == State.OPEN:
        _post(made, unit * row.quantity, handed, actor, again)
    else:
        made.save(force_insert=True)
    return made


def _post(made: DrawDown, fen: int, handed: Handed, actor: User | None, again: DrawDown | None = None) -> None:
    """Post a draw-down and keep it with the funds and purposes that paid."""
    purposes = usable_purposes(made.fund, handed)
    if again is not None:
        paid = set(again.shares.values_list("purpose_id", flat=True))
        purposes = [purpose for purpose in purposes if purpose.pk in paid]
    arguments: dict[str, Any] = {
        "fund": made.fund,
        "partner_id": made.partner_id,
        "fen": fen,
        "ticket_id": made.ticket_id,
        "n": made.n,
        "actor": person(actor),
        "purposes": purposes,
    }
    try:
        taken = book.draw(**arguments)
    except ledger_errors.UnknownAccount:
        # a supplier that came in after the fund, by another way than a price: nothing was posted, open and repeat
        funds = {made.fund.pk: made.fund} | {purpose.fund_id: purpose.fund for purpose in purposes}
        for fund in funds.values():
            posting.open_fund_accounts(fund=fund)
        posting.open_payables(funds=funds.values(), partners=[made.partner_id])
        taken = book.draw(**arguments)
    made.fen, made.short_fen, made.transfer_id, made.state = fen, taken.short, taken.posted.id, State.OPEN
    made.save()
    if taken.shares:
        DrawShare.objects.bulk_create(
            DrawShare(draw=made, fund_id=share.fund_id, purpose_id=share.purpose_id, fen=share.fen)
            for share in taken.shares
        )


@transaction.atomic
def undraw(*, ticket_id: int, n: int, actor: User | None, now: dt.datetime | None = None) -> None:
    """Take back what a hand-over cost, because it was undone within minutes: the ticket is promised again."""
    row = _lock_commitment(ticket_id)
    if row is None or row.state != Commitment.State.DRAWN:
        return
    live = DrawDown.objects.select_for_update(of=("self",), no_key=True).filter(ticket_id=ticket_id, n=n)
    made = live.exclude(state=State.REVERSED).first()
    if made is not None:
        if made.statement_id is not None:
            raise errors.AlreadySettled  # statements take nothing that can still be undone
        _reverse(made, actor=actor, returned=False, reason="", now=now or timezone.now())
    Commitment.objects.filter(pk=row.pk).update(state=Commitment.State.OPEN, closed_at=None)
    if row.kind == Kind.GIFT:
        ServiceGift.objects.filter(pk=row.gift_id).update(
            promised=F("promised") + row.quantity, delivered=F("delivered") - row.quantity
        )


def _reverse(made: DrawDown, *, actor: User | None, returned: bool, reason: str, now: dt.datetime) -> None:
    if made.transfer_id is not None:
        book.undraw(
            fund=made.fund,
            transfer_id=made.transfer_id,
            ticket_id=made.ticket_id,
            n=made.n,
            actor=person(actor),
            returned=returned,
        )
    made.was_settled = made.state == State.SETTLED
    made.state, made.reversed_at, made.reversed_by, made.reason = State.REVERSED, now, actor, reason[:200]
    if not made.was_settled:
        made.statement = None
    made.save(update_fields=["state", "reversed_at", "reversed_by", "reason", "was_settled", "statement"])


def reverse_draw(*, draw: DrawDown, actor: User, reason: str, now: dt.datetime) -> None:
    """Take back a locked draw-down that was objected to with right: its money returns, its ticket costs nothing."""
    fund = Fund.objects.select_related("region", "bank_account").get(pk=draw.fund_id)
    draw.fund = fund
    _reverse(draw, actor=actor, returned=True, reason=reason, now=now)
    Commitment.objects.filter(pk=draw.commitment_id).update(state=Commitment.State.RELEASED, closed_at=now)


@transaction.atomic
def return_(
    *, ticket_id: int, restock: bool, actor: User, reason: str, now: dt.datetime | None = None
) -> DrawDown | None:
    """Take back the whole cost of a ticket that was returned after its hand-over, paid already or not.

    What was paid is netted on the supplier's next statement. Money that comes back into a closed purpose opens it. A
    unit of a given service counts as left again if ``restock``. The caller has checked who may, and the second person.
    """
    now = now or timezone.now()
    statement = _lock_statement_of(ticket_id)
    row = _lock_commitment(ticket_id)
    if row is None or row.state != Commitment.State.DRAWN:
        return None
    made = (
        DrawDown.objects.select_for_update(of=("self",), no_key=True)
        .select_related("fund")
        .filter(ticket_id=ticket_id)
        .exclude(state=State.REVERSED)
        .first()
    )
    if made is not None:
        if made.state == State.LISTED and statement is not None and statement.state == Statement.State.APPROVED:
            made.state = State.SETTLED  # the money is on its way: netted later, as if it had arrived
        _reverse(made, actor=actor, returned=True, reason=reason, now=now)
        Purpose.objects.filter(shares__draw=made).exclude(state=Purpose.State.OPEN).update(state=Purpose.State.OPEN)
        if statement is not None and statement.state == Statement.State.ISSUED:
            from marketplace.funds.services.statements import add_up

            add_up(statement)
    Commitment.objects.filter(pk=row.pk).update(state=Commitment.State.RELEASED, closed_at=now)
    if row.kind == Kind.GIFT and restock:
        ServiceGift.objects.filter(pk=row.gift_id).update(delivered=F("delivered") - row.quantity)
    return made


@transaction.atomic
def return_part(*, handed: Handed, restock: bool, actor: User, reason: str, now: dt.datetime | None = None) -> None:
    """Take back the cost of some pieces of a ticket: all of it as ``return_`` does, then owe for those that stay.

    ``handed`` says what stays: how many pieces, as which hand-over, on the day of the first. The caller has checked
    who may, and the second person.
    """
    now = now or timezone.now()
    made = return_(ticket_id=handed.ticket_id, restock=False, actor=actor, reason=reason, now=now)
    row = _lock_commitment(handed.ticket_id)
    if row is None:
        return
    back = row.quantity - handed.quantity
    changes = {"quantity": handed.quantity, "fen": row.unit_fen * handed.quantity}
    if made is not None:
        Commitment.objects.filter(pk=row.pk).update(**changes, state=Commitment.State.OPEN, closed_at=None)
        draw(handed=handed, actor=actor, again=made, now=now)
        return
    state = Commitment.State.DRAWN if row.kind in {Kind.STOCK, Kind.GIFT, Kind.OWN} else row.state
    Commitment.objects.filter(pk=row.pk).update(**changes, state=state)
    if row.kind == Kind.GIFT and restock:
        ServiceGift.objects.filter(pk=row.gift_id).update(delivered=F("delivered") - back)


def _lock_statement_of(ticket_id: int) -> Statement | None:
    """Lock the statement on which the ticket's live draw-down stands, if any: nobody lists, approves or pays it now.

    The supplier's row first, as whoever issues a statement does; so a draw-down that stands on none comes on none.
    """
    supplier = Commitment.objects.filter(ticket_id=ticket_id).values("partner")
    list(Partner.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=supplier).values_list("pk"))
    live = DrawDown.objects.filter(ticket_id=ticket_id, statement__isnull=False).exclude(state=State.REVERSED)
    statement = live.values("statement")
    return Statement.objects.select_for_update(no_key=True).filter(pk__in=statement).first()


def post_unpriced(*, stockrecord_id: int, actor: User | None) -> int:
    """Post the draw-downs of a reward that waited for a price, each at the price of its day. Returns how many."""
    prices = list(AgreedPrice.objects.filter(stockrecord=stockrecord_id, state="approved"))
    waiting = (
        DrawDown.objects.select_for_update(of=("self",), no_key=True)
        .filter(commitment__stockrecord=stockrecord_id, state=State.UNPRICED)
        .select_related("fund__region", "fund__bank_account", "commitment")
        .order_by("pk")
    )
    count = 0
    for made in waiting:
        day = made.handed_on
        result = [
            price
            for price in prices
            if price.valid_from <= day and (price.valid_until is None or price.valid_until >= day)
        ]
        if not result:
            continue
        fen = result[0].fen * made.quantity
        if not fen:
            made.state = State.OWN
            made.save(update_fields=["state"])
        else:
            row = made.commitment
            handed = Handed(
                made.ticket_id,
                made.n,
                row.stockrecord_id,
                row.partner_id,
                row.product_id,
                row.village_id,
                row.age,
                row.quantity,
                day,
            )
            _post(made, fen, handed, actor)
        count += 1
    return count
