"""Statements, page by page, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from timebank.ledger.models import Account, Posting, Transfer
from timebank.ledger.plan import uses
from timebank.ledger.types import Line, Page


def statement(key: str, *, before: int | None = None, limit: int = 30) -> Page:
    """Return a page of an account's statement: a line for each leg of a transfer; ``next`` asks for older ones."""
    account = Account.objects.filter(key=key).first()
    if account is None:
        return Page([], None)
    groups: list[list[Posting]] = []
    for _place, group in groupby(_newest_first(account.pk, before, limit), key=lambda row: (row.transfer_id, row.leg)):
        groups.append(list(group))
        if len(groups) > limit:
            break
    more = len(groups) > limit
    groups = groups[:limit]
    transfers = Transfer.objects.in_bulk({rows[0].transfer_id for rows in groups})
    others = {row.debit_id for rows in groups for row in rows} | {row.credit_id for rows in groups for row in rows}
    names = dict(Account.objects.filter(pk__in=others).values_list("pk", "key"))
    lines = [_line(account, rows, transfers[rows[0].transfer_id], names) for rows in groups]
    return Page(lines, lines[-1].id if more and lines else None)


def _newest_first(account_id: int, before: int | None, limit: int) -> Iterator[Posting]:
    """Read the postings of an account backwards, in portions: each side has its own index, so two reads are merged."""
    size = limit * 2 + 2
    while True:
        sides = []
        for side in ("debit_id", "credit_id"):
            rows = Posting.objects.filter(**{side: account_id})
            if before is not None:
                rows = rows.filter(id__lt=before)
            sides.append(rows.order_by("-id")[:size])
        portion = sorted((row for rows in sides for row in rows), key=lambda row: -row.id)[:size]
        yield from portion
        if len(portion) < size:
            return
        before = portion[-1].id


def _line(account: Account, rows: list[Posting], transfer: Transfer, names: dict[int, str]) -> Line:
    credited = rows[0].credit_id == account.pk
    sign = 1 if credited else -1
    side = "credit" if credited else "debit"
    balance = getattr(rows[0], f"{side}_balance")
    return Line(
        id=rows[-1].id,
        posted_at=transfer.posted_at,
        effective_on=transfer.effective_on,
        kind=transfer.kind if rows[0].leg >= 0 else "debt",
        amount=sign * sum(row.amount for row in rows),
        balance_after=balance,
        counterparty=names[rows[0].debit_id if credited else rows[0].credit_id],
        memo=transfer.memo,
        reason=transfer.reason,
        actor=transfer.actor,
        on_behalf_of=transfer.on_behalf_of,
        source=transfer.source,
        rule=transfer.rule,
        transfer_id=transfer.pk,
        transfer_uuid=str(transfer.uuid),
        lots=uses(_Side(row, side) for row in reversed(rows)),
    )


class _Side:
    """A posting seen from one side only."""

    __slots__ = ("amount", "credit_expires_on", "credit_restriction", "debit_expires_on", "debit_restriction", "leg")

    def __init__(self, row: Posting, side: str) -> None:
        self.leg = 0
        self.amount = row.amount
        self.debit_expires_on = getattr(row, f"{side}_expires_on")
        self.debit_restriction = getattr(row, f"{side}_restriction")
        self.credit_expires_on = self.credit_restriction = None
