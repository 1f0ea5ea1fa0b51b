"""Whom to pay and into which account: entered by one, confirmed by another, usable after three working days."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import Payee, PayeeAccount
from marketplace.funds.services.numbers import check_account_number
from marketplace.partner.models import Partner
from timebank.common.errors import KeyConflict, NotFound, WrongState
from timebank.common.input import clean_text
from timebank.registry import ids
from timebank.registry.interests import other_person
from timebank.registry.models import Organisation, Region, User
from timebank.registry.rules import can, require
from timebank.registry.services import record_audit


@transaction.atomic
def payee_of(*, partner: Partner) -> Payee:
    """Return the payee of a supplier, made if need be."""
    payee, __ = Payee.objects.get_or_create(
        partner=partner,
        defaults={"region": partner.village, "organisation": partner.organisation, "name": partner.name[:80]},
    )
    return payee


@transaction.atomic
def create_payee(
    *,
    region: Region,
    name: str,
    actor: User,
    kind: str = Payee.Kind.ORGANISATION,
    organisation: Organisation | None = None,
    id_number: str = "",
) -> Payee:
    """Write down a payee who is no supplier; of a person, the ID number is encrypted and shown masked."""
    require(actor, rules.KEEP_FUND, region=region)
    number = ids.validate(id_number) if id_number else ""
    if not clean_text(name):
        raise errors.EvidenceMissing(field="name")
    if kind not in Payee.Kind.values:
        raise errors.EvidenceMissing(field="kind")
    # Who sends the form twice, or comes with a second bill, writes nobody down twice.
    Region.objects.select_for_update(no_key=True).get(pk=region.pk)
    known = Payee.objects.filter(region=region, name=clean_text(name)[:80], kind=kind, partner__isnull=True)
    same = known.filter(id_number_masked=ids.mask(number) if number else "").first()
    if same is not None:
        return same
    return Payee.objects.create(
        region=region,
        name=clean_text(name)[:80],
        kind=kind,
        organisation=organisation,
        id_number_encrypted=ids.encrypt(number) if number else "",
        id_number_masked=ids.mask(number) if number else "",
    )


def may_enter(user: User, payee: Payee) -> bool:
    """Say whether ``user`` may change where a payee is paid: the fund keeper, or the supplier's own people."""
    own = payee.organisation or (payee.partner.organisation if payee.partner is not None else None)
    if own is not None and can(user, rules.SEE_SETTLEMENT, organisation=own):
        return True
    return can(user, rules.KEEP_FUND, region=payee.region)


@transaction.atomic
def enter_account(
    *,
    payee: Payee,
    holder: str,
    bank_name: str,
    number: str,
    actor: User,
    key: uuid.UUID | str,
    bank_code: str = "",
    now: dt.datetime | None = None,
) -> PayeeAccount:
    """Enter a bank account. It can be used when a second person confirmed it and three working days have passed."""
    now = now or timezone.now()
    if not may_enter(actor, payee):
        raise NotFound
    digits = check_account_number(number)
    if not clean_text(holder) or not clean_text(bank_name):
        raise errors.EvidenceMissing(field="holder")
    try:
        with transaction.atomic():
            account = PayeeAccount.objects.create(
                payee=payee,
                key=uuid.UUID(str(key)),
                holder=clean_text(holder)[:80],
                bank_name=clean_text(bank_name)[:80],
                bank_code=clean_text(bank_code)[:12],
                number_encrypted=ids.encrypt(digits),
                number_last4=digits[-4:],
                entered_by=actor,
                entered_at=now,
                usable_from=rules.add_working_days(timezone.localdate(now), rules.PAYEE_WORKING_DAYS),
            )
    except IntegrityError:
        account = PayeeAccount.objects.get(key=key)
        if account.payee_id != payee.pk or ids.decrypt(account.number_encrypted) != digits:
            raise KeyConflict from None
        return account
    _audit(account, "enter_payee_account", actor, now)
    return account


@transaction.atomic
def confirm_account(*, account: PayeeAccount, actor: User, now: dt.datetime | None = None) -> PayeeAccount:
    """Confirm an account by a second person (a call to the payee, the bank book seen); it replaces the one before."""
    now = now or timezone.now()
    payee = (
        Payee.objects.select_for_update(of=("self",), no_key=True)
        .select_related("region", "partner")
        .get(pk=account.payee_id)
    )
    account = PayeeAccount.objects.get(pk=account.pk)
    if not can(actor, rules.APPROVE_PAYMENT, region=payee.region):
        require(actor, rules.KEEP_FUND, region=payee.region)
    other_person(actor, account.entered_by_id)
    rules.not_own_payee(actor, payee)
    if account.confirmed_at is not None or account.ended_at is not None:
        raise WrongState
    payee.accounts.filter(ended_at__isnull=True).exclude(pk=account.pk).update(ended_at=now)
    account.confirmed_by, account.confirmed_at = actor, now
    account.save(update_fields=["confirmed_by", "confirmed_at"])
    _audit(account, "confirm_payee_account", actor, now)
    return account


def usable_account(*, today: dt.date, partner: Partner | None = None, payee: Payee | None = None) -> PayeeAccount:
    """Return the account that money may be sent to today. Raises ``PayeeUnconfirmed``."""
    rows = PayeeAccount.objects.filter(confirmed_by__isnull=False, ended_at__isnull=True, usable_from__lte=today)
    rows = rows.filter(payee__partner=partner) if partner is not None else rows.filter(payee=payee)
    account = rows.select_related("payee__region").first()
    if account is None:
        raise errors.PayeeUnconfirmed
    return account


def _audit(account: PayeeAccount, action: str, actor: User, now: dt.datetime) -> None:
    record_audit(
        actor=actor,
        action=f"funds_{action}",
        subject=f"payee:{account.payee_id}",
        region=account.payee.region,
        facts={"last4": account.number_last4},
        now=now,
    )
