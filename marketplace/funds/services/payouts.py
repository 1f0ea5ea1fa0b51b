"""Money on its way to payees: prepared, approved, in a bank file, paid; sent back and prepared anew."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from marketplace.funds import book, errors, posting, rules
from marketplace.funds.models import (
    BankAccount,
    BankFile,
    BankFormat,
    DrawDown,
    Expense,
    Fund,
    PayeeAccount,
    Payout,
    PayoutShare,
    Purchase,
    Statement,
)
from marketplace.funds.services import payees
from marketplace.funds.services.common import person, tell_supplier
from timebank.common.errors import KeyConflict, NotFound, WrongState
from timebank.common.events import emit
from timebank.common.input import clean_text
from timebank.common.numbers import points_to_decimal
from timebank.common.sheets.writing import safe_cell
from timebank.registry import ids
from timebank.registry.interests import other_person
from timebank.registry.models import Region, User
from timebank.registry.rules import require
from timebank.registry.selectors import staff_at
from timebank.registry.services import record_audit

State = Payout.State
#: What a column of a bank's file may hold.
FIELDS = ("number", "holder", "bank", "bank_code", "yuan", "purpose", "reference")
DEFAULT_COLUMNS = [
    ["收款账号", "number"],
    ["收款户名", "holder"],
    ["开户行", "bank"],
    ["联行号", "bank_code"],
    ["金额", "yuan"],
    ["用途", "purpose"],
    ["业务编号", "reference"],
]


def make_payouts(
    *,
    statement: Statement,
    amounts: Mapping[int, int],
    account: PayeeAccount | None,
    actor: User,
    now: dt.datetime,
    prepared_by: User | None = None,
) -> list[Payout]:
    """Make the payouts of an approved statement: one for each bank account, out of each fund that keeps money there."""
    if account is None:
        return []
    by_bank: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for fund in Fund.objects.filter(pk__in=[pk for pk, fen in amounts.items() if fen > 0]).order_by("pk"):
        by_bank[fund.bank_account_id][fund.pk] = amounts[fund.pk]
    made = []
    for bank, parts in sorted(by_bank.items()):
        payout = Payout.objects.create(
            statement=statement,
            bank_account_id=bank,
            payee_account=account,
            fen=sum(parts.values()),
            state=State.APPROVED,
            prepared_by=prepared_by or statement.prepared_by,
            prepared_at=now,
            approved_by=actor,
            approved_at=now,
        )
        PayoutShare.objects.bulk_create(PayoutShare(payout=payout, fund_id=pk, fen=fen) for pk, fen in parts.items())
        made.append(payout)
    return made


@transaction.atomic
def prepare_expense_payout(*, expense: Expense, actor: User, now: dt.datetime | None = None) -> Payout:
    """Prepare to pay an approved expense; one payout of it lives at a time."""
    now = now or timezone.now()
    expense = (
        Expense.objects.select_for_update(of=("self",), no_key=True)
        .select_related("fund__region", "fund__bank_account", "payee")
        .get(pk=expense.pk)
    )
    rules.require_at(actor, rules.KEEP_FUND, expense.fund)
    if expense.state != "approved":
        raise WrongState(state=expense.state)
    if expense.payouts.exclude(state__in=[State.FAILED, State.RETURNED]).exists():
        raise errors.AlreadySettled
    account = payees.usable_account(payee=expense.payee, today=timezone.localdate(now))
    payout = Payout.objects.create(
        expense=expense,
        bank_account=expense.fund.bank_account,
        payee_account=account,
        fen=expense.fen,
        prepared_by=actor,
        prepared_at=now,
    )
    PayoutShare.objects.create(payout=payout, fund=expense.fund, fen=expense.fen)
    return payout


@transaction.atomic
def prepare_again(*, payout: Payout, actor: User, now: dt.datetime | None = None) -> Payout:
    """Prepare a failed or returned payout anew, into the account that is usable now."""
    now = now or timezone.now()
    old = _lock(payout, State.FAILED, State.RETURNED)
    require(actor, rules.KEEP_FUND, region=_region(old))
    lives = Payout.objects.filter(statement=old.statement_id, expense=old.expense_id, bank_account=old.bank_account_id)
    if lives.exclude(state__in=[State.FAILED, State.RETURNED]).exists():
        raise errors.AlreadySettled
    account = payees.usable_account(payee=old.payee_account.payee, today=timezone.localdate(now))
    made = Payout.objects.create(
        statement_id=old.statement_id,
        expense_id=old.expense_id,
        bank_account_id=old.bank_account_id,
        payee_account=account,
        fen=old.fen,
        prepared_by=actor,
        prepared_at=now,
    )
    PayoutShare.objects.bulk_create(PayoutShare(payout=made, fund_id=s.fund_id, fen=s.fen) for s in old.shares.all())
    return made


@transaction.atomic
def approve_payout(*, payout: Payout, actor: User, now: dt.datetime | None = None) -> Payout:
    """Approve a prepared payout by another person."""
    row = _lock(payout, State.PREPARED)
    require(actor, rules.APPROVE_PAYMENT, region=_region(row))
    other_person(actor, row.prepared_by_id)
    rules.not_own_payee(actor, row.payee_account.payee)
    row.state, row.approved_by, row.approved_at = State.APPROVED, actor, now or timezone.now()
    row.save(update_fields=["state", "approved_by", "approved_at"])
    return row


def _lock(payout: Payout, *states: str) -> Payout:
    row = (
        Payout.objects.select_for_update(of=("self",), no_key=True)
        .select_related(
            "bank_account__region",
            "payee_account__payee__region",
            "payee_account__payee__partner",
            "statement__partner__village",
            "expense__fund__region",
        )
        .get(pk=payout.pk)
    )
    if row.state not in states:
        raise errors.AlreadySettled() if row.state == State.PAID else WrongState(state=row.state)
    return row


def _region(payout: Payout) -> Region:
    """Return the region whose people see to a payout."""
    if payout.statement is not None:
        return payout.statement.partner.village
    assert payout.expense is not None  # noqa: S101 - the database holds one of the two
    return payout.expense.fund.region


# -- The bank's file ---------------------------------------------------------------------------------------------------
def default_format() -> BankFormat:
    """Return the plain format; a bank that wants other columns gets a row of its own."""
    return BankFormat.objects.get_or_create(name="通用", defaults={"columns": DEFAULT_COLUMNS})[0]


@transaction.atomic
def write_bank_file(
    *,
    bank_account: BankAccount,
    payout_ids: Sequence[int],
    actor: User,
    key: uuid.UUID | str,
    format: BankFormat | None = None,
    now: dt.datetime | None = None,
) -> BankFile:
    """Put approved payouts into a file for the bank, once. Raises ``BankShort``, ``AlreadySettled``, ``WrongState``."""
    now = now or timezone.now()
    account = posting.lock_bank(bank_account)
    earlier = BankFile.objects.filter(key=key).first()
    if earlier is not None:
        if set(earlier.payouts.values_list("pk", flat=True)) != set(payout_ids):
            raise KeyConflict
        return earlier
    rows = list(
        Payout.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=payout_ids, bank_account=account)
        .select_related("statement__partner__village", "expense__fund__region", "payee_account")
        .order_by("pk")
    )
    if not rows or len(rows) != len(set(payout_ids)):
        raise NotFound
    if any(row.bank_file_id is not None for row in rows):
        raise errors.AlreadySettled
    if any(row.state != State.APPROVED for row in rows):
        raise WrongState
    for region in {_region(row) for row in rows}:
        require(actor, rules.KEEP_FUND, region=region)
    today = timezone.localdate(now)
    if any(row.payee_account.ended_at is not None or row.payee_account.usable_from > today for row in rows):
        raise errors.PayeeUnconfirmed
    total = sum(row.fen for row in rows)
    on_the_way = Payout.objects.filter(bank_account=account, state=State.SENT).aggregate(total=Sum("fen"))["total"] or 0
    posting.check_cash(account.asset_key, total, reserved=on_the_way)
    file = BankFile(
        bank_account=account,
        format=format or default_format(),
        key=uuid.UUID(str(key)),
        fen=total,
        count=len(rows),
        written_by=actor,
        written_at=now,
    )
    file.sha256 = hashlib.sha256(file_bytes(file, rows)).hexdigest()
    file.save(force_insert=True)
    Payout.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.SENT, bank_file=file)
    _audit_file(file, "write_bank_file", actor, now)
    return file


def file_bytes(file: BankFile, rows: Sequence[Payout]) -> bytes:
    """Write the file's text: one line a payment, in the order of the payouts. Cells can't begin a formula."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=file.format.delimiter, lineterminator="\r\n")
    writer.writerow([header for header, _field in file.format.columns])
    for row in rows:
        account = row.payee_account
        cells = {
            "number": ids.decrypt(account.number_encrypted),
            "holder": safe_cell(account.holder),
            "bank": safe_cell(account.bank_name),
            "bank_code": account.bank_code,
            "yuan": str(points_to_decimal(row.fen)),
            "purpose": "结算款" if row.statement_id else "项目支出",
            "reference": f"SJ{row.pk:010d}",
        }
        writer.writerow([cells[field] for _header, field in file.format.columns])
    return out.getvalue().encode(file.format.encoding)


def read_bank_file(*, file: BankFile, actor: User) -> bytes:
    """Hand the file out again, noted: it holds account numbers. Raises ``WrongState`` if it would read otherwise."""
    rows = list(
        file.payouts.select_related("statement__partner__village", "expense__fund__region", "payee_account").order_by(
            "pk"
        )
    )
    for region in {_region(row) for row in rows}:
        require(actor, rules.KEEP_FUND, region=region)
    data = file_bytes(file, rows)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise WrongState
    _audit_file(file, "read_bank_file", actor, timezone.now())
    return data


def _audit_file(file: BankFile, action: str, actor: User, now: dt.datetime) -> None:
    record_audit(
        actor=actor,
        action=f"funds_{action}",
        subject=f"bankfile:{file.pk}",
        region=file.bank_account.region,
        facts={"fen": file.fen, "count": file.count},
        now=now,
    )


# -- The bank's answer -------------------------------------------------------------------------------------------------
@transaction.atomic
def confirm_paid(*, payout: Payout, actor: User, now: dt.datetime | None = None) -> Payout:
    """Book that the bank paid: once. With the last payout of a statement its lines are settled."""
    now = now or timezone.now()
    bank = posting.lock_bank(payout.bank_account)
    row = _lock(payout, State.SENT)
    require(actor, rules.RECORD_BANK, region=_region(row))
    legs = [(_payable(row, share.fund), share.fen) for share in row.shares.select_related("fund").order_by("fund_id")]
    source = f"statement:{row.statement_id}" if row.statement_id else f"expense:{row.expense_id}"
    posted = book.pay_out(legs=legs, asset=bank.asset_key, number=row.pk, actor=person(actor), source=source)
    row.state, row.confirmed_by, row.confirmed_at, row.transfer_id = State.PAID, actor, now, posted.id
    row.save(update_fields=["state", "confirmed_by", "confirmed_at", "transfer_id"])
    if row.expense_id is not None:
        row.expense.paid_at = now  # type: ignore[union-attr]
        row.expense.save(update_fields=["paid_at"])  # type: ignore[union-attr]
    elif not row.statement.payouts.exclude(state__in=[State.PAID, State.FAILED, State.RETURNED]).exists():  # type: ignore[union-attr]
        _settle(row.statement_id, now)
    return row


def _payable(row: Payout, fund: Fund) -> str:
    if row.statement is not None:
        return posting.payable_key(fund=fund, partner_id=row.statement.partner_id)
    return posting.payable_key(fund=fund, payee_id=row.payee_account.payee_id)


def _settle(statement_id: Any, now: dt.datetime) -> None:
    Statement.objects.filter(pk=statement_id).update(state=Statement.State.PAID, paid_at=now)
    lines = DrawDown.objects.filter(statement=statement_id, state=DrawDown.State.LISTED)
    lines.update(state=DrawDown.State.SETTLED)
    Purchase.objects.filter(statement=statement_id).update(state="settled")
    statement = Statement.objects.select_related("partner__village").get(pk=statement_id)
    tell_supplier(
        "statement_paid",
        statement,
        now,
        amount_fen=sum(statement.payouts.filter(state=State.PAID).values_list("fen", flat=True)),
    )


@transaction.atomic
def fail_payout(*, payout: Payout, actor: User, reason: str, now: dt.datetime | None = None) -> Payout:
    """Write down that the bank refused a payout of a file: nothing was paid, it can be prepared anew."""
    row = _lock(payout, State.SENT, State.APPROVED, State.PREPARED)
    require(actor, rules.RECORD_BANK, region=_region(row))
    if not clean_text(reason):
        raise errors.EvidenceMissing(field="reason")
    row.state, row.reason = State.FAILED, clean_text(reason)[:200]
    row.save(update_fields=["state", "reason"])
    _tell_failed(row, actor, now or timezone.now())
    return row


@transaction.atomic
def bounce_payout(*, payout: Payout, actor: User, reason: str, now: dt.datetime | None = None) -> Payout:
    """Book that the bank sent a paid payout back: it is owed again, and its lines wait on their statement."""
    posting.lock_bank(payout.bank_account)
    row = _lock_paid(payout)
    require(actor, rules.RECORD_BANK, region=_region(row))
    if not clean_text(reason):
        raise errors.EvidenceMissing(field="reason")
    book.bounce(transfer_id=row.transfer_id, number=row.pk, actor=person(actor))  # type: ignore[arg-type]
    row.state, row.reason = State.RETURNED, clean_text(reason)[:200]
    row.save(update_fields=["state", "reason"])
    if row.expense_id is not None:
        row.expense.paid_at = None  # type: ignore[union-attr]
        row.expense.save(update_fields=["paid_at"])  # type: ignore[union-attr]
    else:
        Statement.objects.filter(payouts=row).update(state=Statement.State.APPROVED, paid_at=None)
        lines = DrawDown.objects.filter(statement=row.statement_id, state=DrawDown.State.SETTLED)
        lines.update(state=DrawDown.State.LISTED)
        Purchase.objects.filter(statement=row.statement_id).update(state="listed")
    _tell_failed(row, actor, now or timezone.now())
    return row


def _tell_failed(row: Payout, actor: User, now: dt.datetime) -> None:
    """Tell the payee's people, and who keeps the fund or let it be paid, that money did not arrive."""
    payee = row.payee_account.payee
    partner = payee.partner
    organisation = partner.organisation_id if partner is not None else payee.organisation_id
    fund = row.shares.select_related("fund__region").order_by("fund_id")[0].fund
    facts = {"name": payee.name, "amount_fen": row.fen, "reason": row.reason}
    told = {
        "payout_failed": staff_at(organisation),
        "payout_to_mend": [
            f"user:{pk}" for pk in rules.keepers_of(fund, besides=[row.approved_by_id]) if pk != actor.pk
        ],
    }
    for kind, recipients in told.items():
        if recipients:
            emit(kind, subject=fund, recipients=recipients, region=fund.region, facts=facts, occurred_at=now)


def _lock_paid(payout: Payout) -> Payout:
    try:
        return _lock(payout, State.PAID)
    except WrongState as refusal:
        raise WrongState(state=refusal.params.get("state")) from None
