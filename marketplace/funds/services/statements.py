"""What suppliers are owed for a period: issued, objected to, accepted, prepared, approved."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from marketplace.funds import errors, rules
from marketplace.funds.models import Attachment, DrawDown, DrawShare, Objection, Purchase, Statement
from marketplace.funds.services import payees, payouts
from marketplace.funds.services.common import tell_supplier
from marketplace.funds.services.drawing import reverse_draw
from marketplace.partner.models import Partner
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep
from timebank.registry.interests import other_person
from timebank.registry.models import User
from timebank.registry.rules import can, require
from timebank.registry.services import record_audit

State = Statement.State
Draw = DrawDown.State


# -- Issuing -----------------------------------------------------------------------------------------------------------
def partners_due(*, until: dt.date, now: dt.datetime) -> list[int]:
    """List the suppliers with something that stands on no statement yet."""
    draws = DrawDown.objects.filter(_draws_due(until, now)).values_list("partner_id", flat=True)
    bought = Purchase.objects.filter(state="open", bought_on__lte=until).values_list("partner_id", flat=True)
    return sorted({*draws.distinct(), *bought.distinct()})


def _draws_due(until: dt.date, now: dt.datetime) -> Q:
    """Select what may go on a statement: priced, and older than the time in which a hand-over can be undone."""
    return Q(state=Draw.OPEN, handed_on__lte=until, drawn_at__lte=now - rules.UNDO_WINDOW)


def issue_statements(
    *, first_day: dt.date, last_day: dt.date, actor: User | None = None, now: dt.datetime | None = None
) -> list[Statement]:
    """Issue the statements of a period, each supplier in a transaction of its own: begin again after a crash."""
    now = now or timezone.now()
    made = []
    for partner in Partner.objects.filter(pk__in=partners_due(until=last_day, now=now)).order_by("pk"):
        statement = issue_statement(partner=partner, first_day=first_day, last_day=last_day, actor=actor, now=now)
        if statement is not None:
            made.append(statement)
    return made


def _last_month(now: dt.datetime) -> tuple[dt.date, dt.date]:
    return rules.month_of(timezone.localdate(now).replace(day=1) - dt.timedelta(days=1))


def _issue(pk: int, now: dt.datetime) -> None:
    first_day, last_day = _last_month(now)
    issue_statement(partner=Partner(pk=pk), first_day=first_day, last_day=last_day, now=now)


#: The statements of the last month, from its first day on, each supplier by itself.
ISSUE = Sweep(
    "statements of suppliers",
    due=lambda now: partners_due(until=_last_month(now)[1], now=now),
    handle=_issue,
    every=6 * 60 * 60,
)


@transaction.atomic
def issue_statement(
    *,
    partner: Partner,
    first_day: dt.date,
    last_day: dt.date,
    actor: User | None = None,
    now: dt.datetime | None = None,
) -> Statement | None:
    """Issue what ``partner`` is owed up to ``last_day``; None when there is nothing, or one of this period is open.

    The nightly job has no actor; the fund keeper may issue one up to today.
    """
    now = now or timezone.now()
    # the supplier's row is the lock: a draw-down stands on one statement
    partner = Partner.objects.select_for_update(of=("self",), no_key=True).select_related("village").get(pk=partner.pk)
    if actor is not None:
        require(actor, rules.KEEP_FUND, region=partner.village)
    earlier = Statement.objects.filter(partner=partner, first_day=first_day, last_day=last_day)
    if earlier.filter(state__in=[State.DRAFT, State.ISSUED]).exists():
        return None
    due = DrawDown.objects.filter(_draws_due(last_day, now), partner=partner)
    bought = Purchase.objects.filter(partner=partner, state="open", bought_on__lte=last_day)
    if not due.exists() and not bought.exists():
        return None
    statement = Statement.objects.create(
        partner=partner,
        first_day=first_day,
        last_day=last_day,
        number=earlier.count() + 1,
        state=State.ISSUED,
        issued_by=actor,
        issued_at=now,
        objections_until=rules.add_working_days(timezone.localdate(now), rules.OBJECTION_WORKING_DAYS),
        created_at=now,
    )
    due.update(state=Draw.LISTED, statement=statement)
    bought.update(state="listed", statement=statement)
    _net_returns(statement)
    add_up(statement)
    tell_supplier("statement_issued", statement, now, objections_until=str(statement.objections_until))
    return statement


def amounts_by_fund(statement: Statement) -> dict[int, int]:
    """Sum what each fund owes by this statement: tickets and goods, minus what was returned; objections left out."""
    totals: defaultdict[int, int] = defaultdict(int)
    listed = Q(draw__statement=statement, draw__state__in=[Draw.LISTED, Draw.SETTLED])
    _add(totals, DrawShare.objects.filter(listed).values_list("fund_id"), "fen")
    draws = DrawDown.objects.filter(statement=statement, state__in=[Draw.LISTED, Draw.SETTLED])
    _add(totals, draws.values_list("fund_id"), "short_fen")
    _add(totals, Purchase.objects.filter(statement=statement).values_list("fund_id"), "fen")
    returned = DrawShare.objects.filter(draw__returned_statement=statement).values_list("fund_id")
    _add(totals, returned, "fen", sign=-1)
    _add(totals, DrawDown.objects.filter(returned_statement=statement).values_list("fund_id"), "short_fen", sign=-1)
    return dict(totals)


def _add(totals: defaultdict[int, int], rows: Iterable[object], field: str, sign: int = 1) -> None:
    for fund, total in rows.annotate(total=Sum(field)).order_by():  # type: ignore[attr-defined]
        totals[fund] += sign * int(total or 0)


def _net_returns(statement: Statement) -> None:
    """Net what was returned after it was paid, oldest first, as far as each fund owes at least as much here."""
    totals = amounts_by_fund(statement)
    waiting = DrawDown.objects.filter(
        partner=statement.partner_id,
        state=Draw.REVERSED,
        was_settled=True,
        statement__state=State.PAID,
        returned_statement__isnull=True,
        repaid_line__isnull=True,
    )
    netted = []
    for draw in waiting.prefetch_related("shares").order_by("reversed_at", "pk"):
        parts: defaultdict[int, int] = defaultdict(int)
        for share in draw.shares.all():
            parts[share.fund_id] += share.fen
        parts[draw.fund_id] += draw.short_fen
        if all(totals.get(fund, 0) >= fen for fund, fen in parts.items()):
            for fund, fen in parts.items():
                totals[fund] = totals.get(fund, 0) - fen
            netted.append(draw.pk)
    DrawDown.objects.filter(pk__in=netted).update(returned_statement=statement)


def add_up(statement: Statement) -> Statement:
    """Write the sum of a statement's lines."""
    statement.fen = sum(amounts_by_fund(statement).values())
    Statement.objects.filter(pk=statement.pk).update(fen=statement.fen)
    return statement


def lock_statement(statement: Statement, *states: str) -> Statement:
    """Lock a statement and refuse another state than these. Raises ``WrongState``, ``AlreadySettled``."""
    row = (
        Statement.objects.select_for_update(of=("self",), no_key=True)
        .select_related("partner__village", "partner__organisation")
        .get(pk=statement.pk)
    )
    if row.state not in states:
        raise errors.AlreadySettled() if row.state == State.PAID else WrongState(state=row.state)
    return row


# -- The supplier's word -----------------------------------------------------------------------------------------------
def _require_side(actor: User, statement: Statement) -> None:
    """Let the supplier's own people and the fund keeper speak."""
    partner = statement.partner
    if not (
        can(actor, rules.SEE_SETTLEMENT, organisation=partner.organisation)
        if partner.organisation is not None
        else False
    ):
        require(actor, rules.KEEP_FUND, region=partner.village)


@transaction.atomic
def object_to(
    *, statement: Statement, actor: User, text: str, draw: DrawDown | None = None, now: dt.datetime | None = None
) -> Objection:
    """Object to a line (it is set aside, the rest goes on) or to the whole statement (it waits for the answer)."""
    now = now or timezone.now()
    statement = lock_statement(statement, State.ISSUED)
    _require_side(actor, statement)
    if not clean_text(text):
        raise errors.EvidenceMissing(field="text")
    if statement.objections_until is not None and timezone.localdate(now) > statement.objections_until:
        raise WrongState
    if draw is not None:
        moved = DrawDown.objects.filter(pk=draw.pk, statement=statement, state=Draw.LISTED).update(state=Draw.DISPUTED)
        if not moved:
            raise WrongState
    made = Objection.objects.create(
        statement=statement, draw=draw, text=clean_text(text)[:300], raised_by=actor, raised_at=now
    )
    Statement.objects.filter(pk=statement.pk).update(accepted_by=None, accepted_at=None)
    add_up(statement)
    return made


@transaction.atomic
def answer_objection(
    *, objection: Objection, actor: User, answer: str, pay: bool, now: dt.datetime | None = None
) -> Objection:
    """Answer an objection: the line is paid (now, or on the next statement), or taken back with its money."""
    now = now or timezone.now()
    # the statement first, as everybody who changes its lines does
    statement = (
        Statement.objects.select_for_update(of=("self",), no_key=True)
        .select_related("partner__village")
        .get(pk=objection.statement_id)
    )
    objection = Objection.objects.select_for_update(of=("self",), no_key=True).get(pk=objection.pk)
    require(actor, rules.APPROVE_PAYMENT, region=statement.partner.village)
    other_person(actor, objection.raised_by_id)
    rules.not_own_supplier(actor, statement.partner)
    if objection.answered_at is not None:
        raise WrongState
    if not clean_text(answer):
        raise errors.EvidenceMissing(field="answer")
    objection.answer, objection.answered_by, objection.answered_at = clean_text(answer)[:300], actor, now
    objection.save(update_fields=["answer", "answered_by", "answered_at"])
    if objection.draw_id is not None:
        draw = DrawDown.objects.select_for_update(of=("self",), no_key=True).get(pk=objection.draw_id)
        if draw.state != Draw.DISPUTED:
            pass  # returned at the desk meanwhile: there is nothing left to pay or to take back
        elif not pay:
            reverse_draw(draw=draw, actor=actor, reason=answer, now=now)
        elif statement.state == State.ISSUED:
            DrawDown.objects.filter(pk=draw.pk).update(state=Draw.LISTED)
        else:
            DrawDown.objects.filter(pk=draw.pk).update(state=Draw.OPEN, statement=None)
        if statement.state == State.ISSUED:
            add_up(statement)
    tell_supplier("statement_answered", statement, now, answer=objection.answer)
    return objection


@transaction.atomic
def accept_statement(*, statement: Statement, actor: User, now: dt.datetime | None = None) -> Statement:
    """Accept a statement: the supplier needs no more time to object. Again does nothing."""
    statement = lock_statement(statement, State.ISSUED)
    partner = statement.partner
    if partner.organisation is None:
        raise NotFound
    require(actor, rules.SEE_SETTLEMENT, organisation=partner.organisation)
    if statement.accepted_at is None:
        statement.accepted_by, statement.accepted_at = actor, now or timezone.now()
        statement.save(update_fields=["accepted_by", "accepted_at"])
    return statement


# -- Two persons -------------------------------------------------------------------------------------------------------
@transaction.atomic
def prepare_statement(
    *,
    statement: Statement,
    actor: User,
    invoice_number: str = "",
    invoice_file: Attachment | None = None,
    no_invoice_reason: str = "",
) -> Statement:
    """Put the supplier's invoice (or why there is none) to a statement, and ask for approval."""
    statement = lock_statement(statement, State.ISSUED)
    require(actor, rules.KEEP_FUND, region=statement.partner.village)
    rules.not_own_supplier(actor, statement.partner)
    if not clean_text(invoice_number) and not clean_text(no_invoice_reason):
        raise errors.EvidenceMissing(field="invoice_number")
    statement.prepared_by = actor
    statement.invoice_number, statement.invoice_file = clean_text(invoice_number)[:40], invoice_file
    statement.no_invoice_reason = clean_text(no_invoice_reason)[:200]
    statement.save(update_fields=["prepared_by", "invoice_number", "invoice_file", "no_invoice_reason"])
    return statement


@transaction.atomic
def approve_statement(*, statement: Statement, actor: User, now: dt.datetime | None = None) -> Statement:
    """Approve a prepared statement and its payouts, one for each bank account that pays.

    Raises ``ObjectionsOpen`` (before the day, unless accepted), ``StatementDisputed``, ``SamePerson``,
    ``EvidenceMissing``, ``PayeeUnconfirmed``.
    """
    now = now or timezone.now()
    statement = lock_statement(statement, State.ISSUED)
    require(actor, rules.APPROVE_PAYMENT, region=statement.partner.village)
    other_person(actor, statement.prepared_by_id, statement.issued_by_id, statement.accepted_by_id)
    rules.not_own_supplier(actor, statement.partner)
    if statement.prepared_by is None:
        raise errors.EvidenceMissing(field="invoice_number")
    over = statement.objections_until is not None and timezone.localdate(now) > statement.objections_until
    if statement.accepted_at is None and not over:
        raise errors.ObjectionsOpen(until=statement.objections_until)
    if statement.objections.filter(draw__isnull=True, answered_at__isnull=True).exists():
        raise errors.StatementDisputed
    add_up(statement)
    statement.state, statement.approved_by, statement.approved_at = State.APPROVED, actor, now
    statement.save(update_fields=["state", "approved_by", "approved_at"])
    account = payees.usable_account(partner=statement.partner, today=timezone.localdate(now)) if statement.fen else None
    payouts.make_payouts(statement=statement, amounts=amounts_by_fund(statement), account=account, actor=actor, now=now)
    record_audit(
        actor=actor,
        action="funds_approve_statement",
        subject=f"statement:{statement.pk}",
        region=statement.partner.village,
        facts={"fen": statement.fen},
        now=now,
    )
    return statement


@transaction.atomic
def void_statement(*, statement: Statement, actor: User, reason: str, now: dt.datetime | None = None) -> Statement:
    """Take an issued statement back: its lines wait for the next one."""
    now = now or timezone.now()
    statement = lock_statement(statement, State.ISSUED)
    require(actor, rules.KEEP_FUND, region=statement.partner.village)
    if not clean_text(reason):
        raise errors.EvidenceMissing(field="reason")
    lines = DrawDown.objects.filter(statement=statement, state__in=[Draw.LISTED, Draw.DISPUTED])
    lines.update(state=Draw.OPEN, statement=None)
    Purchase.objects.filter(statement=statement).update(state="open", statement=None)
    DrawDown.objects.filter(returned_statement=statement).update(returned_statement=None)
    statement.objections.filter(answered_at__isnull=True).exclude(raised_by=actor).update(
        answer=reason[:300], answered_by=actor, answered_at=now
    )
    statement.state, statement.void_reason, statement.fen = State.VOID, reason[:200], 0
    statement.save(update_fields=["state", "void_reason", "fen"])
    tell_supplier("statement_withdrawn", statement, now, reason=clean_text(reason)[:200])
    return statement
