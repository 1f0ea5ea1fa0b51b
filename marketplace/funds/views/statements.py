"""Statements of suppliers: issue, object, accept, approve."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    DrawDown,
    Fund,
    Statement,
)
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.selectors import supplier as supplier_selectors
from marketplace.funds.services import statements
from marketplace.funds.views.common import (
    Button,
    FormSection,
    Rows,
    Section,
    answer_refusal,
    badge,
    fund_page,
    kept_file,
    num,
    pages,
    period,
    person,
    sent,
    show,
    write,
    yuan,
)
from marketplace.partner.models import Partner
from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.registry.errors import NotAllowed
from timebank.registry.models import User
from timebank.registry.rules import can


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def statement_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List the statements of the region's suppliers; issue those of the last month, or up to today."""
    today = timezone.localdate()
    if request.method == "POST":
        if not can(request.user, rules.KEEP_FUND, region=fund.region):
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
                period(item.first_day, item.last_day),
                yuan(item.fen),
                badge(item),
            ],
            [],
        )
        for item in page
    ]
    headers = [_("Supplier"), _("Period"), num(_("Amount")), _("State")]
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
    void = sent(request, "void", forms.VoidForm)
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

    def take_back(data: dict[str, Any]) -> None:
        statements.void_statement(statement=row, actor=actor, reason=data["reason"])

    if write(request, objection, object_to) or write(request, answer, say):
        return here
    if write(request, void, take_back, _("Taken back. Its lines wait for the next statement.")):
        return here
    if write(request, prepare, put, _("Prepared. A second person approves it.")):
        return here
    if _one_click(request, row):
        return here

    issued = row.state == Statement.State.ISSUED
    may_object = issued and (own or keeper)
    offered = [
        (issued and keeper, FormSection(_("Invoice and approval"), prepare, _("Ask for approval"), "prepare", "check")),
        (
            approver and row.objections.filter(answered_at__isnull=True).exclude(raised_by=actor).exists(),
            FormSection(_("Answer the objection"), answer, _("Answer"), "answer", "edit"),
        ),
        (may_object, FormSection(_("Object"), objection, _("Object"), "object", "warning")),
        (issued and keeper, FormSection(_("Take this statement back"), void, _("Take it back"), "void", "undo")),
    ]
    return show(
        request,
        title=row.partner.display_name,
        lead=_("Statement"),
        back=(reverse("funds:supplier", args=[row.partner_id]), _("Settlement")),
        facts=_facts(row),
        buttons=_buttons(row, actor, own=own, approver=approver),
        sections=[_tickets(request, row, may_object=may_object), *_other_lines(row)],
        forms=[form for is_offered, form in offered if is_offered],
        hidden={"line": read_text(request.GET.get("line"))},
    )


def _buttons(row: Statement, actor: User, *, own: bool, approver: bool) -> list[Button]:
    if row.state != Statement.State.ISSUED:
        return []
    buttons = []
    if own and row.accepted_at is None:
        buttons.append(Button(_("Accept"), "", {"accept": "1"}, "primary"))
    if approver and row.prepared_by is not None and row.prepared_by_id != actor.pk:
        buttons.append(Button(_("Approve"), "", {"approve": "1"}, "primary"))
    return buttons


def _one_click(request: HttpRequest, row: Statement) -> bool:
    """Accept or approve a statement by a button."""
    actor = person(request)
    if "accept" in request.POST:
        statements.accept_statement(statement=row, actor=actor)
    elif "approve" in request.POST:
        statements.approve_statement(statement=row, actor=actor)
    else:
        return False
    return True


def _facts(row: Statement) -> list[tuple[Any, Any]]:
    return [
        (_("Period"), period(row.first_day, row.last_day)),
        (_("Amount"), yuan(row.fen)["text"]),
        (_("State"), row.get_state_display()),
        (_("Objections until"), row.objections_until or "—"),
        (_("Accepted by"), row.accepted_by or "—"),
        (_("Invoice"), row.invoice_number or row.no_invoice_reason or "—"),
        (_("Prepared by"), row.prepared_by or "—"),
        (_("Approved by"), row.approved_by or "—"),
        *([(_("Taken back because"), row.void_reason)] if row.void_reason else []),
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
    headers = [_("Day"), _("Reward"), num(_("Quantity")), num(_("Amount")), _("State")]
    return Section(_("Tickets handed over"), headers, lines, empty=_("None."), page=page)


def _other_lines(row: Statement) -> list[Section]:
    sections = []
    bought: Rows = [
        ([purchase.bought_on, purchase.stockrecord.product.get_title(), purchase.units, yuan(purchase.fen)], [])
        for purchase in row.purchases.select_related("stockrecord__product").order_by("pk")
    ]
    if bought:
        headers = [_("Day"), _("Goods"), num(_("Quantity")), num(_("Amount"))]
        sections.append(Section(_("Goods bought"), headers, bought))
    back: Rows = [
        ([item.handed_on, item.commitment.product.get_title(), item.reason, yuan(-item.fen)], [])
        for item in row.returns.select_related("commitment__product").order_by("pk")
    ]
    if back:
        headers = [_("Day"), _("Reward"), _("Reason"), num(_("Amount"))]
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
