"""Take in a bank's file and match its lines. A line that fits two payments or none is never guessed: people decide."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds import book, posting
from marketplace.funds.errors import PeriodLocked
from marketplace.funds.models import BankLine, Decision
from marketplace.funds.rules import APPROVE_PAYMENT, RECORD_BANK
from marketplace.funds.services.common import note, person
from marketplace.payments.errors import BankFileInvalid, BankFileTwice, LineMismatch
from marketplace.payments.models import BankEntry, BankImport, BankTemplate, Payment, ProviderPayout
from marketplace.payments.services import foreign
from marketplace.payments.services.by_hand import book_by_hand
from marketplace.payments.services.syncing import lock_payment
from timebank.common import numbers
from timebank.common.errors import WrongState
from timebank.common.input import clean_text
from timebank.registry.interests import other_person
from timebank.registry.rules import require

if TYPE_CHECKING:
    from marketplace.funds.models import BankAccount, Fund

MOST_BYTES = 2 * 1024 * 1024
MOST_LINES = 20_000
INCOME = (BankEntry.Kind.OPENING, BankEntry.Kind.COLLECTIVE, BankEntry.Kind.GRANT, BankEntry.Kind.INTEREST)


class Read(NamedTuple):
    """One line of a bank's file."""

    booked_on: dt.date
    amount_fen: int
    party: str
    memo: str
    serial: str


def read_file(data: bytes, template: BankTemplate) -> list[Read]:
    """Read a bank's file by its template. Raises ``BankFileInvalid`` with the ``row`` that can't be read."""
    if len(data) > MOST_BYTES:
        raise BankFileInvalid(field="file")
    rows = csv.reader(io.StringIO(_decoded(data, template.encoding)))
    place: dict[str, int] | None = None
    result: list[Read] = []
    try:
        for number, row in enumerate(rows, 1):
            cells = [clean_text(cell) for cell in row]
            if place is None:
                place = _columns(cells, template)
            elif any(cells) and _cell(cells, place, "day"):  # sums and empty lines at the end have no day
                result.append(_read_row(number, cells, place, template))
            if len(result) > MOST_LINES:
                raise BankFileInvalid(field="file", row=number)
    except csv.Error as error:
        raise BankFileInvalid(field="file") from error
    if place is None or not result:
        raise BankFileInvalid(field="file")
    return result


def _decoded(data: bytes, encoding: str) -> str:
    for name in (encoding, "utf-8-sig", "gb18030"):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    raise BankFileInvalid(field="file")


def _columns(cells: Sequence[str], template: BankTemplate) -> dict[str, int] | None:
    """Find the columns in a line that may be the heading; None if it is not (banks write lines above it)."""
    result = {}
    for name in ("day", "amount", "money_in", "money_out", "party", "memo", "serial"):
        wanted = [item for item in getattr(template, name).split("|") if item]
        for title in wanted:
            if title in cells:
                result[name] = cells.index(title)
                break
    has_amount = "amount" in result or {"money_in", "money_out"} <= set(result)
    return result if "day" in result and has_amount else None


def _cell(cells: Sequence[str], place: dict[str, int], name: str) -> str:
    index = place.get(name)
    return cells[index] if index is not None and index < len(cells) else ""


def _read_row(number: int, cells: Sequence[str], place: dict[str, int], template: BankTemplate) -> Read:
    try:
        day = _day(_cell(cells, place, "day"), template.day_format)
        if "amount" in place:
            amount = numbers.parse_money(_cell(cells, place, "amount"))
        else:
            arrived, went = (_cell(cells, place, name) for name in ("money_in", "money_out"))
            amount = (numbers.parse_money(arrived) if arrived else 0) - (numbers.parse_money(went) if went else 0)
        if not amount:
            raise ValueError("nothing moves")
    except ValueError as error:
        raise BankFileInvalid(field="file", row=number, detail=str(error)) from error
    return Read(
        day,
        amount,
        _cell(cells, place, "party")[:120],
        _cell(cells, place, "memo")[:200],
        _cell(cells, place, "serial")[:60],
    )


def _day(text: str, formats: str) -> dt.date:
    for form in formats.split("|"):
        try:
            return dt.datetime.strptime(text, form).date()  # noqa: DTZ007 - a day of the bank, no moment
        except ValueError:
            continue
    raise ValueError(f"not a day: {text!r}")


def fingerprints(lines: Sequence[Read]) -> Iterator[str]:
    """Name each line by its content and its place among equal ones, so that files may overlap."""
    seen: Counter[Read] = Counter()
    for line in lines:
        seen[line] += 1
        text = "\x1f".join([line.booked_on.isoformat(), str(line.amount_fen), *line[2:], str(seen[line])])
        yield hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def import_file(*, bank_account: BankAccount, template: BankTemplate, name: str, data: bytes, actor: Any) -> BankImport:
    """Take in a bank's file, whole or not at all. Raises ``BankFileInvalid`` (``row``), ``BankFileTwice``."""
    require(actor, RECORD_BANK, region=bank_account.region)
    lines = read_file(data, template)
    try:
        with transaction.atomic():
            batch = BankImport.objects.create(
                bank_account=bank_account,
                template=template,
                name=name.rpartition("/")[2][-120:] or "file",
                sha256=hashlib.sha256(data).hexdigest(),
                imported_by=actor,
            )
    except IntegrityError:
        raise BankFileTwice(field="file") from None
    BankEntry.objects.bulk_create(
        [
            BankEntry(bank_account=bank_account, batch=batch, fingerprint=print_, **line._asdict())
            for line, print_ in zip(lines, fingerprints(lines), strict=True)
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    batch.lines_new = BankEntry.objects.filter(batch=batch).count()
    batch.lines_known = len(lines) - batch.lines_new
    batch.save(update_fields=["lines_new", "lines_known"])
    match_lines(batch=batch, actor=actor)
    return batch


def waiting_payments(bank_account: BankAccount) -> list[Payment]:
    """List the transfers to this account that no line was matched to yet."""
    payments = Payment.objects.filter(
        provider=Payment.Provider.BANK,
        fund__bank_account=bank_account,
        state__in=(Payment.State.OPEN, Payment.State.PAID),
        bank_entry__isnull=True,
    )
    return list(payments.select_related("fund").order_by("pk"))


def plain(text: str) -> str:
    """Leave only letters and digits, in capitals: how references survive a bank's form."""
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def fits(line: BankEntry, payments: Sequence[Payment]) -> list[Payment]:
    """Return the payments whose reference stands on the line and whose amount it is."""
    text = plain(line.memo + " " + line.party)
    return [
        payment
        for payment in payments
        if payment.reference and plain(payment.reference) in text and payment.amount_minor == line.amount_fen
    ]


def match_lines(*, batch: BankImport, actor: Any) -> int:
    """Propose the lines that fit exactly one payment, which no other line fits; the rest waits for people."""
    payments = waiting_payments(batch.bank_account)
    lines = list(BankEntry.objects.filter(batch=batch, state=BankEntry.State.NEW, amount_fen__gt=0).order_by("pk"))
    result = {line.pk: fits(line, payments) for line in lines}
    claimed = Counter(item.pk for fitting in result.values() for item in fitting)
    proposed = []
    for line in lines:
        fitting = result[line.pk]
        if len(fitting) == 1 and claimed[fitting[0].pk] == 1:
            line.state, line.kind = BankEntry.State.PROPOSED, BankEntry.Kind.PAYMENT
            line.payment, line.fund, line.prepared_by = fitting[0], fitting[0].fund, actor
            proposed.append(line)
    BankEntry.objects.bulk_update(proposed, ["state", "kind", "payment", "fund", "prepared_by"])
    return len(proposed)


def _lock(line: BankEntry) -> BankEntry:
    locked = BankEntry.objects.select_for_update(of=("self",)).select_related("bank_account__region", "fund")
    return locked.get(pk=line.pk)


@transaction.atomic
def propose_line(
    *,
    line: BankEntry,
    kind: str,
    actor: Any,
    fund: Fund | None = None,
    payment: Payment | None = None,
    payout: ProviderPayout | None = None,
    text: str = "",
) -> BankEntry:
    """Say what a line is; a second person confirms. Raises ``LineMismatch`` (nothing changes), ``WrongState``."""
    row = _lock(line)
    require(actor, RECORD_BANK, region=row.bank_account.region)
    if row.state != BankEntry.State.NEW:
        raise WrongState(state=row.state)
    fund = payment.fund if payment is not None else fund
    _check_kind(row, kind, fund, payment, payout)
    row.state, row.kind, row.note, row.prepared_by = BankEntry.State.PROPOSED, kind, clean_text(text)[:200], actor
    row.fund, row.payment, row.payout = fund, payment, payout
    try:
        with transaction.atomic():
            row.save(update_fields=["state", "kind", "note", "prepared_by", "fund", "payment", "payout"])
    except IntegrityError:
        raise LineMismatch(field="payment") from None  # another line has it
    return row


def _check_kind(
    line: BankEntry, kind: str, fund: Fund | None, payment: Payment | None, payout: ProviderPayout | None
) -> None:
    def mismatch(field: str) -> LineMismatch:
        return LineMismatch(field=field)

    if fund is not None and fund.bank_account_id != line.bank_account_id:
        raise mismatch("fund")
    if kind == BankEntry.Kind.PAYMENT:
        states = (Payment.State.OPEN, Payment.State.PAID, Payment.State.BOOKED)
        if payment is None or payment.provider != Payment.Provider.BANK or payment.state not in states:
            raise mismatch("payment")
        if payment.amount_minor != line.amount_fen:
            raise mismatch("payment")
    elif kind == BankEntry.Kind.PAYOUT:
        if payout is None or payout.state == ProviderPayout.State.FAILED or line.amount_fen < 0:
            raise mismatch("payout")
        if payout.currency == "CNY" and payout.amount_minor != line.amount_fen:
            raise mismatch("payout")
    elif kind in INCOME:
        if fund is None or line.amount_fen < 0:
            raise mismatch("fund")
    elif kind == BankEntry.Kind.FEE:
        if fund is None or line.amount_fen > 0:
            raise mismatch("fund")
    elif kind != BankEntry.Kind.NONE:
        raise mismatch("kind")


@transaction.atomic
def decide_line(*, line: BankEntry, approve: bool, actor: Any) -> BankEntry:
    """Confirm what was proposed, as the second person: booked. Or give it back: it is to be decided anew."""
    row = _lock(line)
    require(actor, APPROVE_PAYMENT, region=row.bank_account.region)
    if row.state != BankEntry.State.PROPOSED:
        raise WrongState(state=row.state)
    other_person(actor, row.prepared_by_id)
    if not approve:
        row.state, row.kind, row.note = BankEntry.State.NEW, "", ""
        row.fund = row.payment = row.payout = row.prepared_by = None
        row.save(update_fields=["state", "kind", "note", "fund", "payment", "payout", "prepared_by"])
        return row
    row.approved_by, row.decided_at = actor, timezone.now()
    row.state = BankEntry.State.LEFT if row.kind == BankEntry.Kind.NONE else BankEntry.State.BOOKED
    _book(row, actor)
    row.save(update_fields=["state", "approved_by", "decided_at"])
    if row.fund is not None:
        note(actor, "bank_entry", row, row.fund, amount=row.amount_fen, kind=row.kind)
    return row


def _book(line: BankEntry, actor: Any) -> None:
    """Book a confirmed line, dated as the bank has it; a later fact of a closed month is dated today."""
    try:
        with transaction.atomic():
            _book_on(line, actor, line.booked_on)
    except PeriodLocked:
        _book_on(line, actor, None)


def _book_on(line: BankEntry, actor: Any, day: dt.date | None) -> None:
    asset = line.bank_account.asset_key
    if line.kind == BankEntry.Kind.PAYMENT:
        _book_payment(line, actor, day)
    elif line.kind == BankEntry.Kind.PAYOUT and line.payout is not None:
        if line.payout.currency == "CNY":
            book.move_asset(
                source_asset=posting.UNDERWAY,
                target_asset=asset,
                fen=line.amount_fen,
                key=f"bankentry:{line.pk}",
                kind="payout_arrived",
                actor=person(actor),
                source=f"bankentry:{line.pk}",
            )
        else:
            foreign.book_payout(line=line, actor=actor)
    elif line.kind in (*INCOME, BankEntry.Kind.FEE) and line.fund is not None:
        _book_own(line, actor, day)


def _book_own(line: BankEntry, actor: Any, day: dt.date | None) -> None:
    """Book what is no gift as a line of the fund's bank book, which both persons have seen here."""
    own = BankLine.objects.create(
        fund=line.fund,
        bank_account=line.bank_account,
        kind=line.kind,
        fen=abs(line.amount_fen),
        booked_on=line.booked_on,
        reference=line.serial,
        note=line.note or line.memo,
        prepared_by=line.prepared_by,
    )
    words: dict[str, Any] = {"fund": line.fund, "asset": line.bank_account.asset_key, "effective_on": day}
    if line.kind == BankEntry.Kind.FEE:
        posted = book.bank_fee(fen=own.fen, number=own.pk, actor=person(actor), **words).posted
    else:
        key = f"bankline:{own.pk}"
        posted = book.receive(
            fen=own.fen, key=key, kind=line.kind, actor=person(actor), source=key, memo=own.note, **words
        )
    own.state, own.approved_by, own.approved_at = Decision.APPROVED, actor, timezone.now()
    own.transfer_id = posted.id
    own.save(update_fields=["state", "approved_by", "approved_at", "transfer_id"])
    line.funds_line = own
    line.save(update_fields=["funds_line"])


def _book_payment(line: BankEntry, actor: Any, day: dt.date | None) -> None:
    payment = lock_payment(line.payment_id or 0)
    if payment.state == Payment.State.BOOKED:
        return  # confirmed by hand before: the line only proves it
    if payment.state == Payment.State.OPEN:
        payment.state, payment.paid_at = Payment.State.PAID, timezone.now()
        payment.prepared_by, payment.received_on = line.prepared_by, line.booked_on
        payment.document = payment.document or line.serial
    elif payment.state != Payment.State.PAID:
        raise WrongState(state=payment.state)
    other_person(actor, payment.prepared_by_id)
    payment.approved_by = actor
    payment.save(update_fields=["state", "paid_at", "prepared_by", "received_on", "document", "approved_by"])
    book_by_hand(payment, actor, effective_on=day)
