"""The fund keeper's pages: cover and inbox, purposes, prices, budgets, the bank's lines, expenses, payees, periods."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.funds import forms, rules
from marketplace.funds.models import AgreedPrice, BankLine, Expense, Fund, PayeeAccount, Purpose, ServiceGift
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.selectors.coverage import history, latest
from marketplace.funds.selectors.figures import budgets_of, purposes_of, standing_of
from marketplace.funds.services import closing, moving, payees, prices, setup
from marketplace.funds.views.common import (
    Button,
    FormSection,
    Section,
    badge,
    fund_page,
    kept_file,
    person,
    sent,
    show,
    write,
    yuan,
)
from timebank.common.input import read_id, read_page
from timebank.registry.rules import can

ANY = rules.INSIDE
PAGE = 50


def pages(request: HttpRequest, rows: Any) -> Any:
    """Return the asked page of a list."""
    return Paginator(rows, PAGE).get_page(read_page(request.GET.get("page")))


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """Lead to the fund that one sees, or list them; who sees none gets 404."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('registry:sign_in')}?next={request.path}")
    funds = list(selectors.funds_for(request.user))
    if not funds:
        raise Http404
    if len(funds) == 1:
        return redirect("funds:fund", funds[0].pk)
    rows: list[tuple[list[Any], list[Button]]] = [
        (
            [
                {"text": str(row), "href": reverse("funds:fund", args=[row.pk])},
                str(row.region),
                *selectors.cover_cell(row),
            ],
            [],
        )
        for row in funds
    ]
    headers = [_("Fund"), _("Village"), {"text": _("Cover"), "num": True}]
    return show(request, title=_("Funds"), sections=[Section(_("Funds"), headers, rows)])


@require_safe
@fund_page(*ANY)
def fund(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show how far the fund covers its points, and what waits for somebody."""
    standing = standing_of(fund)
    return render(
        request,
        "funds/fund.html",
        {
            "fund": fund,
            "snapshot": latest(fund),
            "chart": selectors.chart_of(history(fund), fund),
            "inbox": selectors.inbox_of(fund, request.user),
            "facts": [
                (_("Free money"), yuan(standing["free"])["text"]),
                (_("Earmarked"), yuan(standing["earmarked"])["text"]),
                (_("Owed to suppliers"), yuan(standing["payable"])["text"]),
                (_("The fund lacks"), yuan(-standing["shortfall"])["text"]),
            ],
        },
    )


# -- Purposes ----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def purposes(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List what money was given for, and open a new purpose."""
    form = sent(request, "purpose", forms.PurposeForm, fund=fund)

    def call(data: dict[str, Any]) -> None:
        setup.open_purpose(
            fund=fund,
            name=data["name"],
            donor=data["donor"],
            products=[item.pk for item in data["products"]],
            min_age=data["min_age"],
            closes_on=data["closes_on"],
            pays_tickets=data["pays_tickets"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, call):
        return redirect("funds:purposes", fund.pk)
    rows: list[tuple[list[Any], list[Button]]] = []
    for row in purposes_of(fund):
        link = {"text": str(row.purpose), "href": reverse("funds:purpose", args=[fund.pk, row.purpose.pk])}
        state = {"badge": row.purpose.get_state_display(), "tone": "good" if row.left else "quiet"}
        rows.append(([link, row.purpose.donor, yuan(row.given), yuan(row.paid + row.spent), yuan(row.left), state], []))
    headers = [_("Purpose"), _("Given by"), _num(_("Given")), _num(_("Used")), _num(_("Left")), _("State")]
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    return show(
        request,
        fund=fund,
        title=_("Purposes"),
        lead=_("Money that a donor bound to something is used for nothing else."),
        sections=[Section(_("Purposes"), headers, rows, empty=_("No purpose yet."))],
        forms=[FormSection(_("New purpose"), form, _("Open the purpose"), "purpose", "plus")] if may else [],
    )


def _num(text: Any) -> dict[str, Any]:
    return {"text": text, "num": True}


@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def purpose(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Show a purpose; prepare to move what is left, or close it."""
    result = get_object_or_404(Purpose.objects.select_related("fund__region"), pk=pk, fund=fund)
    view = next(row for row in purposes_of(fund) if row.purpose.pk == pk)
    form = sent(request, "change", forms.PurposeChangeForm, purpose=result)

    def call(data: dict[str, Any]) -> None:
        moving.prepare_purpose_change(
            purpose=result,
            to=data["to"],
            fen=data["amount"],
            consent=data["consent"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, call, _("Prepared. A second person approves it.")):
        return redirect("funds:purpose", fund.pk, pk)
    if request.method == "POST" and "close" in request.POST:
        setup.close_purpose(purpose=result, actor=person(request), reason="")
        return redirect("funds:purposes", fund.pk)
    facts = [
        (_("Given by"), result.donor or "—"),
        (_("Given"), yuan(view.given)["text"]),
        (_("Used"), yuan(view.paid + view.spent)["text"]),
        (_("Left"), yuan(view.left)["text"]),
        (_("Last day"), result.closes_on or "—"),
        (_("Only from this age"), result.min_age or "—"),
    ]
    rows: list[tuple[list[Any], list[Button]]] = [
        ([str(change.to or _("Free money")), yuan(change.fen), change.consent, badge(change)], [])
        for change in result.changes.select_related("to").order_by("-pk")
    ]
    headers = [_("New purpose"), _num(_("Amount")), _("Consent of the donor"), _("State")]
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    close = (
        [Button(_("Close this purpose"), "", {"close": "1"})]
        if may and not view.left and result.state != "closed"
        else []
    )
    return show(
        request,
        fund=fund,
        title=str(result),
        facts=facts,
        buttons=close,
        sections=[Section(_("Changes of purpose"), headers, rows, empty=_("Never changed."))],
        forms=[FormSection(_("Move what is left"), form, _("Prepare"), "change")] if may and view.left else [],
        back=(reverse("funds:purposes", args=[fund.pk]), _("Purposes")),
    )


# -- Prices and given services -----------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def agreed(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List what suppliers are paid for a unit; propose a price; write down given services."""
    may = can(request.user, rules.PRICE_SUPPLIER, region=fund.region)
    form = sent(request, "price", forms.PriceForm, fund=fund)
    gift = sent(request, "gift", forms.GiftForm, fund=fund)

    def propose(data: dict[str, Any]) -> None:
        prices.propose_price(
            stockrecord=data["record"],
            fen=data["amount"],
            valid_from=data["valid_from"],
            valid_until=data["valid_until"],
            note_text=data["note"],
            actor=person(request),
            key=data["key"],
        )

    def give(data: dict[str, Any]) -> None:
        setup.give_service(
            fund=fund,
            stockrecord=data["record"],
            units=data["units"],
            donor=data["donor"],
            valid_until=data["valid_until"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, propose, _("Prepared. A second person approves it.")) or write(request, gift, give):
        return redirect("funds:prices", fund.pk)
    waiting = selectors.unpriced_of(fund)
    unpriced: list[tuple[list[Any], list[Button]]] = [
        ([item.partner, item.title, {"text": str(item.times), "num": True}], []) for item in waiting
    ]
    page = pages(request, selectors.prices_of(fund))
    rows = [(_price_cells(item), []) for item in page]
    headers = [_("Supplier"), _("Reward"), _num(_("Agreed price")), _("From"), _("Until"), _("State")]
    gifts: list[tuple[list[Any], list[Button]]] = [
        (
            [
                service_gift.donor,
                f"{service_gift.stockrecord.partner.display_name} · {service_gift.stockrecord.product.get_title()}",
                {"text": f"{service_gift.left} / {service_gift.units}", "num": True},
            ],
            [],
        )
        for service_gift in ServiceGift.objects.filter(fund=fund).select_related(
            "stockrecord__partner", "stockrecord__product"
        )
    ]
    sections = [
        Section(_("Agreed prices"), headers, rows, empty=_("No price yet."), page=page),
        Section(_("Given services"), [_("Given by"), _("Service"), _num(_("Left"))], gifts, empty=_("None.")),
    ]
    if unpriced:
        first = [_("Supplier"), _("Reward"), _num(_("Hand-overs"))]
        sections.insert(0, Section(_("Handed over without a price"), first, unpriced))
    return show(
        request,
        fund=fund,
        title=_("Agreed prices"),
        lead=_("What the fund pays a supplier for one. Two persons agree; a price of a past day never changes."),
        sections=sections,
        forms=[
            FormSection(_("Propose a price"), form, _("Propose"), "price", "plus"),
            FormSection(_("A service was given"), gift, _("Write down"), "gift", "gift"),
        ]
        if may
        else [],
    )


def _price_cells(agreed_price: AgreedPrice) -> list[Any]:
    record = agreed_price.stockrecord
    until = agreed_price.valid_until or "—"
    return [
        record.partner.display_name,
        record.product.get_title(),
        yuan(agreed_price.fen),
        agreed_price.valid_from,
        until,
        badge(agreed_price),
    ]


# -- Budgets -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def budgets(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show the plan of this and the next quarter beside what was spent."""
    first, last = rules.quarter_of(timezone.localdate())
    following = rules.quarter_of(last + dt.timedelta(days=1))
    form = sent(request, "budget", forms.BudgetForm, quarters=[first, following[0]])

    def call(data: dict[str, Any]) -> None:
        moving.prepare_budget(
            fund=fund,
            quarter=dt.date.fromisoformat(data["quarter"]),
            kind=data["kind"],
            fen=data["amount"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, call, _("Prepared. A second person approves it.")):
        return redirect("funds:budgets", fund.pk)
    headers = [_("For what?"), _num(_("Planned")), _num(_("Spent so far")), _num("%"), _("State")]
    sections = []
    for begin, end in ((first, last), following):
        rows: list[tuple[list[Any], list[Button]]] = [
            (
                [
                    budget.budget.get_kind_display(),
                    yuan(budget.budget.fen),
                    yuan(budget.spent),
                    {"text": f"{budget.percent} %", "num": True},
                    badge(budget.budget),
                ],
                [],
            )
            for budget in budgets_of(fund, begin, end)
        ]
        title = _("Quarter from %(day)s") % {"day": begin}
        sections.append(Section(title, headers, rows, empty=_("Nothing planned yet.")))
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    return show(
        request,
        fund=fund,
        title=_("Budgets"),
        sections=sections,
        forms=[FormSection(_("Plan"), form, _("Prepare"), "budget", "plus")] if may else [],
    )


# -- The bank's lines --------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def lines(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List collective income, grants, fees and unknown money; write a line down, explain an unknown one."""
    may = can(request.user, rules.RECORD_BANK, region=fund.region)
    form = sent(request, "line", forms.LineForm, fund=fund)
    explain = sent(request, "explain", forms.ExplainForm, fund=fund)

    def record(data: dict[str, Any]) -> None:
        moving.record_line(
            kind=data["kind"],
            fen=data["amount"],
            booked_on=data["booked_on"],
            fund=fund,
            bank_account=None if data["cash"] else fund.bank_account,
            partner=data["partner"],
            reference=data["reference"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    def say(data: dict[str, Any]) -> None:
        moving.prepare_explanation(
            line=data["line"],
            fen=data["amount"],
            fund=fund if data["ours"] == "fund" else None,
            purpose=data["purpose"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    done = _("Prepared. A second person approves it.")
    if write(request, form, record, done) or write(request, explain, say, done):
        return redirect("funds:lines", fund.pk)
    page = pages(request, BankLine.objects.filter(fund=fund).select_related("bank_account", "partner"))
    rows: list[tuple[list[Any], list[Button]]] = [
        (
            [
                item.booked_on,
                item.get_kind_display(),
                yuan(item.fen),
                item.bank_account or _("Cash"),
                item.partner.display_name if item.partner else item.note,
                badge(item),
            ],
            [],
        )
        for item in page
    ]
    headers = [_("Day"), _("What"), _num(_("Amount")), _("Where"), _("Note"), _("State")]
    unknown = BankLine.objects.filter(fund=fund, kind="unknown", state="approved").exists()
    offered = [FormSection(_("Write a line down"), form, _("Prepare"), "line", "plus")]
    if unknown:
        offered.append(FormSection(_("Explain unknown money"), explain, _("Prepare"), "explain", "help"))
    return show(
        request,
        fund=fund,
        title=_("Income and bank"),
        lead=_("Collective income, grants, interest, fees: what is no gift. Gifts are received under payments."),
        sections=[Section(_("Lines"), headers, rows, empty=_("No line yet."), page=page)],
        forms=offered if may else [],
    )


# -- Expenses and allocations ------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def expenses(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List bills of projects and what was given to other funds; prepare one."""
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    form = sent(request, "expense", forms.ExpenseForm, fund=fund)
    give = sent(request, "allocation", forms.AllocationForm, fund=fund)

    def spend(data: dict[str, Any]) -> None:
        payee = selectors.payee_named(fund, data["payee"]) or payees.create_payee(
            region=fund.region, name=data["payee"], actor=person(request)
        )
        moving.prepare_expense(
            fund=fund,
            payee=payee,
            purpose=data["purpose"],
            kind=data["kind"],
            fen=data["amount"],
            text=data["text"],
            voucher_number=data["voucher_number"],
            voucher=kept_file(request, data),
            actor=person(request),
            key=data["key"],
        )

    def allocate(data: dict[str, Any]) -> None:
        moving.prepare_allocation(
            source=fund,
            target=data["target"],
            purpose=data["purpose"],
            fen=data["amount"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    done = _("Prepared. A second person approves it.")
    if write(request, form, spend, done) or write(request, give, allocate, done):
        return redirect("funds:expenses", fund.pk)
    page = pages(request, Expense.objects.filter(fund=fund).select_related("payee", "purpose", "voucher"))
    rows = []
    for item in page:
        buttons = []
        if may and item.state == "approved" and item.paid_at is None:
            buttons.append(Button(_("Pay"), reverse("funds:pay_expense", args=[fund.pk, item.pk])))
        if item.voucher is not None:
            buttons.append(
                Button(_("Invoice"), reverse("funds:attachment", args=[fund.pk, item.voucher.pk]), link=True)
            )
        state = {"badge": _("Paid"), "tone": "good"} if item.paid_at else badge(item)
        rows.append(([item.payee, item.text, str(item.purpose or _("Free money")), yuan(item.fen), state], buttons))
    moved: list[tuple[list[Any], list[Button]]] = [
        (
            [
                str(allocation.source),
                str(allocation.target),
                str(allocation.purpose or _("Free money")),
                yuan(allocation.fen),
                badge(allocation),
            ],
            [],
        )
        for allocation in selectors.allocations_of(fund)
    ]
    headers = [_("Payee"), _("For what?"), _("Purpose"), _num(_("Amount")), _("State")]
    return show(
        request,
        fund=fund,
        title=_("Expenses"),
        sections=[
            Section(_("Expenses"), headers, rows, empty=_("No expense yet."), page=page),
            Section(
                _("Between funds"),
                [_("From"), _("To"), _("Purpose"), _num(_("Amount")), _("State")],
                moved,
                empty=_("Nothing was moved."),
            ),
        ],
        forms=[
            FormSection(_("A bill came"), form, _("Prepare"), "expense", "plus"),
            FormSection(_("Give to another fund"), give, _("Prepare"), "allocation", "arrow-right"),
        ]
        if may
        else [],
    )


@require_safe
@fund_page(*ANY)
def attachment(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Hand an invoice out to who sees the fund it belongs to."""
    kept = selectors.attachment_of(fund, pk)
    if kept is None:
        raise Http404
    answer = HttpResponse(bytes(kept.data), content_type=kept.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{pk}.{kept.content_type.rpartition("/")[2]}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


# -- Payees ------------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def payee_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List whom the fund pays and whether it may pay today; confirm an account that somebody else entered."""
    if request.method == "POST":
        account = get_object_or_404(
            PayeeAccount.objects.select_related("payee__region"),
            pk=read_id(request.POST.get("account"), 0),
            payee__region__path__startswith=fund.region.path,
        )
        payees.confirm_account(account=account, actor=person(request))
        return redirect("funds:payees", fund.pk)
    rows = []
    for payee in selectors.payees_of(fund):
        buttons = []
        if payee.waiting is not None and payee.waiting.entered_by_id != request.user.pk:
            buttons.append(
                Button(_("Confirm …%(last)s") % {"last": payee.waiting.number_last4}, "", {"account": payee.waiting.pk})
            )
        if payee.partner_id:
            link = reverse("funds:supplier", args=[payee.partner_id])
            buttons.append(Button(_("Account"), link, link=True))
        rows.append(([payee.name, payee.account_text, {"badge": payee.state, "tone": payee.tone}], buttons))
    headers = [_("Payee"), _("Account"), _("State")]
    return show(
        request,
        fund=fund,
        title=_("Payees"),
        lead=_(
            "A new account is confirmed by a second person, who has called the payee, and waits three working days."
        ),
        sections=[Section(_("Payees"), headers, rows, empty=_("Nobody is paid yet."))],
    )


# -- Periods -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@fund_page(*ANY)
def periods(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show what stands against closing the last month, what is closed, and close."""
    today = timezone.localdate()
    month = rules.month_of(today.replace(day=1) - dt.timedelta(days=1))
    quarter = rules.quarter_of(rules.quarter_of(today)[0] - dt.timedelta(days=1))
    choices = [
        (f"month:{month[0]}", f"{month[0]:%Y-%m}"),
        (f"quarter:{quarter[0]}", _("Quarter from %(day)s") % {"day": quarter[0]}),
    ]
    form = sent(request, "close", forms.PeriodForm, choices=choices)

    def call(data: dict[str, Any]) -> None:
        kind, __, day = data["month"].partition(":")
        closing.close_period(fund=fund, kind=kind, day=dt.date.fromisoformat(day), actor=person(request))

    if write(request, form, call, _("Closed.")):
        return redirect("funds:periods", fund.pk)
    result = closing.conditions_of(fund=fund, first_day=month[0], last_day=month[1])
    conditions: list[tuple[list[Any], list[Button]]] = [
        (
            [
                item.label,
                {"badge": _("Yes") if item.holds else str(item.against), "tone": "good" if item.holds else "bad"},
            ],
            [],
        )
        for item in result
    ]
    closed: list[tuple[list[Any], list[Button]]] = [
        (
            [
                close.first_day,
                close.last_day,
                close.get_kind_display(),
                close.closed_by.name,
                timezone.localdate(close.closed_at),
            ],
            [],
        )
        for close in fund.closes.select_related("closed_by").order_by("-last_day", "-pk")[:24]
    ]
    may = can(request.user, rules.CLOSE_PERIOD, region=fund.region)
    return show(
        request,
        fund=fund,
        title=_("Close of the month"),
        lead=_("A closed month takes nothing any more: later facts are written down today."),
        sections=[
            Section(
                _("Before %(month)s can be closed") % {"month": f"{month[0]:%Y-%m}"},
                [_("What"), _("State")],
                conditions,
            ),
            Section(
                _("Closed"),
                [_("From"), _("Until"), _("Kind"), _("Closed by"), pgettext("date", "On")],
                closed,
                empty=_("Nothing is closed yet."),
            ),
        ],
        forms=[FormSection(_("Close"), form, _("Close the period"), "close", "check")] if may else [],
    )


@require_POST
@fund_page(rules.KEEP_FUND)
def refresh(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Compute the cover now."""
    from marketplace.funds.services.cover import take_snapshot

    take_snapshot(fund=fund)
    return redirect("funds:fund", fund.pk)
