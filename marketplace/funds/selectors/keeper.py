"""What the fund keeper's pages show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.catalogue.models import Product
from marketplace.funds import rules
from marketplace.funds.models import (
    AgreedPrice,
    Allocation,
    Attachment,
    BankAccount,
    BankLine,
    Batch,
    Budget,
    CoverageSnapshot,
    DrawDown,
    Expense,
    Fund,
    Objection,
    Payee,
    PayeeAccount,
    Payout,
    PurposeChange,
    Statement,
    SuspenseMove,
)
from marketplace.funds.rules import INSIDE, SET_UP_FUND
from timebank.common.counts import count_all
from timebank.common.input import clean_text, read_id
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Region
from timebank.registry.rules import can, regions_where


def number(text: Any) -> int:
    """Read an id out of a form; 0 for anything else."""
    return read_id(text, 0)


def funds_for(user: Any) -> QuerySet[Fund]:
    """Select the funds whose inside ``user`` sees, with the newest cover."""
    regions = regions_where(user, INSIDE[0])
    for action in INSIDE[1:]:
        regions = regions | regions_where(user, action)
    newest = CoverageSnapshot.objects.filter(fund=OuterRef("pk")).order_by("-taken_at", "-pk")
    funds: Any = Fund.objects.filter(region__in=regions.values("pk")).select_related("region")
    return funds.annotate(bp=Subquery(newest.values("bp")[:1])).order_by("region__path")  # type: ignore[no-any-return]


def may_open(user: Any) -> bool:
    """Say whether there is a region for which ``user`` may open a fund."""
    return can(user, SET_UP_FUND) and regions_without_fund(user).exists()


def regions_without_fund(user: Any) -> QuerySet[Region]:
    """Select the villages and towns for which ``user`` may open a fund, and that have none."""
    return regions_where(user, SET_UP_FUND).filter(fund__isnull=True).order_by("path")


def accounts_for(user: Any) -> QuerySet[BankAccount]:
    """Select the bank accounts in which a fund that ``user`` opens may keep its money."""
    return BankAccount.objects.filter(region__in=regions_where(user, SET_UP_FUND).values("pk")).order_by("pk")


def products_near(fund: Fund) -> QuerySet[Product]:
    """Select the rewards of the suppliers in the fund's region."""
    rows = Product.objects.filter(stockrecords__partner__village__path__startswith=fund.region.path)
    return rows.select_related("parent").distinct().order_by("title", "pk")


def percent(bp: int | None) -> str:
    """Write a cover: "70.5 %", rounded down."""
    return "—" if bp is None else f"{bp // 10 / 10:.1f} %"


def cover_cell(fund: Any) -> list[dict[str, Any]]:
    """Return the cell of a fund's cover."""
    return [{"text": percent(fund.bp), "num": True}]


class Point(NamedTuple):
    """A day on the chart of the cover."""

    day: dt.date
    bp: int | None
    text: str
    x: float
    y: float


class Chart(NamedTuple):
    """The cover over time: points, the line through them, where warning and floor lie (SVG units)."""

    points: list[Point]
    line: str
    warn_y: float
    floor_y: float


WIDTH, HEIGHT = 600, 160


def chart_of(rows: Sequence[CoverageSnapshot], fund: Fund) -> Chart:
    """Lay out the history of the cover as a line in a box of 600 × 160."""
    top = max([row.bp or 0 for row in rows] + [fund.warn_bp]) * 1.1 or 1
    step = WIDTH / max(len(rows) - 1, 1)

    def height(bp: int) -> float:
        return round(HEIGHT - HEIGHT * max(bp, 0) / top, 1)

    points = [
        Point(timezone.localdate(row.taken_at), row.bp, percent(row.bp), round(place * step, 1), height(row.bp or 0))
        for place, row in enumerate(rows)
    ]
    line = " ".join(f"{point.x},{point.y}" for point in points if point.bp is not None)
    return Chart(points, line, height(fund.warn_bp), height(fund.floor_bp))


class Waiting(NamedTuple):
    """Something of the inbox: how many, and where it is seen to."""

    label: str
    amount: str
    href: str
    tone: str


def inbox_of(fund: Fund, user: Any, short: int) -> list[Waiting]:
    """List what waits for somebody: short (fen, known to the page), unpriced, suspense, objections, payees, approvals.

    What is counted is counted in one statement.
    """
    pk = [fund.pk]
    suspense = ledger_read.balance_of(fund.bank_account.suspense_key).total
    near = fund.region.path
    approves = can(user, rules.APPROVE_PAYMENT, region=fund.region)
    decide = _to_decide(fund) if approves else {}
    count = count_all(
        {
            "unpriced": DrawDown.objects.filter(fund=fund, state="unpriced"),
            "objections": Objection.objects.filter(
                statement__partner__village__path__startswith=near, answered_at__isnull=True
            ),
            "accounts": PayeeAccount.objects.filter(
                payee__region__path__startswith=near, confirmed_at__isnull=True, ended_at__isnull=True
            ),
            "unvalued": Batch.objects.filter(fund=fund, source="delivery", valued_at__isnull=True),
            "statements": Statement.objects.filter(
                partner__village__path__startswith=near, state="issued", prepared_by__isnull=True
            ),
            **decide,
        }
    )
    from timebank.common.numbers import format_money

    rows = [
        Waiting(
            _("The fund lacks money"), format_money(short) if short > 0 else "", reverse("funds:lines", args=pk), "bad"
        ),
        Waiting(_("Handed over without a price"), _some(count["unpriced"]), reverse("funds:prices", args=pk), "warn"),
        Waiting(
            _("Unexplained money"), format_money(suspense) if suspense else "", reverse("funds:lines", args=pk), "warn"
        ),
        Waiting(_("Objections to answer"), _some(count["objections"]), reverse("funds:statements", args=pk), "warn"),
        Waiting(_("Statements to prepare"), _some(count["statements"]), reverse("funds:statements", args=pk), ""),
        Waiting(_("Accounts to confirm"), _some(count["accounts"]), reverse("funds:payees", args=pk), ""),
        Waiting(_("Given goods without a value"), _some(count["unvalued"]), reverse("funds:goods", args=pk), ""),
    ]
    if approves:
        waiting = sum(count[kind] for kind in decide)
        rows.append(Waiting(_("To approve"), _some(waiting), reverse("funds:approvals", args=pk), "warn"))
    return [row for row in rows if row.amount]


def _some(count: int) -> str:
    return str(count) if count else ""


class Unpriced(NamedTuple):
    """A reward that was handed over without an agreed price."""

    partner: str
    title: str
    times: int


def unpriced_of(fund: Fund) -> list[Unpriced]:
    """List the rewards handed over without a price."""
    rows = (
        DrawDown.objects.filter(fund=fund, state="unpriced")
        .values("commitment__partner__name", "commitment__product__title")
        .annotate(count=Count("pk"))
        .order_by("commitment__partner__name", "commitment__product__title")
    )
    return [Unpriced(row["commitment__partner__name"], row["commitment__product__title"], row["count"]) for row in rows]


def prices_of(fund: Fund) -> QuerySet[AgreedPrice]:
    """Select the agreed prices of the region's suppliers, newest first."""
    rows = AgreedPrice.objects.filter(stockrecord__partner__village__path__startswith=fund.region.path)
    return rows.select_related("stockrecord__partner", "stockrecord__product").order_by(
        "stockrecord__partner__name", "stockrecord__product__title", "-valid_from", "-pk"
    )


def allocations_of(fund: Fund) -> QuerySet[Allocation]:
    """Select what was moved from and to this fund, newest first."""
    rows = Allocation.objects.filter(Q(source=fund) | Q(target=fund)).select_related("source", "target", "purpose")
    return rows.order_by("-pk")[:50]


def payee_named(fund: Fund, name: str) -> Payee | None:
    """Find the payee of this name in the fund's region."""
    return Payee.objects.filter(region__path__startswith=fund.region.path, name=clean_text(name)).first()


def attachment_of(fund: Fund, pk: int) -> Attachment | None:
    """Find a file of an expense or statement of this fund's region."""
    mine = Expense.objects.filter(fund=fund, voucher=pk).values("voucher")
    of_statements = Statement.objects.filter(
        partner__village__path__startswith=fund.region.path, invoice_file=pk
    ).values("invoice_file")
    return Attachment.objects.filter(Q(pk__in=mine) | Q(pk__in=of_statements)).first()


class PayeeRow(NamedTuple):
    """A payee with the account in use and one that waits."""

    pk: int
    name: str
    partner_id: int | None
    account_text: str
    state: str
    tone: str
    waiting: PayeeAccount | None


def payees_of(fund: Fund) -> list[PayeeRow]:
    """List the payees of the fund's region: which account is used, which waits for whom."""
    rows = Payee.objects.filter(region__path__startswith=fund.region.path).prefetch_related("accounts")
    return [payee_row(row) for row in rows.order_by("name", "pk")]


def payee_row(payee: Payee) -> PayeeRow:
    """Say of a payee whether it can be paid today."""
    today = timezone.localdate()
    live = [account for account in payee.accounts.all() if account.ended_at is None]
    used = next((item for item in live if item.confirmed_at is not None), None)
    waiting = next((item for item in live if item.confirmed_at is None), None)
    if used is None:
        state, tone = _("No confirmed account"), "warn"
    elif used.usable_from > today:
        state, tone = _("Usable from %(day)s") % {"day": used.usable_from}, "warn"
    else:
        state, tone = _("Can be paid"), "good"
    return PayeeRow(payee.pk, payee.name, payee.partner_id, str(used) if used else "—", state, tone, waiting)


class ToDecide(NamedTuple):
    """A row that a second person decides."""

    what: str  # "expense:12"
    title: Any
    text: str
    fen: int | None
    prepared_by: Any
    related: bool = False


def _to_decide(fund: Fund) -> dict[str, QuerySet[Any]]:
    """Select, by kind, what waits for a second person, oldest kinds first."""
    near = fund.region.path
    waiting = {"state": "prepared"}
    payouts = Payout.objects.filter(
        Q(statement__partner__village__path__startswith=near) | Q(expense__fund=fund), **waiting
    )
    ready = Statement.objects.filter(
        Q(accepted_at__isnull=False) | Q(objections_until__lt=timezone.localdate()),
        partner__village__path__startswith=near,
        state="issued",
        prepared_by__isnull=False,
    )
    moves = SuspenseMove.objects.filter(line__fund=fund, **waiting)
    return {
        "price": prices_of(fund).filter(**waiting).select_related("prepared_by"),
        "change": PurposeChange.objects.filter(purpose__fund=fund, **waiting).select_related(
            "purpose", "to", "prepared_by"
        ),
        "allocation": Allocation.objects.filter(source=fund, **waiting).select_related("target", "prepared_by"),
        "budget": Budget.objects.filter(fund=fund, **waiting).select_related("prepared_by"),
        "line": BankLine.objects.filter(fund=fund, **waiting).select_related("prepared_by"),
        "move": moves.select_related("fund", "prepared_by"),
        "expense": Expense.objects.filter(fund=fund, **waiting).select_related("payee", "purpose", "prepared_by"),
        "payout": payouts.select_related("payee_account", "prepared_by"),
        "statement": ready.select_related("partner", "prepared_by"),
    }


def to_decide(fund: Fund) -> list[ToDecide]:
    """List everything of a fund that waits for a second person, oldest kinds first."""
    words: dict[str, tuple[Any, Any]] = {
        "price": (
            _("Agreed price"),
            lambda row: (
                f"{row.stockrecord.partner.display_name} · {row.stockrecord.product.get_title()} · {row.valid_from}"
            ),
        ),
        "change": (_("Change of purpose"), lambda row: f"{row.purpose} → {row.to or _('Free money')}"),
        "allocation": (_("Between funds"), lambda row: f"→ {row.target}"),
        "budget": (_("Budget"), lambda row: f"{row.get_kind_display()} · {row.quarter}"),
        "line": (_("Bank line"), lambda row: f"{row.get_kind_display()} · {row.booked_on} {row.note}"),
        "move": (
            _("Unexplained money"),
            lambda row: f"{row.fund or _('It goes back to the payer')} · {row.note}",
        ),
        "expense": (_("Expense"), lambda row: f"{row.payee} · {row.text}"),
        "payout": (_("Payout"), lambda row: row.payee_account),
        "statement": (
            _("Statement"),
            lambda row: f"{row.partner.display_name} · {row.first_day} – {row.last_day}",
        ),
    }
    return [
        ToDecide(f"{kind}:{row.pk}", words[kind][0], str(words[kind][1](row)), row.fen, row.prepared_by, _related(row))
        for kind, rows in _to_decide(fund).items()
        for row in rows
    ]


def _related(row: Any) -> bool:
    """Say whether an expense goes to who gave for its purpose."""
    return isinstance(row, Expense) and row.purpose is not None and row.purpose.donor == row.payee.name != ""


def statements_of(fund: Fund) -> QuerySet[Statement]:
    """Select the statements of the region's suppliers, newest first."""
    rows = Statement.objects.filter(partner__village__path__startswith=fund.region.path)
    return rows.select_related("partner").order_by("-last_day", "partner__name", "-number")


def payouts_of(fund: Fund) -> QuerySet[Payout]:
    """Select the payouts of this fund's region, newest first."""
    near = Q(statement__partner__village__path__startswith=fund.region.path) | Q(expense__fund=fund)
    rows = Payout.objects.filter(near).select_related("payee_account", "bank_account", "statement__partner", "expense")
    return rows.order_by("-prepared_at", "-pk")


def asset_of(fund: Fund) -> int:
    """Return the money in the fund's bank account, fen."""
    return -ledger_read.balance_of(fund.bank_account.asset_key).total


def cash_of(fund: Fund) -> int:
    """Return the cash in the fund's box, fen."""
    return -ledger_read.balance_of(fund.cash_key).total
