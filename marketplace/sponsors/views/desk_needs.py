"""Needs at the desk of the village and town."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketplace.sponsors import forms, rules
from marketplace.sponsors.models import Claim, Need
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import needs as need_services
from marketplace.sponsors.views.common import Act, Table, cell, num, opened_to, page_of, person, show
from timebank.common.numbers import format_money
from timebank.registry.rules import regions_where
from timebank.ui.templatetags.ui import day


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
            day(item.deadline, "date"),
            item.get_state_display(),
        )
        for item in page
    ]
    headers = (_("Title"), _("Village"), num(_("Budget")), num(pgettext("gift", "Received")), _("Until"), _("State"))
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
    places = regions_where(user, rules.PUBLISH_NEED).filter(is_active=True).order_by("path")

    def run(form: Any) -> Need:
        data = form.cleaned_data
        names = ("title", "title_en", "text", "target", "place", "deadline", "pays_tickets")
        return need_services.write_need(
            region=form.chosen_place(), budget_fen=data["budget"], actor=user, **{name: data[name] for name in names}
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
            (pgettext("gift", "Received"), format_money(result.received_fen)),
            (_("Until"), day(result.deadline, "date")),
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
