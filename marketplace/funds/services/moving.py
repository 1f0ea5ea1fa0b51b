"""Money that two persons move: between funds and purposes, for expenses, by the bank's own lines; and budgets."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds import book, errors, posting, rules
from marketplace.funds.models import (
    Allocation,
    Attachment,
    BankAccount,
    BankLine,
    Budget,
    DrawDown,
    Expense,
    Fund,
    Payee,
    Purpose,
    PurposeChange,
    SuspenseMove,
)
from marketplace.funds.services.common import check_fen, decide, lock_prepared, once, person
from marketplace.partner.models import Partner
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text
from timebank.registry.interests import other_person
from timebank.registry.models import Region, User
from timebank.registry.rules import require

Line = BankLine.Kind


# -- Between funds and purposes ----------------------------------------------------------------------------------------
@transaction.atomic
def prepare_allocation(
    *,
    source: Fund,
    target: Fund,
    fen: int,
    actor: User,
    key: uuid.UUID | str,
    purpose: Purpose | None = None,
    note: str = "",
) -> Allocation:
    """Prepare to give money to another fund."""
    rules.require_at(actor, rules.KEEP_FUND, source)
    if source.pk == target.pk:
        raise errors.PurposeMismatch(field="target")
    facts = {"source": source, "target": target, "purpose": purpose, "fen": check_fen(fen), "note": note[:200]}
    return once(Allocation, key=key, prepared_by=actor, **facts)[0]


@transaction.atomic
def decide_allocation(
    *, allocation: Allocation, actor: User, approve: bool = True, reason: str = "", now: dt.datetime | None = None
) -> Allocation:
    """Approve an allocation: the money moves. Raises ``AlreadySpent``, ``BankShort``."""
    row = lock_prepared(
        allocation, "source__region", "source__bank_account", "target__region", "target__bank_account", "purpose"
    )
    decide(row, actor=actor, fund=row.source, approve=approve, reason=reason, now=now or timezone.now())
    if approve:
        book.allocate(
            source_fund=row.source,
            target=row.target,
            purpose=row.purpose,
            fen=row.fen,
            number=row.pk,
            actor=person(actor),
        )
    return row


@transaction.atomic
def prepare_purpose_change(
    *,
    purpose: Purpose,
    to: Purpose | None,
    fen: int,
    consent: str,
    actor: User,
    key: uuid.UUID | str,
    attachment: Attachment | None = None,
) -> PurposeChange:
    """Prepare to bind a remainder to another purpose, or to free it; the donor has agreed."""
    rules.require_at(actor, rules.KEEP_FUND, purpose.fund)
    if not clean_text(consent):
        raise errors.EvidenceMissing(field="consent")
    if to is not None and to.fund_id != purpose.fund_id:
        raise errors.PurposeMismatch(field="to")
    book.check_purpose_open(to)
    facts = {"purpose": purpose, "to": to, "fen": check_fen(fen), "consent": clean_text(consent)[:200]}
    return once(PurposeChange, key=key, prepared_by=actor, attachment=attachment, **facts)[0]


@transaction.atomic
def decide_purpose_change(
    *, change: PurposeChange, actor: User, approve: bool = True, reason: str = "", now: dt.datetime | None = None
) -> PurposeChange:
    """Approve a change of purpose. Raises ``AlreadySpent`` when less than that is left."""
    row = lock_prepared(change, "purpose__fund__region", "to")
    fund = row.purpose.fund
    decide(row, actor=actor, fund=fund, approve=approve, reason=reason, now=now or timezone.now())
    if approve:
        book.change_purpose(fund=fund, purpose=row.purpose, to=row.to, fen=row.fen, number=row.pk, actor=person(actor))
    return row


# -- Budgets -----------------------------------------------------------------------------------------------------------
@transaction.atomic
def prepare_budget(
    *, fund: Fund, quarter: dt.date, kind: str, fen: int, actor: User, key: uuid.UUID | str, note: str = ""
) -> Budget:
    """Plan what a fund spends on something in a quarter."""
    rules.require_at(actor, rules.KEEP_FUND, fund)
    first = rules.quarter_of(quarter)[0]
    if kind not in Budget.Kind.values or type(fen) is not int or not 0 <= fen < 10**14:
        raise errors.BadAmount(field="amount")
    standing = Budget.objects.filter(fund=fund, quarter=first, kind=kind).exclude(state="declined")
    if standing.exclude(key=uuid.UUID(str(key))).exists():
        raise WrongState(field="kind")
    return once(Budget, key=key, fund=fund, quarter=first, kind=kind, fen=fen, note=note[:200], prepared_by=actor)[0]


@transaction.atomic
def decide_budget(
    *, budget: Budget, actor: User, approve: bool = True, reason: str = "", now: dt.datetime | None = None
) -> Budget:
    """Approve or decline a budget."""
    row = lock_prepared(budget, "fund__region")
    decide(row, actor=actor, fund=row.fund, approve=approve, reason=reason, now=now or timezone.now())
    return row


# -- Expenses ----------------------------------------------------------------------------------------------------------
@transaction.atomic
def prepare_expense(
    *,
    fund: Fund,
    payee: Payee,
    fen: int,
    text: str,
    voucher_number: str,
    actor: User,
    key: uuid.UUID | str,
    purpose: Purpose | None = None,
    kind: str = Expense.Kind.PROJECT,
    voucher: Attachment | None = None,
) -> Expense:
    """Prepare a bill of a project (out of its purpose only) or another expense (out of free money only)."""
    rules.require_at(actor, rules.KEEP_FUND, fund)
    if not clean_text(voucher_number):
        raise errors.EvidenceMissing(field="voucher_number")
    book.check_purpose_open(purpose)
    facts: dict[str, Any] = {
        "fund": fund,
        "payee": payee,
        "purpose": purpose,
        "kind": kind,
        "fen": check_fen(fen),
        "text": clean_text(text)[:200],
        "voucher_number": clean_text(voucher_number)[:40],
        "voucher": voucher,
    }
    return once(Expense, key=key, prepared_by=actor, **facts)[0]


@transaction.atomic
def decide_expense(
    *,
    expense: Expense,
    actor: User,
    approve: bool = True,
    reason: str = "",
    related_party: bool = False,
    now: dt.datetime | None = None,
) -> Expense:
    """Approve an expense: it is owed. A donor paid out of its own gift needs ``related_party`` said aloud."""
    row = lock_prepared(
        expense,
        "fund__region",
        "fund__bank_account",
        "purpose",
        "payee__organisation",
        "payee__partner",
        "payee__region",
    )
    posted = None
    if approve:
        if _is_related(row) and not related_party:
            raise errors.RelatedParty
        rules.require_at(actor, rules.APPROVE_PAYMENT, row.fund)
        other_person(actor, row.prepared_by_id)
        rules.not_own_payee(actor, row.payee)
        posted = book.spend(
            fund=row.fund,
            purpose=row.purpose,
            payee_id=row.payee_id,
            fen=row.fen,
            number=row.pk,
            actor=person(actor),
        )
    decide(
        row,
        actor=actor,
        fund=row.fund,
        approve=approve,
        reason=reason,
        now=now or timezone.now(),
        transfer_id=posted.id if posted else None,
    )
    return row


def _is_related(expense: Expense) -> bool:
    """Say whether the purpose's donor is the payee."""
    purpose = expense.purpose
    return purpose is not None and bool(purpose.donor) and purpose.donor == expense.payee.name


# -- The bank's own lines ----------------------------------------------------------------------------------------------
IN: dict[str, str] = {
    Line.OPENING: "opening",
    Line.COLLECTIVE: "collective",
    Line.GRANT: "grant",
    Line.INTEREST: "interest",
}


@transaction.atomic
def record_line(
    *,
    kind: str,
    fen: int,
    booked_on: dt.date,
    actor: User,
    key: uuid.UUID | str,
    fund: Fund | None = None,
    bank_account: BankAccount | None = None,
    partner: Partner | None = None,
    purpose: Purpose | None = None,
    reference: str = "",
    note: str = "",
) -> BankLine:
    """Write down a line of a bank account (or of the cash box: no account). A second person confirms what it is."""
    place = fund.region if fund is not None else bank_account.region if bank_account is not None else None
    if place is None or kind not in BankLine.Kind.values:
        raise NotFound
    require(actor, rules.RECORD_BANK, region=place)
    if kind == Line.REPAID and partner is None:
        raise errors.EvidenceMissing(field="partner")
    if fund is None and kind != Line.UNKNOWN:
        raise errors.EvidenceMissing(field="fund")
    if kind == Line.OPENING and not (clean_text(note) or clean_text(reference)):
        raise errors.EvidenceMissing(_("Write down the paper that says so: who handed it over, when."), field="note")
    if booked_on > timezone.localdate():
        raise errors.BadAmount(field="booked_on")
    facts: dict[str, Any] = {
        "kind": kind,
        "fen": check_fen(fen),
        "booked_on": booked_on,
        "fund": fund,
        "bank_account": bank_account,
        "partner": partner,
        "purpose": purpose,
        "reference": clean_text(reference)[:60],
        "note": clean_text(note)[:200],
    }
    return once(BankLine, key=key, prepared_by=actor, **facts)[0]


@transaction.atomic
def decide_line(
    *, line: BankLine, actor: User, approve: bool = True, reason: str = "", now: dt.datetime | None = None
) -> BankLine:
    """Confirm what a line is: it is booked on its day, or today when that day's month is closed."""
    row = lock_prepared(line, "fund__region", "fund__bank_account", "bank_account__region", "partner", "purpose")
    place = region_of(row)
    require(actor, rules.APPROVE_PAYMENT, region=place)
    other_person(actor, row.prepared_by_id)
    row.state = "approved" if approve else "declined"
    row.approved_by, row.approved_at, row.decision_reason = actor, now or timezone.now(), reason[:200]
    if approve:
        row.transfer_id = _post_line(row, person(actor))
    row.save(update_fields=["state", "approved_by", "approved_at", "decision_reason", "transfer_id"])
    if approve and row.kind == Line.REPAID:
        _mark_repaid(row)
    return row


def _mark_repaid(line: BankLine) -> None:
    """Note which returned tickets a supplier paid back, oldest first: they are not netted on a statement as well."""
    waiting = DrawDown.objects.select_for_update(of=("self",), no_key=True).filter(
        partner=line.partner_id,
        fund=line.fund_id,
        state=DrawDown.State.REVERSED,
        was_settled=True,
        returned_statement__isnull=True,
        repaid_line__isnull=True,
    )
    left = line.fen
    for draw in waiting.order_by("reversed_at", "pk"):
        if draw.fen > left:
            break
        left -= draw.fen
        draw.repaid_line = line
        draw.save(update_fields=["repaid_line"])


def region_of(line: Any) -> Region:
    """Return the region whose people see to a bank line."""
    region: Region = line.fund.region if line.fund is not None else line.bank_account.region
    return region


def _post_line(row: BankLine, actor: str) -> int:
    day: dt.date | None = row.booked_on
    try:
        with transaction.atomic():
            return _booked(row, actor, day)
    except errors.PeriodLocked:
        return _booked(row, actor, None)


def _booked(row: Any, actor: str, day: dt.date | None) -> int:
    fund, number = row.fund, row.pk
    asset = row.bank_account.asset_key if row.bank_account is not None else fund.cash_key
    key = f"bankline:{number}"
    if row.kind == Line.UNKNOWN:
        return book.receive_stray(asset=asset, fen=row.fen, key=key, actor=actor, source=key, memo=row.note).id
    if row.kind in IN:
        return book.receive(
            fund=fund,
            asset=asset,
            fen=row.fen,
            purpose=row.purpose,
            key=key,
            kind=IN[row.kind],
            actor=actor,
            source=key,
            memo=row.note,
            effective_on=day,
        ).id
    if row.kind == Line.REPAID:
        return book.repaid(
            fund=fund,
            partner_id=row.partner_id,
            asset=asset,
            fen=row.fen,
            number=number,
            actor=actor,
            effective_on=day,
        ).id
    if row.kind == Line.BANKED:
        posting.check_cash(fund.cash_key, row.fen)
        bank = row.bank_account or fund.bank_account
        return book.move_asset(
            source_asset=fund.cash_key,
            target_asset=bank.asset_key,
            fen=row.fen,
            key=key,
            kind="banked",
            actor=actor,
            source=key,
        ).id
    posting.lock_bank(row.bank_account or fund.bank_account)
    posting.check_cash(asset, row.fen)
    return book.bank_fee(fund=fund, asset=asset, fen=row.fen, number=number, actor=actor, effective_on=day).posted.id


@transaction.atomic
def prepare_explanation(
    *,
    line: BankLine,
    fen: int,
    note: str,
    actor: User,
    key: uuid.UUID | str,
    fund: Fund | None = None,
    purpose: Purpose | None = None,
) -> SuspenseMove:
    """Say whose money an unknown line is; without a fund it goes back to the payer."""
    require(actor, rules.RECORD_BANK, region=region_of(line))
    if not clean_text(note):
        raise errors.EvidenceMissing(field="note")
    if line.kind != Line.UNKNOWN or line.state != "approved":
        raise WrongState
    facts = {"line": line, "fund": fund, "purpose": purpose, "fen": check_fen(fen), "note": clean_text(note)[:200]}
    return once(SuspenseMove, key=key, prepared_by=actor, **facts)[0]


@transaction.atomic
def decide_explanation(
    *, move: SuspenseMove, actor: User, approve: bool = True, reason: str = "", now: dt.datetime | None = None
) -> SuspenseMove:
    """Approve an explanation: never for more than the line brought. Raises ``AlreadySpent``."""
    line = (
        BankLine.objects.select_for_update(of=("self",), no_key=True)
        .select_related("bank_account__region", "fund__region")
        .get(pk=move.line_id)
    )
    row = lock_prepared(move, "fund__region", "fund__bank_account", "purpose")
    require(actor, rules.APPROVE_PAYMENT, region=region_of(line))
    other_person(actor, row.prepared_by_id)
    if approve:
        before = sum(line.moves.filter(state="approved").values_list("fen", flat=True))
        if before + row.fen > line.fen:
            raise errors.AlreadySpent(most=line.fen - before)
        row.transfer_id = book.explain_stray(
            asset=line.bank_account.asset_key,  # type: ignore[union-attr]
            fen=row.fen,
            key=f"bankline:{line.pk}:{row.pk}",
            fund=row.fund,
            purpose=row.purpose,
            actor=person(actor),
            source=f"bankline:{line.pk}",
            memo=row.note,
        ).id
    row.state = "approved" if approve else "declined"
    row.approved_by, row.approved_at, row.decision_reason = actor, now or timezone.now(), reason[:200]
    row.save(update_fields=["state", "approved_by", "approved_at", "decision_reason", "transfer_id"])
    return row
