"""A sponsor's own pages: what it gave, what it promised, what it did, who works for it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from marketplace.payments import providers
from marketplace.sponsors import forms, rules
from marketplace.sponsors.models import Claim, Delivery, Enterprise, Need, Pledge
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.selectors.impact import impact_of
from marketplace.sponsors.services import deliveries as delivery_services
from marketplace.sponsors.services import enterprises
from marketplace.sponsors.services import organisations as services
from marketplace.sponsors.services import pledges as pledge_services
from marketplace.sponsors.views.common import Act, Table, cell, num, opened_to, page_of, person, show
from marketplace.sponsors.views.pledge_parts import (
    agreement_acts,
    agreement_links,
    amount_of,
    came_of,
    delivery_table,
    pledge_badges,
    pledge_facts,
    receipt_table,
)
from timebank.common.input import clean_text
from timebank.common.numbers import format_money
from timebank.ui.templatetags.ui import day

PORTAL = "sponsors/desk_page.html"


def _notes(sponsor: Enterprise) -> list[tuple[str, Any]]:
    state = Enterprise.State
    texts = {
        state.PENDING: ("info", _("The town has your application and will answer.")),
        state.SUSPENDED: ("warn", _("The town has suspended this sponsor: nothing new can be promised or paid.")),
        state.REFUSED: ("bad", _("The town has refused the application.")),
        state.MERGED: ("info", _("This sponsor was merged into another.")),
    }
    result = texts.get(state(sponsor.state))
    if result is None:
        return []
    return [(result[0], clean_text(f"{result[1]} {sponsor.reason}", lines=True))]


@opened_to(rules.PLEDGE)
def home(request: HttpRequest) -> HttpResponse:
    """Show a sponsor what it gave and what is to be done."""
    user = person(request)
    mine = parties.sponsors_of(user)
    if not mine:
        raise Http404
    sponsor = parties.sponsor_of(user)
    page = page_of(request, parties.pledges_of(user))
    rows = [
        (
            cell(item.text, reverse("sponsors:pledge", args=[item.pk])),
            item.get_kind_display(),
            num(amount_of(item)),
            num(came_of(item)),
            item.get_state_display(),
        )
        for item in page
    ]
    claims = Claim.objects.filter(enterprise__in=[item.pk for item in mine]).select_related("need")[:50]
    claim_rows = [
        (
            cell(claim.need.title, _need_url(claim.need)),
            claim.shown_name or claim.wished_name,
            claim.get_state_display(),
        )
        for claim in claims
    ]
    year = timezone.localdate().year
    made = impact_of(mine)
    links = [(_("What our gifts did"), reverse("sponsors:impact"))]
    if sponsor.state == Enterprise.State.ACTIVE:
        links = [
            (_("Promise something"), reverse("sponsors:new_pledge")),
            (_("Needs of the villages"), reverse("sponsors:needs")),
            *links,
        ]
    links.append((_("Statement of %(year)s (PDF)") % {"year": year}, reverse("sponsors:year", args=[year])))
    return show(
        request,
        title=sponsor.organisation.name,
        badges=[(sponsor.get_state_display(), sponsor.tone)],
        notes=_notes(sponsor),
        facts=[
            (_("Given"), format_money(made.given)),
            (_("Fee of the payment service"), format_money(made.fee)),
            (_("At work"), format_money(made.at_work)),
        ],
        tables=[
            Table(
                _("Pledges"),
                (
                    _("What for"),
                    _("Kind"),
                    num(pgettext("gift", "Promised")),
                    num(pgettext("gift", "Came")),
                    _("State"),
                ),
                rows,
                _("Nothing is promised yet."),
                page,
            ),
            Table(
                _("Claims"),
                (_("Need"), pgettext("gift", "Named"), _("State")),
                claim_rows,
                _("Nothing is claimed yet."),
            ),
        ],
        links=links,
        template=PORTAL,
    )


def _need_url(need: Need) -> str:
    return reverse("sponsors:need", args=[need.pk]) if need.state in parties.LIVE else ""


@opened_to(rules.PLEDGE)
def profile(request: HttpRequest) -> HttpResponse:
    """Choose whether the sponsor is named in public."""
    user = person(request)
    sponsor = parties.sponsor_of(user)
    shown = sponsor.name_withdrawn_at is None
    acts = [
        Act(
            "thanks",
            _("Thank-you wall"),
            _("Take us off the wall") if sponsor.on_thanks_wall else _("Put us on the wall"),
            lambda form: enterprises.set_thanks(enterprise=sponsor, actor=user, on_wall=not sponsor.on_thanks_wall),
            forms.PlainForm,
            _("Written down."),
        ),
        Act(
            "name",
            _("Our name on rewards and tickets"),
            _("Take our name off everything") if shown else _("Show our name again"),
            lambda form: enterprises.withdraw_name(enterprise=sponsor, actor=user, shown=not shown),
            forms.PlainForm,
            _("Written down."),
        ),
    ]
    facts = [
        (_("Credit code"), sponsor.organisation.uscc or "—"),
        (_("Name as it is shown"), sponsor.public_name or _("withdrawn")),
        (_("On the thank-you wall"), _("yes") if sponsor.on_thanks_wall else _("no")),
    ]
    return show(
        request,
        title=_("How we are named"),
        facts=facts,
        acts=acts,
        back=(_("Our gifts"), reverse("sponsors:home")),
        template=PORTAL,
    )


@opened_to(rules.PLEDGE)
def team(request: HttpRequest) -> HttpResponse:
    """Invite colleagues and end their roles."""
    user = person(request)
    organisation = parties.sponsor_of(user).organisation
    grants = parties.people_of(organisation)
    acts = [
        Act(
            "invite",
            _("Invite a colleague"),
            _("Invite"),
            lambda form: services.invite(
                organisation=organisation, phone_number=form.cleaned_data["phone"], actor=user
            ),
            forms.InviteForm,
            _("Invited. Send the address shown below."),
            "primary",
            text=_("They open the address that you send them, within a week."),
        )
    ]
    acts += [
        Act(
            f"end{grant.pk}",
            _("End the role of %(name)s") % {"name": grant.user.name},
            _("End the role"),
            lambda form, grant=grant: services.end_staff(grant=grant, actor=user),
            forms.PlainForm,
            _("The role has ended."),
        )
        for grant in grants
        if grant.user_id != user.pk
    ]
    open_ones = organisation.invitations.filter(accepted_at=None, ended_at=None)[:20]
    return show(
        request,
        title=_("Our team"),
        tables=[Table(_("People"), (_("Name"),), [(grant.user.name,) for grant in grants])],
        acts=acts,
        links=[(_("How we are named"), reverse("sponsors:profile"))],
        invitations=[
            (invited.phone, request.build_absolute_uri(reverse("sponsors:invited", args=[invited.code])))
            for invited in open_ones
        ],
        template=PORTAL,
    )


@opened_to(rules.PLEDGE)
def impact(request: HttpRequest) -> HttpResponse:
    """Show what the gifts did: whole months, at least five people, never who."""
    mine = parties.sponsors_of(person(request))
    if not mine:
        raise Http404
    made = impact_of(mine)
    months = [
        (
            date_format(month.month, "YEAR_MONTH_FORMAT"),
            num(people_text(month.people)),
            num(month.units or "—"),
            num(format_money(month.fen) if month.people else "—"),
        )
        for month in made.months
    ]
    rewards = [(title, num(people_text(people))) for title, people in made.rewards]
    headers = (_("Month"), num(_("People")), num(_("Units")), num(_("Money used")))
    return show(
        request,
        title=_("What our gifts did"),
        lead=_("Whole months. Numbers of people are rounded down to fives; fewer than five are never shown."),
        facts=[
            (_("Given"), format_money(made.given)),
            (_("Fee of the payment service"), format_money(made.fee)),
            (_("At work"), format_money(made.at_work)),
            (_("Used for rewards"), format_money(made.used)),
            (_("Used for projects"), format_money(made.projects)),
            (_("Left, or not yet shown"), format_money(made.not_shown)),
            (_("People reached"), people_text(made.people)),
        ],
        tables=[
            Table(_("By month"), headers, months, _("Nothing to show yet.")),
            Table(_("By reward"), (_("Reward"), num(_("People"))), rewards, _("Nothing to show yet.")),
        ],
        back=(_("Our gifts"), reverse("sponsors:home")),
        template=PORTAL,
    )


def people_text(count: int) -> str:
    """Write a number of people as it may be published."""
    if not count:
        return _("fewer than five")
    return ngettext("at least %(count)s person", "at least %(count)s people", count) % {"count": count}


@opened_to(rules.PLEDGE)
def new_pledge(request: HttpRequest) -> HttpResponse:
    """Promise money, goods or services to a fund."""
    user = person(request)
    sponsor = parties.sponsor_of(user)
    funds = parties.funds_for(user)

    def run(form: Any) -> Pledge:
        data = form.cleaned_data
        made = pledge_services.make_pledge(
            enterprise=sponsor,
            fund=data["fund"],
            kind=data["kind"],
            nature=data["nature"],
            text=data["text"],
            amount_fen=data["amount"],
            units=data["units"] or 0,
            restricted=data["restricted"],
            min_age=data["min_age"],
            due_on=data["due_on"],
            actor=user,
        )
        return pledge_services.submit_pledge(pledge=made, actor=user)

    act = Act(
        "new",
        "",
        _("Send to the village"),
        run,
        lambda *args, **kwargs: forms.PledgeForm(*args, funds=funds, **kwargs),
        _("The village has your pledge."),
        "primary",
        leads_to=lambda made: reverse("sponsors:pledge", args=[made.pk]),
    )
    return show(
        request,
        title=_("Promise something"),
        notes=_notes(sponsor),
        acts=[act],
        back=(_("Our gifts"), reverse("sponsors:home")),
        template=PORTAL,
    )


@opened_to(rules.PLEDGE)
def need_pledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Promise the money of a need that we have claimed."""
    user = person(request)
    sponsor = parties.sponsor_of(user)
    result = parties.public_need(pk)
    if not result.claims.filter(enterprise=sponsor, state=Claim.State.GRANTED).exists():
        raise Http404

    def run(form: Any) -> Pledge:
        data = form.cleaned_data
        made = pledge_services.make_pledge(
            enterprise=sponsor,
            fund=result.fund,
            need=result,
            kind=Pledge.Kind.MONEY,
            nature=data["nature"],
            text=result.title,
            amount_fen=data["amount"],
            due_on=data["due_on"],
            actor=user,
        )
        return pledge_services.submit_pledge(pledge=made, actor=user)

    missing = max(result.budget_fen - result.received_fen, 0)
    act = Act(
        "new",
        "",
        _("Send to the village"),
        run,
        forms.NeedPledgeForm,
        _("The village has your pledge."),
        "primary",
        leads_to=lambda made: reverse("sponsors:pledge", args=[made.pk]),
        initial={"amount": f"{missing / 100:.2f}", "due_on": result.deadline},
    )
    return show(
        request,
        title=result.title,
        facts=[
            (_("Budget"), format_money(result.budget_fen)),
            (pgettext("gift", "Received"), format_money(result.received_fen)),
        ],
        acts=[act],
        back=(_("Need"), reverse("sponsors:need", args=[result.pk])),
        template=PORTAL,
    )


@opened_to(rules.PLEDGE)
def pledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one of our pledges, with what can be done about it now."""
    user = person(request)
    result = parties.pledge_of(user, pk)
    acts, links, notes = [], agreement_links(result), []
    if result.state == Pledge.State.DRAFT:
        acts.append(
            Act(
                "submit",
                _("Send to the village"),
                _("Send"),
                lambda form: pledge_services.submit_pledge(pledge=result, actor=user),
                forms.PlainForm,
                _("The village has your pledge."),
                "primary",
            )
        )
    if result.is_live and result.enterprise.state == Enterprise.State.ACTIVE:
        if result.kind == Pledge.Kind.MONEY and result.missing_fen:
            links = [(_("Pay"), reverse("sponsors:pay", args=[result.pk])), *links]
            if not providers.online():
                notes.append(("info", _("No payment service is set up: pay by bank transfer.")))
        elif result.kind != Pledge.Kind.MONEY:
            acts += _delivery_acts(result, user)
    acts += agreement_acts(result, user, "signed_by_sponsor_id")
    if result.state in (Pledge.State.DRAFT, Pledge.State.SUBMITTED, Pledge.State.APPROVED):
        acts.append(
            Act(
                "withdraw",
                _("Take the pledge back"),
                _("Take it back"),
                lambda form: pledge_services.withdraw_pledge(
                    pledge=result, actor=user, reason=form.cleaned_data["reason"]
                ),
                forms.OptionalReasonForm,
                _("Taken back."),
                "danger",
            )
        )
    tables = [receipt_table(result)]
    if result.kind != Pledge.Kind.MONEY:
        tables.append(delivery_table(result))
    return show(
        request,
        title=result.text,
        badges=pledge_badges(result),
        facts=pledge_facts(result),
        notes=notes,
        tables=tables,
        acts=acts,
        links=links,
        back=(_("Our gifts"), reverse("sponsors:home")),
        template=PORTAL,
    )


def _delivery_acts(row: Pledge, user: Any) -> list[Act]:
    acts = [
        Act(
            "deliver",
            _("Announce a delivery"),
            _("Announce"),
            lambda form: delivery_services.announce_delivery(pledge=row, actor=user, **_announced(form)),
            forms.DeliveryForm,
            _("The village knows when it comes."),
            "primary",
        )
    ]
    acts += [
        Act(
            f"cancel{delivery.pk}",
            _("Delivery of %(day)s does not come") % {"day": day(delivery.expected_on, "date")},
            _("Cancel the delivery"),
            lambda form, delivery=delivery: delivery_services.cancel_delivery(delivery=delivery, actor=user),
            forms.PlainForm,
            _("Cancelled."),
        )
        for delivery in row.deliveries.filter(state=Delivery.State.ANNOUNCED)
    ]
    return acts


def _announced(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("units", "expected_on")}
