"""Does all money add up, to the fen? What the ledger says beside what the rows say; the first difference is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from marketplace.funds import posting
from marketplace.funds.models import (
    BankLine,
    Batch,
    Commitment,
    DrawDown,
    Fund,
    Payout,
    ServiceGift,
    SuspenseMove,
)
from marketplace.funds.selectors.figures import payables_of
from timebank.ledger import selectors as ledger_read
from timebank.ledger.models import Account, Posting, Transfer

UNIT = 2  # CNY


class Difference(NamedTuple):
    """Two figures that should be one."""

    what: str
    ledger: int
    rows: int

    def __str__(self) -> str:
        return f"{self.what}: ledger {self.ledger}, rows {self.rows}"


@dataclass(slots=True)
class Equation:
    """Money in = funds + owed + suspense + shortfall + settled + projects + refunded + disputed + fees (fen)."""

    money_in: int = 0
    funds: int = 0
    owed: int = 0
    suspense: int = 0
    transit: int = 0
    shortfall: int = 0
    settled: int = 0
    projects: int = 0
    refunded: int = 0
    disputed: int = 0
    fees: int = 0
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def right(self) -> int:
        """Sum of where the money is or went."""
        balances = self.funds + self.owed + self.suspense + self.transit + self.shortfall
        return balances + self.settled + self.projects + self.refunded + self.disputed + self.fees

    @property
    def holds(self) -> bool:
        """Say whether all money in is somewhere, and every move of cash is of a kind that is known."""
        return self.money_in == self.right and not self.unknown


#: Other apps' checks (tickets, payments): name → the differences found, empty when well.
Check = Callable[[], Iterable[Difference]]
_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Add a check of another app, in its ``AppConfig.ready``."""
    _checks[name] = check


#: Our money, wherever it lies; "payout" is on its way from a provider to the bank.
_CASH = ("asset:bank:", "asset:cash:", "asset:stripe", "asset:practice", "asset:payout")
_INFLOW = {"donation", "opening", "collective", "grant", "interest", "stray"}
#: Kinds that bring back what another sum counts.
_SUMS = {
    "repaid": "settled",
    "donor_refund": "refunded",
    "stray_back": "refunded",
    "dispute": "disputed",
    "dispute_won": "disputed",
    "fee": "fees",
    "bank_fee": "fees",
    "dispute_fee": "fees",
}


def equation() -> Equation:
    """Compute the equation from the ledger alone; corrections count under the kind of what they correct."""
    keys = dict(Account.objects.filter(unit=UNIT).values_list("pk", "key"))
    cash = {pk for pk, key in keys.items() if key.startswith(_CASH)}
    made = Equation()
    for key, balance in ledger_read.balances_of(keys.values()).items():
        if key.startswith("fund:"):
            made.funds += balance.total
        elif key.startswith("payable:"):
            made.owed += balance.total
        elif key.startswith("suspense:"):
            made.suspense += balance.total
        elif key.startswith("shortfall:"):
            made.shortfall += balance.total
        elif key == posting.TRANSIT:
            made.transit += balance.total
    for kind, debit, credit, fen in _moves(cash):
        into, out = debit in cash, credit in cash
        if into and out:
            continue
        other = keys[credit if into else debit]
        _count(made, kind, fen if out else -fen, other)
    return made


def _moves(cash: set[int]) -> Iterable[tuple[str, int, int, int]]:
    """Sum the postings that touch cash: (kind of the original, debit, credit, fen)."""
    touching = Posting.objects.filter(Q(debit_id__in=cash) | Q(credit_id__in=cash), leg__gte=0)
    rows = (
        touching.values_list(
            "transfer__kind", "transfer__reverses__kind", "transfer__refund_of__kind", "debit_id", "credit_id"
        )
        .annotate(total=Sum("amount"))
        .order_by()
    )
    for kind, reversed_kind, refunded_kind, debit, credit, total in rows:
        yield reversed_kind or refunded_kind or kind, debit, credit, int(total)


def _count(made: Equation, kind: str, out: int, other: str) -> None:
    """Add what went out (negative: came in) of this kind to its sum."""
    if kind in _INFLOW and out < 0:
        made.money_in -= out
    elif kind in _INFLOW:
        made.fees += out  # a provider keeps its fee out of the same transfer
    elif kind == "correction":
        made.money_in -= out
    elif kind == "settle":
        name = "projects" if other.startswith("payable:payee:") else "settled"
        setattr(made, name, getattr(made, name) + out)
    elif kind in _SUMS:
        name = _SUMS[kind]
        setattr(made, name, getattr(made, name) + out)
    else:
        made.unknown[kind] = made.unknown.get(kind, 0) + out


def differences(*, without: Collection[str] = ()) -> Iterable[Difference]:
    """Yield every difference between the ledger and the rows; nothing when all is well.

    ``without`` names registered checks to leave out.
    """
    made = equation()
    if made.money_in != made.right:
        yield Difference("money in = where it is or went", made.money_in, made.right)
    for kind, fen in sorted(made.unknown.items()):
        yield Difference(f"cash moved by an unknown kind {kind!r}", fen, 0)
    paid = Payout.objects.filter(state="paid")
    repaid = BankLine.objects.filter(kind="repaid", state="approved").aggregate(total=Sum("fen"))["total"] or 0
    settled = (paid.filter(statement__isnull=False).aggregate(total=Sum("fen"))["total"] or 0) - repaid
    yield from _compare("settled with suppliers", made.settled, settled)
    projects = paid.filter(expense__isnull=False).aggregate(total=Sum("fen"))["total"] or 0
    yield from _compare("spent on projects", made.projects, projects)
    yield from _of_funds()
    yield from _of_goods()
    yield from _of_rows()
    for key in ("debt:CNY", "expired:CNY", posting.TRANSIT):
        yield from _compare(key, ledger_read.balance_of(key).total, 0)
    for name, check in _checks.items():
        if name not in without:
            yield from check()


def _compare(what: str, ledger: int, rows: int) -> Iterable[Difference]:
    if ledger != rows:
        yield Difference(what, ledger, rows)


def _of_funds() -> Iterable[Difference]:
    for fund in Fund.objects.order_by("pk"):
        balances = ledger_read.balances_of([fund.wallet_key, fund.shortfall_key])
        short, free = balances[fund.shortfall_key].total, balances[fund.wallet_key].spendable
        if short > 0 or (short < 0 and free > 0):
            yield Difference(f"{fund.shortfall_key} is level with free money", short, 0)
    rows: dict[str, int] = {}
    for fund in Fund.objects.order_by("pk"):
        rows |= payables_of(fund)
    keys = Account.objects.filter(unit=UNIT, key__startswith="payable:").values_list("key", flat=True)
    repaid: defaultdict[str, int] = defaultdict(int)
    for line in BankLine.objects.filter(kind="repaid", state="approved").select_related("fund"):
        repaid[posting.payable_key(fund=line.fund, partner_id=line.partner_id)] += line.fen  # type: ignore[arg-type]
    for key, balance in sorted(ledger_read.balances_of(keys).items()):
        yield from _compare(key, balance.total, rows.get(key, 0) + repaid[key])


def _of_goods() -> Iterable[Difference]:
    left = dict(Batch.objects.values_list("partner_id").annotate(total=Sum("fen_left")).order_by())
    for key in Account.objects.filter(unit=UNIT, key__startswith="stock:").values_list("key", flat=True):
        partner = int(key.partition(":")[2])
        value = int(left.get(partner, 0))
        yield from _compare(key, ledger_read.balance_of(key).total, value)
        yield from _compare(f"asset:{key}", -ledger_read.balance_of(f"asset:{key}").total, value)


def _of_rows() -> Iterable[Difference]:
    """Compare rows with rows: what is promised, drawn, given."""
    drawn = DrawDown.objects.exclude(state__in=["reversed", "unpriced", "own"]).annotate(total=Sum("shares__fen"))
    for draw in drawn.exclude(fen=F("short_fen") + Coalesce(F("total"), 0)):
        yield from _compare(f"shares of {draw}", draw.fen, int(draw.total or 0) + draw.short_fen)
    posted = set(drawn.values_list("transfer_id", flat=True))
    reversed_ = Transfer.objects.filter(reverses__in=posted).values_list("reverses_id", flat=True)
    for transfer in reversed_[:1]:
        yield Difference(f"a live draw-down was reversed in the ledger: transfer {transfer}", 1, 0)
    for gift in ServiceGift.objects.annotate(
        open=Sum("commitments__quantity", filter=Q(commitments__state="open"), default=0)
    ):
        yield from _compare(f"promised units of gift {gift.pk}", gift.promised, gift.open)
    both = Commitment.objects.filter(state="open", draws__state__in=["open", "listed", "settled"]).count()
    yield from _compare("open commitments that were drawn too", 0, both)
    undrawn = Commitment.objects.filter(state="drawn", kind="cash").exclude(
        pk__in=DrawDown.objects.exclude(state="reversed").values("commitment")
    )
    yield from _compare("handed-over tickets without a draw-down", 0, undrawn.count())
    lines = SuspenseMove.objects.filter(state="approved").values("line").annotate(total=Sum("fen"))
    for line in lines.filter(total__gt=F("line__fen")):
        yield Difference(f"explained more than came by bankline {line['line']}", line["total"], 0)
