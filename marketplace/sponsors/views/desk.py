"""Needs, pledges and deliveries at the desk of the village and town."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.funds.rules import KEEP_FUND
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.sponsors import forms, rules
from marketplace.sponsors.models import Claim, Delivery, Need, Pledge
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import deliveries as delivery_services
from marketplace.sponsors.services import needs as need_services
from marketplace.sponsors.services import papers as paper_services
from marketplace.sponsors.services import pledges as pledge_services
from marketplace.sponsors.views.common import Act, Table, cell, num, opened_to, page_of, person, show
from timebank.common.input import read_text
from timebank.common.numbers import format_money
from timebank.registry.rules import can, regions_where

SEES_PLEDGES = (KEEP_FUND, rules.APPROVE_SPONSOR, rules.PUBLISH_NEED)


def name_of(pledge: Pledge) -> str:
    """Name a sponsor for the desk and for itself."""
    return pledge.enterprise.organisation.name


def amount_of(pledge: Pledge) -> str:
    """Write what a pledge is of."""
    return format_money(pledge.amount_fen) if pledge.kind == Pledge.Kind.MONEY else f"× {pledge.units}"


def came_of(pledge: Pledge) -> str:
    """Write what of a pledge came."""
    return format_money(pledge.received_fen) if pledge.kind == Pledge.Kind.MONEY else f"× {pledge.received_units}"


# -- Needs -------------------------------------------------------------------------------------------------------------
@opened_to(rules.PUBLISH_NEED)
def needs(request: HttpRequest) -> HttpResponse:
    """List the needs of our villages."""
    page = page_of(request, parties.needs_at_desk(person(request)))
    rows = [
        (
            cell(item.title, reverse("sponsors:desk_need", args=[item.pk])),
            str(item.region),
            num(format_money(item.budget_fen)),
            num(format_money(item.received_fen)),
            item.deadline.isoformat(),
            item.get_state_display(),
        )
        for item in page
    ]
    headers = (_("Title"), _("Village"), num(_("Budget")), num(_("Received")), _("Until"), _("State"))
    return show(
        request,
        title=_("Needs"),
        lead=_("What our villages look for a sponsor for."),
        tables=[Table(_("Needs"), headers, rows, _("Nothing is asked for yet."), page)],
        links=[
            (_("Write a need"), reverse("sponsors:new_need")),
            (_("Claim board"), reverse("sponsors:board")),
            (_("Project booklet"), reverse("sponsors:booklet")),
        ],
    )


@opened_to(rules.PUBLISH_NEED)
def new_need(request: HttpRequest) -> HttpResponse:
    """Write a need."""
    user = person(request)
    places = list(regions_where(user, rules.PUBLISH_NEED).filter(is_active=True).order_by("path")[:500])

    def run(form: Any) -> Need:
        data = form.cleaned_data
        names = ("title", "title_en", "text", "target", "place", "deadline", "pays_tickets")
        return need_services.write_need(
            region=form.place(), budget_fen=data["budget"], actor=user, **{name: data[name] for name in names}
        )

    act = Act(
        "new",
        "",
        _("Save as draft"),
        run,
        lambda *args, **kwargs: forms.NeedForm(*args, places=places, **kwargs),
        _("Saved. Read it once more, then publish it."),
        "primary",
        leads_to=lambda made: reverse("sponsors:desk_need", args=[made.pk]),
    )
    return show(request, title=_("Write a need"), acts=[act], back=(_("Needs"), reverse("sponsors:desk_needs")))


@opened_to(rules.PUBLISH_NEED)
def need(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a need, decide claims, report."""
    user = person(request)
    result = parties.need_at_desk(user, pk)
    claims = list(result.claims.select_related("enterprise__organisation", "asked_by"))
    rows = [
        (claim.enterprise.organisation.name, claim.wished_name, claim.shown_name or "—", claim.get_state_display())
        for claim in claims
    ]
    headers = (_("Sponsor"), _("Name wished for"), _("Name as it is shown"), _("State"))
    return show(
        request,
        title=result.title,
        text=result.text,
        badges=[(result.get_state_display(), result.tone)],
        facts=[
            (_("Village"), str(result.region)),
            (_("Fund"), str(result.fund)),
            (_("Whom it reaches"), result.target),
            (_("Place"), result.place or "—"),
            (_("Budget"), format_money(result.budget_fen)),
            (_("Received"), format_money(result.received_fen)),
            (_("Until"), result.deadline.isoformat()),
        ],
        tables=[Table(_("Claims"), headers, rows, _("Nobody has claimed it yet."))],
        acts=_need_acts(result, claims, user),
        back=(_("Needs"), reverse("sponsors:desk_needs")),
    )


def _need_acts(row: Need, claims: list[Claim], user: Any) -> list[Act]:
    acts = []
    if row.state == Need.State.DRAFT:
        acts.append(
            Act(
                "publish",
                _("Publish"),
                _("Publish the need"),
                lambda form: need_services.publish_need(need=row, actor=user),
                forms.PlainForm,
                _("Published."),
                "primary",
            )
        )
    if row.state == Need.State.PUBLISHED:
        acts += [act for claim in claims if claim.state == "asked" for act in _claim_acts(claim, user)]
    if row.state in (Need.State.DRAFT, Need.State.PUBLISHED):
        acts.append(
            Act(
                "withdraw",
                _("Take it back"),
                _("Take it back"),
                lambda form: need_services.withdraw_need(need=row, actor=user, reason=form.cleaned_data["reason"]),
                forms.ReasonForm,
                _("Taken back."),
            )
        )
    if row.state == Need.State.FUNDED:
        acts.append(
            Act(
                "report",
                _("Report what became of it"),
                _("Publish the report"),
                lambda form: need_services.report_need(need=row, actor=user, report=form.cleaned_data["report"]),
                forms.ReportForm,
                _("The report is public."),
                "primary",
            )
        )
    return acts


def _claim_acts(claim: Claim, user: Any) -> list[Act]:
    name = claim.enterprise.organisation.name
    return [
        Act(
            f"grant{claim.pk}",
            _("Grant the claim of %(name)s") % {"name": name},
            _("Grant"),
            lambda form: need_services.decide_claim(
                claim=claim, actor=user, grant=True, shown_name=form.cleaned_data["shown_name"]
            ),
            forms.GrantForm,
            _("Granted."),
            "primary",
            initial={"shown_name": claim.wished_name},
        ),
        Act(
            f"refuse{claim.pk}",
            _("Refuse the claim of %(name)s") % {"name": name},
            _("Refuse"),
            lambda form: need_services.decide_claim(
                claim=claim, actor=user, grant=False, reason=form.cleaned_data["reason"]
            ),
            forms.ReasonForm,
            _("Refused."),
        ),
    ]


# -- Pledges -----------------------------------------------------------------------------------------------------------
@opened_to(*SEES_PLEDGES)
def pledges(request: HttpRequest) -> HttpResponse:
    """List what was promised to our funds."""
    state = read_text(request.GET.get("state"))
    page = page_of(request, parties.pledges_at_desk(person(request), state=state))
    rows = [
        (
            cell(item.text, reverse("sponsors:desk_pledge", args=[item.pk])),
            name_of(item),
            str(item.fund),
            num(amount_of(item)),
            num(came_of(item)),
            item.get_state_display(),
        )
        for item in page
    ]
    headers = (_("What for"), _("Sponsor"), _("Fund"), num(_("Promised")), num(_("Came")), _("State"))
    url = reverse("sponsors:desk_pledges")
    tabs = [{"label": _("All"), "href": url, "active": not state}]
    tabs += [
        {"label": Pledge.State(key).label, "href": f"{url}?state={key}", "active": state == key}
        for key in ("submitted", "approved", "part", "fulfilled")
    ]
    return show(
        request,
        title=_("Pledges"),
        lead=_("What sponsors promise: accepted by the fund keeper; by the town where the sponsor is paid out of it."),
        tables=[Table(_("Pledges"), headers, rows, _("Nothing is promised yet."), page)],
        filters=tabs,
    )


@opened_to(*SEES_PLEDGES)
def pledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept or decline a pledge; its agreement and receipts."""
    user = person(request)
    result = parties.pledge_at_desk(user, pk)
    acts = []
    if result.state == Pledge.State.SUBMITTED and rules.may_decide(user, result):
        for name, title, accept, form in (
            ("accept", _("Accept the pledge"), True, forms.OptionalReasonForm),
            ("decline", _("Decline the pledge"), False, forms.ReasonForm),
        ):
            acts.append(
                Act(
                    name,
                    title,
                    title,
                    lambda form, accept=accept: pledge_services.decide_pledge(
                        pledge=result, actor=user, accept=accept, reason=form.cleaned_data["reason"]
                    ),
                    form,
                    _("Decided."),
                    "primary" if accept else "danger",
                )
            )
    if can(user, KEEP_FUND, region=result.fund.region):
        acts += agreement_acts(result, user, "signed_by_village_id")
        acts += _receipt_acts(result, user)
    return show(
        request,
        title=result.text,
        badges=pledge_badges(result),
        facts=pledge_facts(result),
        tables=[receipt_table(result), delivery_table(result, "sponsors:delivery")],
        acts=acts,
        links=agreement_links(result),
        back=(_("Pledges"), reverse("sponsors:desk_pledges")),
    )


def pledge_badges(row: Pledge) -> list[tuple[Any, str]]:
    """Return the state of a pledge, and whether the sponsor is paid out of it."""
    badges = [(row.get_state_display(), row.tone)]
    if row.related_party:
        badges.append((_("The sponsor is paid out of its own gift"), "warn"))
    return badges


def pledge_facts(row: Pledge) -> list[tuple[Any, Any]]:
    """Return what a pledge says."""
    facts = [
        (_("Sponsor"), name_of(row)),
        (_("Kind"), f"{row.get_kind_display()} · {row.get_nature_display()}"),
        (_("Fund"), str(row.fund)),
        (_("Promised"), amount_of(row)),
        (_("Expected by"), row.due_on.isoformat()),
    ]
    if row.kind == Pledge.Kind.MONEY:
        facts += [
            (_("Given"), format_money(row.received_fen)),
            (_("Fee of the payment service"), format_money(row.fee_fen)),
            (_("At work"), format_money(max(row.received_fen - row.fee_fen, 0))),
        ]
    else:
        facts.append((_("Came"), came_of(row)))
    if row.need is not None:
        facts.append((_("Need"), row.need.title))
    if row.purpose is not None:
        facts.append((_("Purpose"), str(row.purpose)))
    if row.supplier is not None:
        facts.append((_("Only at"), row.supplier.display_name))
    if row.min_age:
        facts.append((_("From age"), row.min_age))
    if row.reason:
        facts.append((_("Reason"), row.reason))
    return facts


def receipt_table(row: Pledge) -> Table:
    """List the receipts of a pledge."""
    rows = [
        (
            cell(receipt.number, reverse("sponsors:receipt", args=[receipt.pk])),
            receipt.issued_at.date().isoformat(),
            receipt.text,
            num(format_money(receipt.fen)),
        )
        for receipt in row.receipts.all()
    ]
    return Table(_("Receipts"), (_("Number"), _("Day"), _("What"), num(_("Amount"))), rows, _("No receipt yet."))


def delivery_table(row: Pledge, url: str = "") -> Table:
    """List the deliveries of a pledge."""
    rows = [
        (
            cell(delivery.expected_on.isoformat(), reverse(url, args=[delivery.pk]) if url else ""),
            num(delivery.units),
            num(delivery.counted_units if delivery.counted_units is not None else "—"),
            num(format_money(delivery.value_fen) if delivery.valued_at else "—"),
            delivery.get_state_display(),
        )
        for delivery in row.deliveries.all()
    ]
    headers = (_("Expected on"), num(_("Units")), num(_("Counted")), num(_("Value")), _("State"))
    return Table(_("Deliveries"), headers, rows, _("Nothing is announced."))


def agreement_links(row: Pledge) -> list[tuple[Any, str]]:
    """Lead to the agreement and its signed sides."""
    agreement = getattr(row, "agreement", None)
    if agreement is None:
        return []
    links = [(_("Donation agreement (PDF)"), reverse("sponsors:agreement", args=[agreement.pk]))]
    for which, label, item in (
        ("sponsor", _("Signed by the sponsor"), agreement.signed_by_sponsor_id),
        ("village", _("Signed by the village"), agreement.signed_by_village_id),
    ):
        if item:
            links.append((label, reverse("sponsors:signed", args=[agreement.pk, which])))
    return links


def agreement_acts(row: Pledge, user: Any, mine: str) -> list[Act]:
    """Offer to generate the agreement, then to put one's own signature to it."""
    agreement = getattr(row, "agreement", None)
    if agreement is None:
        if row.state not in ("approved", "part", "fulfilled"):
            return []
        return [
            Act(
                "agreement",
                _("Donation agreement"),
                _("Make the agreement"),
                lambda form: paper_services.make_agreement(pledge=row, actor=user),
                forms.PlainForm,
                _("The agreement is ready to print."),
            )
        ]
    if getattr(agreement, mine):
        return []
    return [
        Act(
            "sign",
            _("Signed agreement"),
            _("Upload"),
            lambda form: paper_services.sign_agreement(
                agreement=agreement,
                actor=user,
                file_name=form.cleaned_data["file"].name,
                data=form.cleaned_data["file"].read(2 * 1024 * 1024 + 1),
            ),
            forms.FileForm,
            _("Kept."),
            has_file=True,
        )
    ]


def _receipt_acts(row: Pledge, user: Any) -> list[Act]:
    acts = []
    receipts = list(row.receipts.all())
    countered = {receipt.counter_to_id for receipt in receipts}
    for receipt in receipts:
        if receipt.counter_to_id or receipt.pk in countered:
            continue
        if receipt.nature == Pledge.Nature.DONATION and not receipt.official_number:
            acts.append(
                Act(
                    f"official{receipt.pk}",
                    _("Official donation receipt for %(number)s") % {"number": receipt.number},
                    _("Write down"),
                    lambda form, receipt=receipt: paper_services.record_official(
                        receipt=receipt, actor=user, number=form.cleaned_data["number"]
                    ),
                    forms.OfficialForm,
                    _("Written down."),
                )
            )
        acts.append(
            Act(
                f"void{receipt.pk}",
                _("Void %(number)s") % {"number": receipt.number},
                _("Write the counter-receipt"),
                lambda form, receipt=receipt: paper_services.void_receipt(
                    receipt=receipt, actor=user, reason=form.cleaned_data["reason"]
                ),
                forms.ReasonForm,
                _("The counter-receipt is written."),
                "danger",
            )
        )
    return acts


# -- Deliveries --------------------------------------------------------------------------------------------------------
@opened_to(KEEP_FUND, RECEIVE_STOCK)
def deliveries(request: HttpRequest) -> HttpResponse:
    """List what comes, what is to be counted and what is to be valued."""
    state = read_text(request.GET.get("state"))
    page = page_of(request, parties.deliveries_at_desk(person(request), state=state))
    rows = [
        (
            cell(item.pledge.text, reverse("sponsors:delivery", args=[item.pk])),
            name_of(item.pledge),
            item.expected_on.isoformat(),
            num(item.units),
            num(item.counted_units if item.counted_units is not None else "—"),
            item.get_state_display(),
        )
        for item in page
    ]
    headers = (_("What for"), _("Sponsor"), _("Expected on"), num(_("Units")), num(_("Counted")), _("State"))
    url = reverse("sponsors:deliveries")
    tabs = [{"label": _("All"), "href": url, "active": not state}]
    tabs += [
        {"label": label, "href": f"{url}?state={key}", "active": state == key}
        for key, label in (("announced", _("To count")), ("counted", _("To value")), ("valued", _("Valued")))
    ]
    return show(
        request,
        title=_("Deliveries"),
        lead=_("The stock keeper counts what came; the fund keeper says what it is worth."),
        tables=[Table(_("Deliveries"), headers, rows, _("Nothing is announced."), page)],
        filters=tabs,
    )


@opened_to(KEEP_FUND, RECEIVE_STOCK)
def delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """Count or value a delivery."""
    user = person(request)
    result = parties.delivery_at_desk(user, pk)
    acts = []
    if result.state == Delivery.State.ANNOUNCED:
        shelves = parties.shelves_for(result.pledge, user)
        if shelves:
            acts.append(_count_act(result, shelves, user))
    elif result.state == Delivery.State.COUNTED and can(user, KEEP_FUND, region=result.pledge.fund.region):
        acts.append(_value_act(result, user))
    if request.method == "POST" and not acts:
        raise PermissionDenied
    facts = [
        (_("Sponsor"), name_of(result.pledge)),
        (_("Kind"), result.pledge.get_kind_display()),
        (_("Units announced"), result.units),
        (_("Expected on"), result.expected_on.isoformat()),
    ]
    if result.counted_units is not None:
        facts += [(_("Units counted"), result.counted_units), (_("Counted by"), str(result.counted_by))]
    if result.valued_at:
        facts += [(_("Evidence"), result.get_evidence_display()), (_("Value"), format_money(result.value_fen))]
        facts.append((_("Number"), result.evidence_text or "—"))
    return show(
        request,
        title=result.pledge.text,
        badges=[(result.get_state_display(), result.tone)],
        facts=facts,
        acts=acts,
        back=(_("Deliveries"), reverse("sponsors:deliveries")),
    )


def _count_act(row: Delivery, shelves: list[Any], user: Any) -> Act:
    def run(form: Any) -> Delivery:
        return delivery_services.count_delivery(
            delivery=row,
            units=form.cleaned_data["units"],
            stockrecord=form.shelves[form.cleaned_data["stockrecord"]],
            use_by=form.cleaned_data["use_by"],
            actor=user,
        )

    return Act(
        "count",
        _("Count what came"),
        _("Write down the count"),
        run,
        lambda *args, **kwargs: forms.CountForm(*args, shelves=shelves, **kwargs),
        _("Counted. The fund keeper values it now."),
        "primary",
        initial={"stockrecord": str(row.pledge.stockrecord_id or "")},
    )


def _value_act(row: Delivery, user: Any) -> Act:
    def run(form: Any) -> Delivery:
        data, upload = form.cleaned_data, form.cleaned_data["file"]
        return delivery_services.value_delivery(
            delivery=row,
            actor=user,
            evidence=data["evidence"],
            value_fen=data["value"],
            evidence_text=data["evidence_text"],
            file_name=upload.name if upload else "",
            file_data=upload.read(2 * 1024 * 1024 + 1) if upload else b"",
        )

    return Act(
        "value",
        _("Say what it is worth"),
        _("Write down the value"),
        run,
        forms.ValueForm,
        _("Valued. The receipt is written."),
        "primary",
        text=_("By an invoice or two quotes. Without evidence it counts no money."),
        has_file=True,
    )
