"""What everybody may see: needs, the claim board and booklet, the thank-you wall; and the ways in."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from marketplace.sponsors import forms, rules
from marketplace.sponsors.models import Enterprise, Invitation, Need
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import enterprises
from marketplace.sponsors.services import needs as need_services
from marketplace.sponsors.services import organisations as services
from marketplace.sponsors.views.common import Act, page_of, show
from marketplace.sponsors.views.organisations import towns
from timebank.common.errors import DomainError
from timebank.common.input import read_id
from timebank.registry.models import Region
from timebank.registry.rules import can

BACKEND = "timebank.registry.backends.PhoneCardOrEmailBackend"


def _region(request: HttpRequest) -> Region | None:
    key = read_id(request.GET.get("in"))
    return Region.objects.filter(pk=key, is_active=True).first() if key else None


def _entries(request: HttpRequest, rows: Any) -> list[dict[str, Any]]:
    root = settings.SITE_URL.rstrip("/")
    return [
        {
            "need": need,
            "claimer": parties.claimer_of(need),
            "url": reverse("sponsors:need", args=[need.pk]),
            "qr": root + reverse("sponsors:need", args=[need.pk]),
            "percent": min(100 * need.received_fen // need.budget_fen, 100),
        }
        for need in rows
    ]


@require_GET
def needs(request: HttpRequest) -> HttpResponse:
    """Show what villages ask for. Strangers see no way to pay: only approved sponsors may claim."""
    page = page_of(request, parties.public_needs(region=_region(request)))
    context = {"page": page, "entries": _entries(request, page), "gives": can(request.user, rules.PLEDGE)}
    return render(request, "sponsors/needs.html", context)


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """Show the claim board of a ceremony: large, renewed by itself, without names that were withdrawn."""
    rows = parties.public_needs(region=_region(request))[:60]
    response = render(request, "sponsors/board.html", {"entries": _entries(request, rows), "now": timezone.now()})
    response["Refresh"] = "30"  # works without JavaScript
    return response


@require_GET
def booklet(request: HttpRequest) -> HttpResponse:
    """Print the booklet of projects that wait for a sponsor, each with its QR."""
    rows = parties.public_needs(region=_region(request)).filter(state=Need.State.PUBLISHED)[:100]
    return render(request, "sponsors/booklet.html", {"entries": _entries(request, rows), "day": timezone.localdate()})


@never_cache
def need(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one need; an approved sponsor claims it here."""
    try:
        result = parties.public_need(pk)
    except DomainError as error:
        raise Http404 from error
    acts, links = [], []
    user: Any = request.user
    if can(user, rules.PLEDGE):
        sponsor = parties.sponsor_of(user)
        mine = result.claims.filter(enterprise=sponsor, state__in=["asked", "granted"]).first()
        if mine is None and result.state == Need.State.PUBLISHED and sponsor.state == Enterprise.State.ACTIVE:
            acts.append(
                Act(
                    "claim",
                    _("Claim this need"),
                    _("Claim"),
                    lambda form: need_services.ask_claim(
                        need=result, enterprise=sponsor, wished_name=form.cleaned_data["wished_name"], actor=user
                    ),
                    forms.ClaimForm,
                    _("The village has your claim."),
                    "primary",
                    initial={"wished_name": sponsor.shown_name},
                )
            )
        elif mine is not None:
            acts.append(
                Act(
                    "give_up",
                    _("Give the claim up"),
                    _("Give the claim up"),
                    lambda form: need_services.withdraw_claim(claim=mine, actor=user),
                    forms.PlainForm,
                    _("The claim is withdrawn."),
                )
            )
            if mine.state == "granted" and result.state == Need.State.CLAIMED:
                links.append((_("Promise the money"), reverse("sponsors:need_pledge", args=[result.pk])))
    if request.method == "POST" and not acts:
        raise PermissionDenied if user.is_authenticated else Http404
    return show(
        request,
        title=result.title,
        acts=acts,
        links=links,
        template="sponsors/need.html",
        entry=_entries(request, [result])[0],
        need=result,
        back=(_("Needs"), reverse("sponsors:needs")),
    )


@require_GET
def thanks(request: HttpRequest) -> HttpResponse:
    """Thank the sponsors that want to be thanked in public."""
    return render(request, "sponsors/thanks.html", {"sponsors": parties.thanked()})


@never_cache
@sensitive_post_parameters()
def apply(request: HttpRequest) -> HttpResponse:
    """Let an enterprise apply as sponsor; the town decides."""
    user: Any = request.user if request.user.is_authenticated else None
    places = towns()

    def run(form: Any) -> HttpResponse | Enterprise:
        data = form.cleaned_data
        made = enterprises.apply_as_sponsor(
            name=data["name"],
            region=form.chosen_place(),
            uscc=data["uscc"],
            contact_name=data["contact_name"],
            contact_phone=data["contact_phone"],
            user=user,
            password=data.get("password"),
            shown_name=data["shown_name"],
            on_thanks_wall=data["on_thanks_wall"],
        )
        if user is None and made.applied_by is not None:
            login(request, made.applied_by, backend=BACKEND)
        return made

    act = Act(
        "apply",
        "",
        _("Send to the town"),
        run,
        lambda *args, **kwargs: forms.ApplyForm(*args, places=places, signed_in=user is not None, **kwargs),
        _("The town has your application."),
        "primary",
        leads_to=lambda made: reverse("sponsors:home"),
    )
    return show(
        request,
        title=_("Give as an enterprise"),
        lead=_("The town checks the credit code and answers. Until then nothing can be promised or paid."),
        acts=[act],
        template="sponsors/portal_page.html",
    )


@never_cache
@sensitive_post_parameters("join-password")
def invited(request: HttpRequest, code: uuid.UUID) -> HttpResponse:
    """Take an invitation: as who is signed in, or with a new sign-in."""
    invitations = Invitation.objects.select_related("organisation").filter(code=code, accepted_at=None, ended_at=None)
    invitation = invitations.filter(expires_at__gt=timezone.now()).first()
    if invitation is None:
        raise Http404
    user: Any = request.user

    def join(form: Any) -> Any:
        made = services.join_by_invitation(
            code=code, name=form.cleaned_data["name"], password=form.cleaned_data["password"]
        )
        login(request, made, backend=BACKEND)
        return redirect("/")

    if user.is_authenticated:
        act = Act(
            "accept",
            "",
            _("Work for it"),
            lambda form: services.accept_invitation(code=code, user=user),
            forms.PlainForm,
            _("You may act for it from now on."),
            "primary",
            leads_to=lambda grant: "/",
        )
    else:
        act = Act("join", "", _("Join"), join, forms.JoinForm, "", "primary")
    return show(
        request,
        title=_("You are invited by %(name)s") % {"name": invitation.organisation.name},
        lead=_("The invitation is for the mobile number that ends in %(digits)s.") % {"digits": invitation.phone[-4:]},
        acts=[act],
        template="sponsors/portal_page.html",
    )
