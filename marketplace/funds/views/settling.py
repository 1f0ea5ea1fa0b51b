"""Pages of settlement: what a second person decides, statements, payouts and the bank's file; the supplier's page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    AgreedPrice,
    Allocation,
    BankFile,
    BankLine,
    Batch,
    Budget,
    DrawDown,
    Expense,
    Fund,
    Payout,
    PurposeChange,
    Statement,
    SuspenseMove,
)
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.selectors import supplier as supplier_selectors
from marketplace.funds.services import goods, moving, payees, payouts, prices, statements
from marketplace.funds.views.common import (
    Button,
    FormSection,
    Section,
    answer_refusal,
    badge,
    fresh_key,
    fund_page,
    kept_file,
    person,
    sent,
    show,
    write,
    yuan,
)
from marketplace.funds.views.keeper import ANY, _num, pages
from marketplace.partner.models import Partner
from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.registry.rules import can

Rows = list[tuple[list[Any], list[Button]]]


# -- The second person -------------------------------------------------------------------------------------------------
@require_safe
@fund_page(rules.APPROVE_PAYMENT)
def approvals(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List everything that somebody prepared and another person decides."""
    rows = selectors.to_decide(fund)
    return show(
        request,
        fund=fund,
        title=_("To approve"),
        lead=_("What you prepared yourself, somebody else decides."),
        template="funds/approvals.html",
        rows=[(row, yuan(row.fen)["text"], row.prepared_by.pk == request.user.pk) for row in rows],
    )


#: What of the address → the table, how to find its fund's rows, what decides.
DECIDED: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "price": (AgreedPrice, "stockrecord__partner__village__path__startswith", prices.decide_price, "price"),
    "change": (PurposeChange, "purpose__fund", moving.decide_purpose_change, "change"),
    "allocation": (Allocation, "source", moving.decide_allocation, "allocation"),
    "budget": (Budget, "fund", moving.decide_budget, "budget"),
    "line": (BankLine, "fund", moving.decide_line, "line"),
    "move": (SuspenseMove, "line__fund", moving.decide_explanation, "move"),
    "expense": (Expense, "fund", moving.decide_expense, "expense"),
}


@require_POST
@fund_page(rules.APPROVE_PAYMENT)
def decide(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Approve or decline what somebody else prepared."""
    kind, __, pk = read_text(request.POST.get("what")).partition(":")
    approve = request.POST.get("decision") == "approve"
    number = selectors.number(pk)
    back = reverse("funds:approvals", args=[fund.pk])
    try:
        if kind == "payout":
            payout = get_object_or_404(selectors.payouts_of(fund), pk=number)
            if approve:
                payouts.approve_payout(payout=payout, actor=person(request))
            else:
                payouts.fail_payout(payout=payout, actor=person(request), reason=read_text(request.POST.get("reason")))
        elif kind == "statement":
            statement = get_object_or_404(selectors.statements_of(fund), pk=number)
            if not approve:
                return redirect("funds:statement", number)
            statements.approve_statement(statement=statement, actor=person(request))
        elif kind in DECIDED:
            model, where, call, name = DECIDED[kind]
            value = fund.region.path if where.endswith("startswith") else fund
            row = get_object_or_404(model, **{"pk": number, where: value})
            more = {"related_party": request.POST.get("related") == "1"} if kind == "expense" else {}
            reason = read_text(request.POST.get("reason"))
            call(**{name: row}, actor=person(request), approve=approve, reason=reason, **more)
        else:
            raise Http404
    except DomainError as error:
        return answer_refusal(request, error, back)
    messages.success(request, _("Approved.") if approve else _("Declined."))
    return redirect(back)


# -- Statements --------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def statement_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List the statements of the region's suppliers; issue those of the last month, or up to today."""
    today = timezone.localdate()
    if request.method == "POST":
        if not can(request.user, rules.KEEP_FUND, region=fund.region):
            from timebank.registry.errors import NotAllowed

            raise NotAllowed
        first, last = (
            (today.replace(day=1), today)
            if request.POST.get("which") == "today"
            else rules.month_of(today.replace(day=1) - dt.timedelta(days=1))
        )
        due = statements.partners_due(until=last, now=timezone.now())
        partners = Partner.objects.filter(pk__in=due, village__path__startswith=fund.region.path).order_by("pk")
        made = [
            issued
            for partner in partners
            if (
                issued := statements.issue_statement(
                    partner=partner, first_day=first, last_day=last, actor=person(request)
                )
            )
        ]
        messages.success(request, _("%(n)d statements issued.") % {"n": len(made)})
        return redirect("funds:statements", fund.pk)
    page = pages(request, selectors.statements_of(fund))
    rows: Rows = [
        (
            [
                {"text": item.partner.display_name, "href": reverse("funds:statement", args=[item.pk])},
                f"{item.first_day} – {item.last_day}",
                yuan(item.fen),
                badge(item),
            ],
            [],
        )
        for item in page
    ]
    headers = [_("Supplier"), _("Period"), _num(_("Amount")), _("State")]
    buttons = []
    if can(request.user, rules.KEEP_FUND, region=fund.region):
        buttons = [
            Button(_("Issue up to today"), "", {"which": "today"}),
            Button(_("Issue the last month"), "", {"which": "month"}),
        ]
    return show(
        request,
        fund=fund,
        title=_("Statements"),
        lead=_("What suppliers are owed for tickets handed over. They have seven working days to object."),
        buttons=buttons,
        sections=[Section(_("Statements"), headers, rows, empty=_("No statement yet."), page=page)],
    )


def _seen(request: HttpRequest, pk: int) -> tuple[Statement, bool, bool]:
    """Return a statement with whether one is its supplier and whether one keeps the fund; strangers get 404."""
    result = get_object_or_404(
        Statement.objects.select_related(
            "partner__village", "partner__organisation", "accepted_by", "prepared_by", "approved_by", "invoice_file"
        ),
        pk=pk,
    )
    partner = result.partner
    own = partner.organisation is not None and can(
        request.user, rules.SEE_SETTLEMENT, organisation=partner.organisation
    )
    inside = any(can(request.user, action, region=partner.village) for action in rules.INSIDE)
    if not own and not inside:
        raise Http404
    return result, own, can(request.user, rules.KEEP_FUND, region=partner.village)


@login_required
@require_http_methods(["GET", "POST"])
def statement(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show a statement with its lines; object, accept, prepare, answer."""
    result, own, keeper = _seen(request, pk)
    try:
        return _statement(request, result, own=own, keeper=keeper)
    except DomainError as error:
        return answer_refusal(request, error, reverse("funds:statement", args=[pk]))


def _statement(request: HttpRequest, row: Statement, *, own: bool, keeper: bool) -> HttpResponseBase:
    actor = person(request)
    approver = can(actor, rules.APPROVE_PAYMENT, region=row.partner.village)
    objection = sent(request, "object", forms.ObjectionForm)
    prepare = sent(request, "prepare", forms.PrepareForm)
    answer = sent(request, "answer", forms.AnswerForm)
    here = redirect("funds:statement", row.pk)

    def object_to(data: dict[str, Any]) -> None:
        line = read_id(request.POST.get("line"), 0)
        draw = get_object_or_404(DrawDown, pk=line, statement=row) if line else None
        statements.object_to(statement=row, actor=actor, text=data["text"], draw=draw)

    def put(data: dict[str, Any]) -> None:
        statements.prepare_statement(
            statement=row,
            actor=actor,
            invoice_number=data["invoice_number"],
            invoice_file=kept_file(request, data),
            no_invoice_reason=data["no_invoice_reason"],
        )

    def say(data: dict[str, Any]) -> None:
        open_one = row.objections.filter(answered_at__isnull=True).order_by("pk").first()
        if open_one is None:
            raise Http404
        statements.answer_objection(objection=open_one, actor=actor, answer=data["answer"], pay=data["pay"] == "yes")

    if write(request, objection, object_to) or write(request, answer, say):
        return here
    if write(request, prepare, put, _("Prepared. A second person approves it.")):
        return here
    if _one_click(request, row):
        return here

    issued = row.state == Statement.State.ISSUED
    may_object = issued and (own or keeper)
    offered = []
    if issued and keeper:
        offered.append(FormSection(_("Invoice and approval"), prepare, _("Ask for approval"), "prepare", "check"))
    if approver and row.objections.filter(answered_at__isnull=True).exclude(raised_by=actor).exists():
        offered.append(FormSection(_("Answer the objection"), answer, _("Answer"), "answer", "edit"))
    if may_object:
        offered.append(FormSection(_("Object"), objection, _("Object"), "object", "warning"))
    buttons = []
    if issued and own and row.accepted_at is None:
        buttons.append(Button(_("Accept"), "", {"accept": "1"}, "primary"))
    if issued and approver and row.prepared_by is not None and row.prepared_by_id != actor.pk:
        buttons.append(Button(_("Approve"), "", {"approve": "1"}, "primary"))
    return show(
        request,
        title=row.partner.display_name,
        lead=_("Statement"),
        facts=_facts(row),
        buttons=buttons,
        sections=[_tickets(request, row, may_object=may_object), *_other_lines(row)],
        forms=offered,
        hidden={"line": read_text(request.GET.get("line"))},
    )


def _one_click(request: HttpRequest, row: Statement) -> bool:
    """Accept, approve or void a statement by a button."""
    actor = person(request)
    if "accept" in request.POST:
        statements.accept_statement(statement=row, actor=actor)
    elif "approve" in request.POST:
        statements.approve_statement(statement=row, actor=actor)
    elif "void" in request.POST:
        statements.void_statement(statement=row, actor=actor, reason=read_text(request.POST.get("reason")))
    else:
        return False
    return True


def _facts(row: Statement) -> list[tuple[Any, Any]]:
    return [
        (_("Period"), f"{row.first_day} – {row.last_day}"),
        (_("Amount"), yuan(row.fen)["text"]),
        (_("State"), row.get_state_display()),
        (_("Objections until"), row.objections_until or "—"),
        (_("Accepted by"), row.accepted_by or "—"),
        (_("Invoice"), row.invoice_number or row.no_invoice_reason or "—"),
        (_("Prepared by"), row.prepared_by or "—"),
        (_("Approved by"), row.approved_by or "—"),
    ]


def _tickets(request: HttpRequest, row: Statement, *, may_object: bool) -> Section:
    page = pages(request, supplier_selectors.lines_of(row))
    lines: Rows = []
    for item in page:
        buttons = []
        if may_object and item.state == DrawDown.State.LISTED:
            href = f"{reverse('funds:statement', args=[row.pk])}?line={item.pk}#object"
            buttons.append(Button(_("Object"), href, link=True))
        cells = [item.handed_on, item.commitment.product.get_title(), item.quantity, yuan(item.fen), badge(item)]
        lines.append((cells, buttons))
    headers = [_("Day"), _("Reward"), _num(_("Quantity")), _num(_("Amount")), _("State")]
    return Section(_("Tickets handed over"), headers, lines, empty=_("None."), page=page)


def _other_lines(row: Statement) -> list[Section]:
    sections = []
    bought: Rows = [
        ([purchase.bought_on, purchase.stockrecord.product.get_title(), purchase.units, yuan(purchase.fen)], [])
        for purchase in row.purchases.select_related("stockrecord__product").order_by("pk")
    ]
    if bought:
        headers = [_("Day"), _("Goods"), _num(_("Quantity")), _num(_("Amount"))]
        sections.append(Section(_("Goods bought"), headers, bought))
    back: Rows = [
        ([item.handed_on, item.commitment.product.get_title(), item.reason, yuan(-item.fen)], [])
        for item in row.returns.select_related("commitment__product").order_by("pk")
    ]
    if back:
        headers = [_("Day"), _("Reward"), _("Reason"), _num(_("Amount"))]
        sections.append(Section(_("Returned"), headers, back))
    said: Rows = [
        (
            [
                timezone.localdate(objection.raised_at),
                objection.raised_by.name,
                objection.text,
                objection.answer or "—",
            ],
            [],
        )
        for objection in row.objections.select_related("raised_by").order_by("pk")
    ]
    if said:
        sections.append(Section(_("Objections"), [_("Day"), _("Who"), _("Objection"), _("Answer")], said))
    return sections


# -- Payouts -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def payout_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List payouts: put the approved ones into a file, say what the bank did with the others."""
    actor = person(request)
    if request.method == "POST":
        done = _payout_step(request, fund)
        if done:
            messages.success(request, done)
        return redirect("funds:payouts", fund.pk)
    page = pages(request, selectors.payouts_of(fund))
    may_bank = can(actor, rules.RECORD_BANK, region=fund.region)
    rows: Rows = []
    for item in page:
        buttons = []
        if may_bank and item.state == Payout.State.SENT:
            buttons.append(Button(_("The bank paid"), "", {"paid": item.pk}))
            buttons.append(Button(_("The bank refused"), "", {"failed": item.pk}, "plain"))
        if may_bank and item.state == Payout.State.PAID:
            buttons.append(Button(_("It came back"), "", {"returned": item.pk}, "plain"))
        if item.state in {Payout.State.FAILED, Payout.State.RETURNED} and can(
            actor, rules.KEEP_FUND, region=fund.region
        ):
            buttons.append(Button(_("Prepare anew"), "", {"again": item.pk}))
        what = item.statement.partner.display_name if item.statement else item.expense.text
        rows.append(([what, str(item.payee_account), yuan(item.fen), badge(item)], buttons))
    ready = list(selectors.payouts_of(fund).filter(state="approved", bank_account=fund.bank_account))
    files: Rows = [
        (
            [timezone.localtime(row.written_at).strftime("%Y-%m-%d %H:%M"), row.count, yuan(row.fen)],
            [Button(_("Download"), reverse("funds:bank_file", args=[fund.pk, row.pk]), {"read": "1"})]
            if can(actor, rules.KEEP_FUND, region=fund.region)
            else [],
        )
        for row in BankFile.objects.filter(payouts__in=selectors.payouts_of(fund).values("pk")).distinct()[:20]
    ]
    buttons = []
    if ready and can(actor, rules.KEEP_FUND, region=fund.region):
        total = yuan(sum(row.fen for row in ready))["text"]
        label = _("Write the bank's file: %(n)d payments, %(total)s") % {"n": len(ready), "total": total}
        fields = {"write": ",".join(str(row.pk) for row in ready), "key": fresh_key()}
        buttons.append(Button(label, "", fields, "primary"))
    return show(
        request,
        fund=fund,
        title=_("Payouts"),
        facts=[(_("In the bank account"), yuan(selectors.asset_of(fund))["text"])],
        buttons=buttons,
        sections=[
            Section(
                _("Payouts"),
                [_("For what?"), _("Account"), _num(_("Amount")), _("State")],
                rows,
                empty=_("No payout yet."),
                page=page,
            ),
            Section(_("Bank files"), [_("Written"), _num(_("Payments")), _num(_("Amount"))], files, empty=_("None.")),
        ],
    )


def _payout_step(request: HttpRequest, fund: Fund) -> str:
    """Do what a button of the list asks for; return what to say."""
    actor, post = person(request), request.POST

    def issued(name: str) -> Payout:
        return get_object_or_404(selectors.payouts_of(fund), pk=selectors.number(post.get(name)))

    if "write" in post:
        ids = [selectors.number(part) for part in post["write"].split(",")]
        allowed = set(selectors.payouts_of(fund).filter(pk__in=ids).values_list("pk", flat=True))
        if set(ids) != allowed:
            raise Http404
        from timebank.common.input import InvalidInput

        try:
            file = payouts.write_bank_file(
                bank_account=fund.bank_account, payout_ids=ids, actor=actor, key=post.get("key", "")
            )
        except ValueError as error:
            if isinstance(error, InvalidInput):
                raise
            raise Http404 from error
        return _("The file is written: %(n)d payments.") % {"n": file.count}
    if "paid" in post:
        payouts.confirm_paid(payout=issued("paid"), actor=actor)
        return _("Written down.")
    if "failed" in post:
        payouts.fail_payout(payout=issued("failed"), actor=actor, reason=post.get("reason") or _("The bank refused"))
        return _("Written down.")
    if "returned" in post:
        payouts.bounce_payout(payout=issued("returned"), actor=actor, reason=post.get("reason") or _("It came back"))
        return _("Written down.")
    if "again" in post:
        payouts.prepare_again(payout=issued("again"), actor=actor)
        return _("Prepared. A second person approves it.")
    raise Http404


@require_POST
@fund_page(rules.KEEP_FUND)
def bank_file(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Hand a bank file out; each time is noted."""
    result = get_object_or_404(
        BankFile.objects.filter(payouts__in=selectors.payouts_of(fund).values("pk"))
        .select_related("bank_account__region", "format")
        .distinct(),
        pk=pk,
    )
    answer = HttpResponse(payouts.read_bank_file(file=result, actor=person(request)), content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="bank-{result.pk}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@fund_page(rules.KEEP_FUND)
def pay_expense(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Prepare the payout of an approved expense."""
    expense = get_object_or_404(Expense, pk=pk, fund=fund)
    payouts.prepare_expense_payout(expense=expense, actor=person(request))
    messages.success(request, _("Prepared. A second person approves it."))
    return redirect("funds:payouts", fund.pk)


# -- Given goods -------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def goods_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List the batches on the shelves; value given goods by their evidence."""
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    batches = Batch.objects.filter(fund=fund, units_left__gt=0).select_related("stockrecord__product", "partner")
    waiting = Batch.objects.filter(fund=fund, source="delivery", valued_at__isnull=True)
    form = sent(request, "value", forms.ValueForm, batches=waiting.select_related("stockrecord__product"))

    def call(data: dict[str, Any]) -> None:
        goods.value_batch(batch=data["batch"], fen=data["amount"], actor=person(request), reason=data["reason"])

    if write(request, form, call):
        return redirect("funds:goods", fund.pk)
    page = pages(request, batches.order_by("partner__name", "stockrecord__product__title", "use_by", "pk"))
    rows: Rows = [
        (
            [
                item.partner.display_name,
                item.stockrecord.product.get_title(),
                item.donor or item.get_source_display(),
                {"text": f"{item.units_left} / {item.units}", "num": True},
                yuan(item.fen_left),
                item.use_by or "—",
            ],
            [],
        )
        for item in page
    ]
    headers = [_("Supplier"), _("Goods"), _("Given by"), _num(_("Left")), _num(_("Value left")), _("Use by")]
    return show(
        request,
        fund=fund,
        title=_("Goods at cost"),
        sections=[Section(_("On the shelves"), headers, rows, empty=_("Nothing yet."), page=page)],
        forms=[FormSection(_("Value given goods"), form, _("Write down"), "value")] if may and waiting.exists() else [],
    )


# -- The supplier's own page -------------------------------------------------------------------------------------------
@login_required
@require_safe
def suppliers(request: HttpRequest) -> HttpResponseBase:
    """Lead to the supplier whose settlement one sees, or list them; who sees none gets 404."""
    result = list(supplier_selectors.partners_for(request.user)[:200])
    if not result:
        raise Http404
    if len(result) == 1:
        return redirect("funds:supplier", result[0].pk)
    rows: Rows = [
        ([{"text": item.display_name, "href": reverse("funds:supplier", args=[item.pk])}, str(item.village)], [])
        for item in result
    ]
    return show(request, title=_("Settlement"), sections=[Section(_("Suppliers"), [_("Supplier"), _("Village")], rows)])


@login_required
@require_http_methods(["GET", "POST"])
def supplier(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show a supplier what each ticket brought, its statements, and where it is paid."""
    partner = supplier_selectors.partners_for(request.user).filter(pk=pk).first()
    if partner is None:
        raise Http404
    month = supplier_selectors.month_named(read_text(request.GET.get("month")))
    payee = payees.payee_of(partner=partner)
    form = sent(request, "account", forms.AccountForm)

    def enter(data: dict[str, Any]) -> None:
        payees.enter_account(
            payee=payee,
            holder=data["holder"],
            bank_name=data["bank_name"],
            bank_code=data["bank_code"],
            number=data["number"],
            actor=person(request),
            key=data["key"],
        )

    try:
        if write(request, form, enter, _("Written down. A second person confirms it.")):
            return redirect("funds:supplier", pk)
    except DomainError as error:
        return answer_refusal(request, error, reverse("funds:supplier", args=[pk]))
    first, last = rules.month_of(month)
    draws = supplier_selectors.draws_of(partner, first, last)
    page = pages(request, draws)
    rows: Rows = [
        ([item.handed_on, item.commitment.product.get_title(), item.quantity, yuan(item.fen), badge(item)], [])
        for item in page
    ]
    papers: Rows = [
        (
            [
                {"text": f"{item.first_day} – {item.last_day}", "href": reverse("funds:statement", args=[item.pk])},
                yuan(item.fen),
                badge(item),
            ],
            [],
        )
        for item in partner.statements.order_by("-last_day", "-number")[:24]
    ]
    row = selectors.payee_row(payee)
    total = supplier_selectors.total_of(draws)
    return show(
        request,
        title=partner.display_name,
        lead=_("What each ticket brought, and when it is paid."),
        facts=[
            (_("Month"), f"{first:%Y-%m}"),
            (_("Handed over"), yuan(total)["text"]),
            (_("Paid into"), row.account_text),
            (_("Account"), row.state),
        ],
        months=supplier_selectors.months_before(first, 6),
        sections=[
            Section(
                _("Tickets of the month"),
                [_("Day"), _("Reward"), _num(_("Quantity")), _num(_("Amount")), _("State")],
                rows,
                empty=_("Nothing was handed over in this month."),
                page=page,
            ),
            Section(
                _("Statements"), [_("Period"), _num(_("Amount")), _("State")], papers, empty=_("No statement yet.")
            ),
        ],
        forms=[FormSection(_("Where shall we pay?"), form, _("Write down"), "account", "card")]
        if payees.may_enter(person(request), payee)
        else [],
    )
