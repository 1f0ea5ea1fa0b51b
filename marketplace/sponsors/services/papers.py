"""Receipts with gapless numbers, counter-receipts, donation agreements."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from marketplace.funds.models import Fund
from marketplace.funds.rules import KEEP_FUND
from marketplace.funds.services.common import keep_file
from marketplace.sponsors import rules
from marketplace.sponsors.errors import TooMuch
from marketplace.sponsors.models import Agreement, Pledge, Receipt, ReceiptSeries
from marketplace.sponsors.services.common import audit, lock, need_reason, tell
from marketplace.sponsors.services.pledges import locked_pledge
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text
from timebank.common.numbers import format_money
from timebank.registry.models import User
from timebank.registry.rules import can, require


def _next(fund: Fund, now: dt.datetime) -> tuple[int, int]:
    """Return year and number of the next receipt of a fund; the series stays locked until the receipt stands.

    A number is taken only with its receipt, in one transaction: broken off, it is free again, so none is missing.
    """
    year = timezone.localdate(now).year
    ReceiptSeries.objects.get_or_create(fund=fund, year=year)
    series = ReceiptSeries.objects.select_for_update(no_key=True).get(fund=fund, year=year)
    series.last += 1
    series.save(update_fields=["last"])
    return year, series.last


def _giver(pledge: Pledge) -> tuple[str, str]:
    organisation = pledge.enterprise.organisation
    identity = getattr(organisation, "identity", None)
    return organisation.name, identity.id_number_masked if identity is not None else organisation.uscc


@transaction.atomic
def issue_receipt(
    *,
    pledge: Pledge,
    source: str,
    fen: int,
    text: str,
    actor: User | None,
    fee_fen: int = 0,
    practice: bool = False,
    now: dt.datetime | None = None,
) -> Receipt:
    """Write a receipt for what came; the same ``source`` again answers the first."""
    now = now or timezone.now()
    receipt = Receipt.objects.filter(source=source).first()
    if receipt is not None:
        return receipt
    year, sequence = _next(pledge.fund, now)
    giver, code = _giver(pledge)
    made = Receipt.objects.create(
        fund=pledge.fund,
        year=year,
        sequence=sequence,
        pledge=pledge,
        source=source,
        nature=pledge.nature,
        giver=giver,
        giver_code=code,
        text=clean_text(text, most=200),
        fen=fen,
        fee_fen=fee_fen,
        is_practice=practice,
        issued_by=actor,
        issued_at=now,
    )
    tell("receipt_issued", pledge.enterprise, subject=made, now=now, number=made.number, amount_fen=fen)
    return made


@transaction.atomic
def counter_receipt(
    *, receipt: Receipt, fen: int, source: str, reason: str, actor: User | None, now: dt.datetime | None = None
) -> Receipt:
    """Void a receipt, or a part of it, by a counter-receipt with a number of its own. Never more than it says."""
    now = now or timezone.now()
    result = Receipt.objects.filter(source=source).first()
    if result is not None:
        return result
    first = lock(receipt, "fund", "pledge")
    if first.counter_to_id is not None:
        raise WrongState
    back = Receipt.objects.filter(counter_to=first).aggregate(total=Sum("fen"))["total"] or 0
    if fen < 0 or fen > first.fen + back or (first.fen == 0 and Receipt.objects.filter(counter_to=first).exists()):
        raise TooMuch(field="amount", most=first.fen + back)
    year, sequence = _next(first.fund, now)
    return Receipt.objects.create(
        fund=first.fund,
        year=year,
        sequence=sequence,
        pledge=first.pledge,
        source=source,
        counter_to=first,
        nature=first.nature,
        giver=first.giver,
        giver_code=first.giver_code,
        text=first.text,
        fen=-fen,
        is_practice=first.is_practice,
        reason=clean_text(reason, most=200),
        issued_by=actor,
        issued_at=now,
    )


@transaction.atomic
def void_receipt(*, receipt: Receipt, actor: User, reason: str, now: dt.datetime | None = None) -> Receipt:
    """Void a receipt that was written wrongly: the whole of what is left of it."""
    require(actor, KEEP_FUND, region=receipt.fund.region)
    back = Receipt.objects.filter(counter_to=receipt).aggregate(total=Sum("fen"))["total"] or 0
    made = counter_receipt(
        receipt=receipt,
        fen=receipt.fen + back,
        source=f"void:{receipt.pk}",
        reason=need_reason(reason),
        actor=actor,
        now=now,
    )
    audit(actor, "void_receipt", receipt, receipt.fund.region, reason=reason, now=now, number=made.number)
    return made


@transaction.atomic
def record_official(*, receipt: Receipt, number: str, actor: User, now: dt.datetime | None = None) -> Receipt:
    """Write down the number of the official donation receipt that an entitled body issued; donations only, once."""
    locked = lock(receipt, "fund__region")
    require(actor, KEEP_FUND, region=locked.fund.region)
    if locked.nature != Pledge.Nature.DONATION or locked.counter_to_id or locked.official_number:
        raise WrongState
    locked.official_number = clean_text(number, most=40)
    locked.save(update_fields=["official_number"])
    audit(actor, "record_official", locked, locked.fund.region, now=now, number=locked.official_number)
    return locked


# -- Agreements --------------------------------------------------------------------------------------------------------
def agreement_text(pledge: Pledge) -> str:
    """Write the donation agreement in the language in which it is signed here."""
    giver, code = _giver(pledge)
    what = format_money(pledge.amount_fen) if pledge.kind == Pledge.Kind.MONEY else f"{pledge.text} × {pledge.units}"
    nature = "赞助" if pledge.nature == Pledge.Nature.SPONSORSHIP else "捐赠"
    use = pledge.need.title if pledge.need else (pledge.text if pledge.restricted else f"{pledge.fund}，不限定用途")
    return "\n".join(
        (
            f"{nature}协议",
            f"甲方（{nature}方）：{giver}（{code or '—'}）",
            f"乙方（受赠方）：{pledge.fund.region}，资金账户：{pledge.fund}",
            f"一、甲方自愿无偿向乙方{nature}：{what}。",
            f"二、用途：{use}。未经甲方同意并经两人办理，乙方不改变用途。",
            f"三、甲方于 {pledge.due_on:%Y-%m-%d} 前交付。",
            "四、乙方收到后出具收款确认书，公开收支，并按月向甲方报告使用情况，不透露受益人姓名。",
            "五、本协议的款物不产生积分，不得用于购买积分。",
            "六、本协议一式两份，双方签字盖章后生效。",
        )
    )


@transaction.atomic
def make_agreement(*, pledge: Pledge, actor: User, now: dt.datetime | None = None) -> Agreement:
    """Generate the donation agreement of an accepted pledge; made once, then only signed."""
    locked = locked_pledge(pledge)
    if not can(actor, KEEP_FUND, region=locked.fund.region):
        rules.require_staff(actor, locked.enterprise)
    agreement = Agreement.objects.filter(pledge=locked).first()
    if agreement is not None:
        return agreement
    if locked.state not in (Pledge.State.APPROVED, Pledge.State.PART, Pledge.State.FULFILLED):
        raise WrongState(state=locked.state)
    made = Agreement.objects.create(pledge=locked, text=agreement_text(locked), made_at=now or timezone.now())
    audit(actor, "make_agreement", made, locked.fund.region, now=now)
    return made


@transaction.atomic
def sign_agreement(
    *, agreement: Agreement, actor: User, file_name: str, data: bytes, now: dt.datetime | None = None
) -> Agreement:
    """Keep the scan with the signature of the actor's side (PDF, JPEG or PNG, at most 2 MB), once for each side."""
    locked = lock(
        agreement, "pledge__fund__region", "pledge__enterprise__organisation", "pledge__enterprise__merged_into"
    )
    pledge = locked.pledge
    if rules.is_staff(actor, pledge.enterprise):
        field = "signed_by_sponsor"
    elif can(actor, KEEP_FUND, region=pledge.fund.region):
        field = "signed_by_village"
    else:
        raise NotFound
    if getattr(locked, f"{field}_id"):
        raise WrongState
    setattr(locked, field, keep_file(name=file_name, data=data, actor=actor))
    locked.save(update_fields=[field])
    audit(actor, f"agreement_{field}", locked, pledge.fund.region, now=now)
    return locked
