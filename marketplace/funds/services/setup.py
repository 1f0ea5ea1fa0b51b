"""Open bank accounts, funds and purposes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds import errors, posting, rules
from marketplace.funds.models import BankAccount, Fund, Purpose, ServiceGift
from marketplace.funds.rules import KEEP_FUND, SET_UP_FUND
from marketplace.funds.services.common import note, once
from marketplace.funds.services.numbers import check_account_number
from marketplace.partner.models import Partner, StockRecord
from timebank.common.errors import WrongState
from timebank.common.input import clean_text
from timebank.registry import ids
from timebank.registry.models import Region, User
from timebank.registry.rules import require


@transaction.atomic
def open_bank_account(
    *, region: Region, name: str, actor: User | None, number: str = "", bank_name: str = ""
) -> BankAccount:
    """Write down an account in which funds keep their money. The number is encrypted at rest."""
    if actor is not None:
        require(actor, SET_UP_FUND, region=region)
    checked = check_account_number(number) if number else ""
    account = BankAccount.objects.create(
        region=region,
        name=clean_text(name),
        bank_name=clean_text(bank_name),
        number_encrypted=ids.encrypt(checked) if checked else "",
        number_last4=checked[-4:],
    )
    posting.open_bank_account(account=account)
    return account


@transaction.atomic
def open_fund(
    *,
    region: Region,
    actor: User | None,
    bank_account: BankAccount | None = None,
    holder: str = "",
    bank_name: str = "",
    number: str = "",
    name: str = "",
    point_value_fen: int = 100,
    warn_bp: int = 10000,
    floor_bp: int = 6000,
    now: dt.datetime | None = None,
) -> Fund:
    """Open the fund of a region with its ledger accounts, and what it will need to owe the suppliers there.

    The value of a point is the town's to approve, so the town (or the machine itself) opens a fund. Its money lies in
    ``bank_account``, or in a new one (``holder``, ``bank_name``, ``number``).
    """
    now = now or timezone.now()
    if actor is not None:
        require(actor, SET_UP_FUND, region=region)
    if point_value_fen <= 0 or not 0 <= floor_bp <= warn_bp:
        raise errors.BadAmount(field="point_value")
    if Fund.objects.filter(region=region).exists():
        raise errors.FundExists(field="region")
    account = bank_account or open_bank_account(
        region=region, name=holder or region.name, bank_name=bank_name, number=number, actor=actor
    )
    if actor is not None:
        require(actor, SET_UP_FUND, region=account.region)
    try:
        with transaction.atomic():
            fund = Fund.objects.create(
                region=region,
                name=clean_text(name) or f"{region.short_name}信用基金",
                bank_account=account,
                point_value_fen=point_value_fen,
                value_approved_by=actor,
                warn_bp=warn_bp,
                floor_bp=floor_bp,
                opened_on=timezone.localdate(now),
                opened_by=actor,
            )
    except IntegrityError:
        raise errors.FundExists(field="region") from None
    posting.open_fund_accounts(fund=fund)
    open_accounts_for(funds=[fund])
    note(actor, "open_fund", fund, fund, now=now, value=point_value_fen)
    return fund


def partners_near(fund: Fund) -> list[int]:
    """List the suppliers whose rewards residents of this fund may redeem: in its region, and above it."""
    above = [fund.region.path[:end] for end in range(4, len(fund.region.path), 4)]
    inside = Partner.objects.filter(village__path__startswith=fund.region.path)
    return list((inside | Partner.objects.filter(village__path__in=above)).values_list("pk", flat=True))


def open_accounts_for(*, funds: Sequence[Fund] | None = None) -> int:
    """Open what these funds (all, if none are named) will need to owe their suppliers. Idempotent; returns how many."""
    count = 0
    for fund in funds if funds is not None else Fund.objects.select_related("region", "bank_account"):
        partners = partners_near(fund)
        posting.open_fund_accounts(fund=fund)
        posting.open_payables(funds=[fund], partners=partners)
        count += len(partners)
    return count


@transaction.atomic
def open_purpose(
    *,
    fund: Fund,
    name: str,
    actor: User | None,
    key: uuid.UUID | str,
    name_en: str = "",
    donor: str = "",
    source: str = "",
    products: Sequence[int] = (),
    partners: Sequence[int] = (),
    villages: Sequence[int] = (),
    min_age: int | None = None,
    weekdays: Sequence[int] = (),
    opens_on: dt.date | None = None,
    closes_on: dt.date | None = None,
    pays_tickets: bool = True,
    now: dt.datetime | None = None,
) -> Purpose:
    """Open a purpose; its restriction in the ledger is fixed by when it closes and how narrow it is."""
    if actor is not None:
        rules.require_at(actor, KEEP_FUND, fund)
    if opens_on and closes_on and closes_on < opens_on:
        raise errors.PurposeMismatch(field="closes_on")
    purpose, made = once(
        Purpose,
        key=key,
        fund=fund,
        name=clean_text(name),
        name_en=clean_text(name_en),
        donor=clean_text(donor),
        source=source,
        products=sorted(products),
        partners=sorted(partners),
        villages=sorted(villages),
        min_age=min_age,
        weekdays=sorted(weekdays),
        opens_on=opens_on,
        closes_on=closes_on,
        pays_tickets=pays_tickets,
        created_by=actor,
        created_at=now or timezone.now(),
    )
    if made:
        # Ten digits each way: restrictions are used in the order of their text.
        purpose.restriction = f"{posting.PURPOSE_PREFIX}{purpose.rank:06d}:{purpose.pk:010d}"
        purpose.save(update_fields=["restriction"])
        note(actor, "open_purpose", purpose, fund, now=now)
    return purpose


@transaction.atomic
def close_purpose(*, purpose: Purpose, actor: User, reason: str) -> Purpose:
    """Close a purpose in which nothing is left. What is left is moved first, with the donor's consent."""
    rules.require_at(actor, KEEP_FUND, purpose.fund)
    left = posting.left_of(purpose.fund, purpose)
    if left:
        raise WrongState(left=left)
    Purpose.objects.filter(pk=purpose.pk).update(state=Purpose.State.CLOSED)
    purpose.state = Purpose.State.CLOSED
    note(actor, "close_purpose", purpose, purpose.fund, reason=reason)
    return purpose


@transaction.atomic
def give_service(
    *,
    fund: Fund,
    stockrecord: StockRecord,
    units: int,
    actor: User | None,
    key: uuid.UUID | str,
    donor: str = "",
    source: str = "",
    valid_until: dt.date | None = None,
) -> ServiceGift:
    """Write down units of a service that were given: they are used before money is."""
    if actor is not None:
        rules.require_at(actor, KEEP_FUND, fund)
    if units <= 0:
        raise errors.BadAmount(field="units")
    gift, made = once(
        ServiceGift,
        key=key,
        fund=fund,
        stockrecord=stockrecord,
        units=units,
        donor=clean_text(donor),
        source=source,
        valid_until=valid_until,
        created_by=actor,
    )
    if made:
        note(actor, "give_service", gift, fund, units=units)
    return gift
