"""Who may do what with money, and how days are counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from marketplace.funds.errors import OwnSupplier
from marketplace.funds.models import Fund, Payee
from marketplace.partner.models import Partner
from timebank.common.errors import NotFound
from timebank.common.input import fold
from timebank.registry import ids
from timebank.registry.errors import ConflictOfInterest
from timebank.registry.interests import OWN, require_no_interest_in
from timebank.registry.models import Organisation, Region, Resident, RoleGrant
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import can, grants_of, require

# What needs a role here (``duties`` says whose).
KEEP_FUND = "keep_fund"
PRICE_SUPPLIER = "price_supplier"
RECORD_BANK = "record_bank"
APPROVE_PAYMENT = "approve_payment"
CLOSE_PERIOD = "close_period"
SET_UP_FUND = "set_up_fund"  # the town's: open a fund, value a point, declare a right
SEE_SETTLEMENT = "see_settlement"

PAYEE_WORKING_DAYS = 3
OBJECTION_WORKING_DAYS = 7
QUEUE_DAYS = 14
SNAPSHOT_AGE = dt.timedelta(minutes=5)
UNDO_WINDOW = dt.timedelta(minutes=10)


def add_working_days(day: dt.date, count: int) -> dt.date:
    """Return the day ``count`` working days (Monday to Friday) after ``day``; holidays count, so clocks run short."""
    while count > 0:
        day += dt.timedelta(days=1)
        count -= day.weekday() < 5
    return day


def month_of(day: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and last day of the month."""
    first = day.replace(day=1)
    return first, (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)


def quarter_of(day: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and last day of the quarter."""
    first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return first, month_of(first.replace(month=first.month + 2))[1]


def require_at(actor: Any, action: str, fund: Fund) -> None:
    """Raise ``NotAllowed`` unless ``actor`` may do ``action`` with this fund."""
    require(actor, action, region=fund.region)


def keepers_of(fund: Fund, *, besides: Iterable[int | None] = ()) -> list[int]:
    """List who keeps this fund now, by its region or one above, and the people ``besides``."""
    here = paths_up(fund.region.path)
    held = RoleGrant.objects.filter(role="fund_keeper", ended_at__isnull=True, region__path__in=here)
    return sorted({*held.values_list("user_id", flat=True), *(pk for pk in besides if pk is not None)})


def not_own_supplier(actor: Any, partner: Partner | None) -> None:
    """Raise ``OwnSupplier`` for the staff of a supplier, where its prices, account and payments are decided."""
    if partner is None or partner.organisation_id is None:
        return
    if partner.organisation_id in {grant.organisation_id for grant in grants_of(actor)}:
        raise OwnSupplier


def not_own_payee(actor: Any, payee: Payee) -> None:
    """Refuse whoever would be paid themselves: the payee's staff, and of a person their household and their helpers.

    A person is known by the ID number, else by the name where the payee is written down. Raises ``OwnSupplier``,
    ``ConflictOfInterest``.
    """
    not_own_supplier(actor, payee.partner)
    if payee.organisation_id is not None and payee.organisation_id in {g.organisation_id for g in grants_of(actor)}:
        raise OwnSupplier
    if payee.kind != Payee.Kind.PERSON:
        return
    key = fold(payee.name)
    if key == fold(actor.name):
        raise ConflictOfInterest(interest=OWN)
    people = Resident.objects.filter(name_key=key, village__path__startswith=payee.region.path)
    if payee.id_number_encrypted:
        people = Resident.objects.filter(id_number_digest=ids.digest(ids.decrypt(payee.id_number_encrypted)))
    require_no_interest_in(actor, people)


def sees_fund(user: Any, fund: Fund) -> None:
    """Raise ``NotFound`` (404) for a stranger to this fund's inside."""
    if not any(can(user, inside, region=fund.region) for inside in INSIDE):
        raise NotFound


INSIDE = (KEEP_FUND, APPROVE_PAYMENT, CLOSE_PERIOD, RECORD_BANK, SEE_SETTLEMENT)


def sees_settlement(user: Any, region: Region, organisation: Organisation | None) -> bool:
    """Say whether ``user`` may see what a supplier is paid: the village's and town's staff, and its own people."""
    return can(user, SEE_SETTLEMENT, region=region, organisation=organisation)
