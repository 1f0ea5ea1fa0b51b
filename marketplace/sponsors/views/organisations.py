"""Organisations at the desk: registered, approved, staffed, closed; sponsors approved, suspended, renamed, merged."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from marketplace.sponsors import forms, rules, selectors
from marketplace.sponsors.models import Enterprise
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import enterprises
from marketplace.sponsors.services import organisations as services
from marketplace.sponsors.views.common import Act, Table, cell, opened_to, page_of, person, show
from timebank.common.errors import NotFound
from timebank.common.input import read_text
from timebank.registry import uscc as codes
from timebank.registry.models import Organisation, Region
from timebank.registry.roles import label_of
from timebank.registry.rules import GRANT_ROLE, can, may_appoint, regions_where

BACK = (gettext_lazy("Organisations"), "sponsors:organisations")
__all__ = ["detail", "listing", "new", "selectors"]


@opened_to(GRANT_ROLE)
def listing(request: HttpRequest) -> HttpResponse:
    """List the organisations here, waiting ones first."""
    text = read_text(request.GET.get("q"), 40)
    kind, status = read_text(request.GET.get("kind")), read_text(request.GET.get("status"))
    page = page_of(request, parties.organisations_for(person(request), text=text, kind=kind, status=status))
    rows = [
        (
            cell(item.name, reverse("sponsors:organisation", args=[item.pk])),
            item.get_kind_display(),
            item.uscc or "—",
            str(item.region),
            item.sponsor.get_state_display() if hasattr(item, "sponsor") else "—",
            item.get_status_display(),
        )
        for item in page
    ]
    headers = (pgettext("thing", "Name"), _("Kind"), _("Credit code"), _("Region"), _("As sponsor"), _("State"))
    url = reverse("sponsors:organisations")
    tabs = [{"label": _("All"), "href": url, "active": not (kind or status)}]
    tabs += [
        {"label": _("Waiting"), "href": f"{url}?status=pending", "active": status == "pending"},
        {"label": _("Sponsors"), "href": f"{url}?kind=sponsor", "active": kind == "sponsor"},
        {"label": _("Suppliers"), "href": f"{url}?kind=supplier", "active": kind == "supplier"},
    ]
    return show(
        request,
        title=_("Organisations"),
        lead=_("Sponsors, suppliers, merchants and village bodies, each by its checked credit code."),
        tables=[Table(_("Organisations"), headers, rows, _("No organisation here yet."), page)],
        links=[(_("Register an organisation"), reverse("sponsors:new_organisation"))],
        filters=tabs,
        q=text,
        searches=True,
    )


@opened_to(GRANT_ROLE)
def new(request: HttpRequest) -> HttpResponse:
    """Register an organisation or a person."""
    user = person(request)
    places = regions_where(user, GRANT_ROLE).filter(is_active=True).order_by("path")

    def run(form: Any) -> Organisation:
        data = form.cleaned_data
        return services.register_party(
            name=data["name"],
            kind=data["kind"],
            region=form.chosen_place(),
            actor=user,
            uscc=data["uscc"],
            id_number=data["id_number"],
            contact_name=data["contact_name"],
            contact_phone=data["contact_phone"],
        )

    act = Act(
        "new",
        "",
        _("Register"),
        run,
        lambda *args, **kwargs: forms.OrganisationForm(*args, places=places, **kwargs),
        _("The organisation is registered."),
        "primary",
        leads_to=lambda made: reverse("sponsors:organisation", args=[made.pk]),
    )
    return show(request, title=_("Register an organisation"), acts=[act], back=(BACK[0], reverse(BACK[1])))


@opened_to(GRANT_ROLE)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an organisation with its people, and what may be done about it."""
    user = person(request)
    organisation = parties.organisation_for(user, pk)
    sponsor: Enterprise | None = getattr(organisation, "sponsor", None)
    identity = getattr(organisation, "identity", None)
    facts = [
        (_("Kind"), organisation.get_kind_display()),
        (_("Credit code"), organisation.uscc or "—"),
        (_("Region"), str(organisation.region)),
        (_("Contact"), " ".join(filter(None, (organisation.contact_name, organisation.contact_phone))) or "—"),
    ]
    if identity is not None:
        facts.append((_("ID number"), identity.id_number_masked))
    if sponsor is not None:
        facts += [
            (_("As sponsor"), sponsor.get_state_display()),
            (_("Name as it is shown"), sponsor.public_name or _("withdrawn")),
        ]
        if sponsor.reason:
            facts.append((_("Reason"), sponsor.reason))
    acts = _acts(organisation, user) + (_sponsor_acts(organisation, sponsor, user))
    staff = parties.people_of(organisation)
    rows = [(grant.user.name, label_of(grant.role)) for grant in staff]
    tone = {"active": "good", "pending": "warn"}.get(organisation.status, "quiet")
    return show(
        request,
        title=organisation.name,
        badges=[(organisation.get_status_display(), tone)],
        facts=facts,
        tables=[Table(_("Its people"), (_("Name"), _("Role")), rows, _("Nobody signs in for it yet."))],
        acts=acts,
        links=[
            (_("Hand over the office of %(name)s") % {"name": grant.user.name},
             reverse("desk:hand_over", args=[grant.pk]))
            for grant in staff
            if may_appoint(user, grant.role, organisation.region)
        ],
        back=(BACK[0], reverse(BACK[1])),
        invitations=[(invited.phone, request.build_absolute_uri(reverse("sponsors:invited", args=[invited.code])))
                     for invited in organisation.invitations.filter(accepted_at=None, ended_at=None)[:20]],
    )  # fmt: skip


def _acts(organisation: Organisation, user: Any) -> list[Act]:
    acts = []
    if organisation.status == Organisation.Status.PENDING:
        acts.append(
            Act(
                "approve",
                _("Approve"),
                _("Approve the organisation"),
                lambda form: services.approve_organisation(organisation=organisation, actor=user),
                forms.PlainForm,
                _("Approved."),
                "primary",
            )
        )
    if organisation.status != Organisation.Status.CLOSED:
        acts.append(
            Act(
                "invite",
                _("Invite somebody"),
                _("Invite"),
                lambda form: services.invite(
                    organisation=organisation, phone_number=form.cleaned_data["phone"], actor=user
                ),
                forms.InviteForm,
                _("Invited. Send the address shown below."),
                text=_("They open the address that you send them, within a week."),
            )
        )
        acts.extend(_end_acts(organisation, user))
        acts.append(
            Act(
                "close",
                _("Refuse or close"),
                _("Close the organisation"),
                lambda form: services.close_organisation(
                    organisation=organisation, actor=user, reason=form.cleaned_data["reason"]
                ),
                forms.ReasonForm,
                _("The organisation is closed."),
                "danger",
                text=_("Its people can no longer act for it. Nothing is deleted."),
            )
        )
    return acts


def _end_acts(organisation: Organisation, user: Any) -> list[Act]:
    return [
        Act(
            f"end{grant.pk}",
            _("End the role of %(name)s") % {"name": grant.user.name},
            _("End the role"),
            lambda form, grant=grant: services.end_staff(grant=grant, actor=user),
            forms.PlainForm,
            _("The role has ended."),
        )
        for grant in parties.people_of(organisation)
    ]


def _sponsor_acts(organisation: Organisation, sponsor: Enterprise | None, user: Any) -> list[Act]:
    if (
        not can(user, rules.APPROVE_SPONSOR, region=organisation.region)
        or organisation.status == Organisation.Status.CLOSED
    ):
        return []
    if sponsor is None:
        return [
            Act(
                "sponsor",
                _("Enter as sponsor or donor"),
                _("Enter as sponsor"),
                lambda form: enterprises.enter_sponsor(
                    organisation=organisation, actor=user, shown_name=organisation.name
                ),
                forms.PlainForm,
                _("It may give from now on."),
            )
        ]
    state, acts = Enterprise.State, []
    if sponsor.state == state.PENDING:
        for name, title, yes, form in (
            ("accept", _("Approve as sponsor"), True, forms.PlainForm),
            ("refuse", _("Refuse"), False, forms.ReasonForm),
        ):
            acts.append(
                Act(
                    name,
                    title,
                    title,
                    lambda form, yes=yes: enterprises.decide_application(
                        enterprise=sponsor, actor=user, approve=yes, reason=form.cleaned_data.get("reason", "")
                    ),
                    form,
                    _("Decided."),
                    "primary" if yes else "danger",
                )
            )
        return acts
    if sponsor.state == state.ACTIVE:
        acts.append(_reasoned("suspend", _("Suspend the sponsor"), enterprises.suspend, sponsor, user))
    if sponsor.state in (state.SUSPENDED, state.REFUSED):
        acts.append(_reasoned("resume", _("Let the sponsor give again"), enterprises.resume, sponsor, user))
    if sponsor.state in (state.ACTIVE, state.SUSPENDED):
        acts.append(
            Act(
                "rename",
                _("New name"),
                _("Rename"),
                lambda form: enterprises.rename(enterprise=sponsor, actor=user, **form.cleaned_data),
                forms.RenameForm,
                _("Renamed. Papers already issued keep the old name."),
                initial={"name": organisation.name, "shown_name": sponsor.shown_name},
            )
        )
        acts.append(
            Act(
                "merge",
                _("Merged into another sponsor"),
                _("Merge"),
                lambda form: _merge(form, sponsor, user),
                forms.MergeForm,
                _("Merged. What was given shows the other's name."),
                "danger",
            )
        )
    shown = sponsor.name_withdrawn_at is None
    acts.append(
        Act(
            "name",
            _("Take the name off everything") if shown else _("Show the name again"),
            _("Take the name off") if shown else _("Show the name again"),
            lambda form: enterprises.withdraw_name(enterprise=sponsor, actor=user, shown=not shown),
            forms.PlainForm,
            _("Written down."),
        )
    )
    return acts


def _reasoned(name: str, title: str, service: Any, sponsor: Enterprise, user: Any) -> Act:
    return Act(
        name,
        title,
        title,
        lambda form: service(enterprise=sponsor, actor=user, reason=form.cleaned_data["reason"]),
        forms.ReasonForm,
        _("Written down."),
    )


def _merge(form: Any, sponsor: Enterprise, user: Any) -> Enterprise:
    code = codes.check(form.cleaned_data["into"]).code
    places = regions_where(user, rules.APPROVE_SPONSOR)
    into = Enterprise.objects.filter(organisation__uscc=code, organisation__region__in=places).first()
    if into is None:
        raise NotFound(field="into", status=409)
    return enterprises.merge(enterprise=sponsor, into=into, actor=user, reason=form.cleaned_data["reason"])


def towns() -> QuerySet[Region]:
    """Select the towns to which a sponsor may apply."""
    return Region.objects.filter(level=Region.Level.TOWN, is_active=True).order_by("path")
