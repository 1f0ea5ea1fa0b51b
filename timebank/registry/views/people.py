"""The village office and its people: sign-in, move, households, corrections, and what needs a second person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_page
from timebank.ledger import selectors as ledger_read
from timebank.registry import merging, rules, selectors, services
from timebank.registry.models import (
    Card,
    CorrectionRequest,
    HelperRequest,
    Household,
    Region,
    Resident,
    ResidentCase,
    User,
)
from timebank.registry.people_forms import (
    AnswerForm,
    CorrectionForm,
    DeathForm,
    HouseholdForm,
    MergeForm,
    MoveForm,
    SignInForPersonForm,
)
from timebank.registry.reads import note_read, reads_people
from timebank.registry.rules import CONFIRM_RESIDENT, ISSUE_CARD, REGISTER_RESIDENT, may_reset_password
from timebank.registry.services import cases, confirmation, corrections, households, moves, proxies, second_factor
from timebank.registry.services.audit import record_audit
from timebank.registry.services.residents import kin_of
from timebank.registry.views.cards import card_address
from timebank.registry.views.me import _user, own_resident
from timebank.ui.forms import BaseForm

ROWS = 50
SHEET = 200  # cards on one print page


def _person(request: HttpRequest, pk: int, *actions: str) -> Resident:
    """Return a resident for whose village this person may do one of ``actions``; 404 otherwise."""
    resident = Resident.objects.select_related("village", "household", "user").filter(pk=pk).first()
    if resident is None or not any(rules.can(request.user, action, resident.village) for action in actions):
        raise Http404
    return resident


def _place(request: HttpRequest, pk: int, *actions: str) -> Region:
    region = Region.objects.filter(pk=pk, is_active=True).first()
    if region is None or not any(rules.can(request.user, action, region) for action in actions):
        raise Http404
    return region


def _page(request: HttpRequest, rows: Any) -> Any:
    return Paginator(rows, ROWS).get_page(read_page(request.GET.get("page")))


def _back(resident: Resident) -> str:
    """Return the page of a resident at the desk; the desk is another app and may be left out."""
    from django.urls import NoReverseMatch

    try:
        return reverse("desk:resident", args=[resident.pk])
    except NoReverseMatch:
        return reverse("registry:cases", args=[resident.village_id])


def _form_page(
    request: HttpRequest,
    *,
    resident: Resident,
    form: BaseForm,
    title: str,
    lead: str,
    submit: str,
    do: Callable[[dict[str, Any]], str],
    kind: str = "primary",
    facts: Sequence[tuple[str, Any]] = (),
    back: str = "",
) -> HttpResponseBase:
    """Show a form about one resident; after ``do`` say what it answered and go back to the resident."""
    back = back or _back(resident)
    if request.method == "POST" and form.is_valid():
        try:
            said = do(form.cleaned_data)
        except DomainError as error:
            if error.status == 403:
                raise PermissionDenied(str(error)) from error
            form.refuse(error)
        else:
            messages.success(request, said)
            return redirect(back)
    return render(
        request,
        "registry/person_form.html",
        {
            "resident": resident,
            "form": form,
            "title": title,
            "lead": lead,
            "submit": submit,
            "kind": kind,
            "facts": facts,
            "back": back,
        },
        status=422 if form.errors else 200,
    )


def _data(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def reset_password(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give somebody who forgot their password a new one for one sign-in; it is shown once, on this page."""
    user = get_object_or_404(User, pk=pk)
    if not may_reset_password(request.user, user):
        raise Http404
    password, refusal = "", ""
    if request.method == "POST":
        try:
            password = services.reset_password(user=user, actor=_user(request))
        except DomainError as error:
            refusal = str(error)
    factor = second_factor.has_factor(user)
    context = {"person": user, "password": password, "refusal": refusal, "factor": factor}
    return render(request, "registry/reset_password.html", context, status=409 if refusal else 200)


# -- One person --------------------------------------------------------------------------------------------------------
@login_required
@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm as the second person that a registered resident is there."""
    resident = _person(request, pk, CONFIRM_RESIDENT)
    try:
        confirmation.confirm_resident(resident=resident, actor=_user(request))
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s is confirmed.") % {"name": resident.name})
    return redirect("registry:cases", place=resident.village_id)


@login_required
@require_POST
def confirm_helper(request: HttpRequest, pk: int) -> HttpResponse:
    """Say as the second person that somebody without a sign-in has signed for a helper on paper."""
    asked = HelperRequest.objects.select_related("resident__village").filter(pk=pk).first()
    if asked is None or not rules.can(request.user, CONFIRM_RESIDENT, asked.resident.village):
        raise Http404
    try:
        proxies.confirm_helper_paper(request=asked, actor=_user(request))
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
    else:
        messages.success(request, _("Noted. The helper may act once both sides have agreed."))
    return redirect("registry:cases", place=asked.resident.village_id)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let a resident move to another village."""
    resident = _person(request, pk, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        moves.move_resident(resident=resident, actor=_user(request), **data)
        return _("%(name)s lives in %(village)s from today.") % {"name": resident.name, "village": data["village"]}

    return _form_page(
        request,
        resident=resident,
        form=MoveForm(_data(request)),
        title=_("Move to another village"),
        lead=_("Number, hours and points stay the same; only the village changes."),
        submit=_("Move"),
        do=do,
        back=reverse("registry:cases", args=[resident.village_id]),
    )


@never_cache
@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
@reads_people("read_resident")
def give_sign_in(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give a person registered on paper a sign-in."""
    resident = _person(request, pk, REGISTER_RESIDENT)
    note_read(request, [resident])

    def do(data: dict[str, Any]) -> str:
        moves.give_sign_in(resident=resident, actor=_user(request), **data)
        return _("%(name)s can sign in with this number now.") % {"name": resident.name}

    return _form_page(
        request,
        resident=resident,
        form=SignInForPersonForm(_data(request), initial={"phone": resident.phone}),
        title=_("Give a sign-in"),
        lead=_("The same person, card and points; now also on the phone."),
        submit=_("Give the sign-in"),
        do=do,
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def merge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Propose that this registration and another are one person."""
    resident = _person(request, pk, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        stays = selectors.resident_by_number(data["number"])
        if stays is None or not rules.can(request.user, REGISTER_RESIDENT, stays.village):
            raise cases.DifferentPeople(field="number")
        cases.propose_merge(resident=resident, into=stays, reason=data["reason"], actor=_user(request))
        return _("Proposed. A second person looks at it and decides.")

    return _form_page(
        request,
        resident=resident,
        form=MergeForm(_data(request)),
        title=_("Registered twice"),
        lead=_("Everything of this registration goes to the other number. A second person decides; it is final."),
        submit=_("Propose"),
        do=do,
        facts=merging.preview(resident),
        kind="danger",
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def death(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Report that a resident has died."""
    resident = _person(request, pk, REGISTER_RESIDENT)
    kin = kin_of(resident)

    def do(data: dict[str, Any]) -> str:
        heir = next((relative for relative in kin if str(relative.pk) == data["heir"]), None)
        cases.propose_death(
            resident=resident, died_on=data["died_on"], heir=heir, reason=data["reason"], actor=_user(request)
        )
        return _("Reported. A second person confirms it; then the account closes and nothing is sent any more.")

    return _form_page(
        request,
        resident=resident,
        form=DeathForm(_data(request), kin=kin),
        title=_("Death of a resident"),
        lead=_("The points go to the family or to the village's pool. A second person confirms it."),
        submit=_("Report"),
        do=do,
        kind="danger",
    )


# -- What needs a second person ----------------------------------------------------------------------------------------
@never_cache
@login_required
@require_GET
def case_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List the cases of a place and all below it."""
    region = _place(request, place, REGISTER_RESIDENT, CONFIRM_RESIDENT)
    rows = (
        ResidentCase.objects.filter(resident__village__path__startswith=region.path)
        .select_related("resident__village", "other", "proposed_by")
        .order_by("-proposed_at", "-pk")
    )
    waiting = (
        Resident.objects.filter(
            village__path__startswith=region.path, status=Resident.Status.ACTIVE, confirmed_at__isnull=True
        )
        .exclude(registered_by=_user(request))
        .select_related("village", "registered_by")
        .order_by("-created_at", "-pk")
    )
    may_confirm = rules.can(request.user, CONFIRM_RESIDENT, region)
    return render(
        request,
        "registry/cases.html",
        {
            "region": region,
            "page": _page(request, rows),
            "waiting": waiting[:ROWS] if may_confirm else [],
            "papers": selectors.helper_papers(region, _user(request))[:ROWS] if may_confirm else [],
        },
    )


@login_required
@require_GET
def my_cases(request: HttpRequest) -> HttpResponse:
    """Go to the cases of the first place where this person is asked."""
    region = rules.regions_where(request.user, CONFIRM_RESIDENT).filter(is_active=True).order_by("path").first()
    if region is None:
        raise Http404
    return redirect("registry:cases", place=region.pk)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def case(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show all that would happen, and let the second person decide."""
    shown = (
        ResidentCase.objects.select_related("resident__village", "other__village", "proposed_by", "decided_by")
        .filter(pk=pk)
        .first()
    )
    if shown is None:
        raise Http404
    _person(request, shown.resident_id, REGISTER_RESIDENT, CONFIRM_RESIDENT)
    if request.method == "POST":
        agreed = request.POST.get("decision") == "agree"
        if not agreed and request.POST.get("decision") != "refuse":
            return redirect("registry:case", pk=pk)
        try:
            cases.decide_case(case=shown, agreed=agreed, actor=_user(request))
        except DomainError as error:
            if error.status == 403:
                raise PermissionDenied(str(error)) from error
            messages.error(request, str(error))
        else:
            messages.success(request, _("Done.") if agreed else _("Refused."))
        return redirect("registry:case", pk=pk)
    open_case = shown.status == ResidentCase.Status.PROPOSED
    return render(
        request,
        "registry/case.html",
        {
            "case": shown,
            "balance": ledger_read.balance_of(shown.resident.wallet_key),
            "belongings": merging.preview(shown.resident) if open_case and shown.kind == "merge" else [],
            "may_decide": open_case and cases.may_decide(_user(request), shown),
            "open": open_case,
        },
    )


# -- Corrections -------------------------------------------------------------------------------------------------------
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def my_correction(request: HttpRequest) -> HttpResponseBase:
    """Say what is wrong in one's own particulars, and see what the village answered."""
    resident = own_resident(request)
    form = CorrectionForm(_data(request))
    if request.method == "POST" and form.is_valid():
        try:
            corrections.ask_correction(resident=resident, actor=_user(request), text=form.cleaned_data["text"])
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Your request is on its way to the village office."))
            return redirect("registry:my_correction")
    mine = resident.correction_requests.order_by("-created_at")[:20]
    return render(
        request, "registry/my_correction.html", {"form": form, "mine": mine}, status=422 if form.errors else 200
    )


@never_cache
@login_required
@require_GET
def correction_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List what residents ask to have corrected, the open ones first."""
    region = _place(request, place, REGISTER_RESIDENT)
    rows = (
        CorrectionRequest.objects.filter(resident__village__path__startswith=region.path)
        .select_related("resident__village")
        .order_by("status", "-created_at")
    )
    return render(request, "registry/corrections.html", {"region": region, "page": _page(request, rows)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def correction(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Answer a correction request."""
    asked = CorrectionRequest.objects.select_related("resident__village").filter(pk=pk).first()
    if asked is None:
        raise Http404
    resident = _person(request, asked.resident_id, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        done = data["done"] == "yes"
        corrections.answer_correction(request=asked, done=done, answer=data["answer"], actor=_user(request))
        return _("Answered.")

    return _form_page(
        request,
        resident=resident,
        form=AnswerForm(_data(request)),
        title=_("Correction asked for"),
        lead=asked.text,
        submit=_("Answer"),
        do=do,
        back=reverse("registry:corrections", args=[resident.village_id]),
    )


# -- Households --------------------------------------------------------------------------------------------------------
@never_cache
@login_required
@require_GET
def household_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List the households of a village with their members."""
    region = _place(request, place, REGISTER_RESIDENT)
    rows = Household.objects.filter(region=region).select_related("head").prefetch_related("members").order_by("number")
    return render(request, "registry/households.html", {"region": region, "page": _page(request, rows)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def household(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let a resident join a household, leave it, or head it."""
    resident = _person(request, pk, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        changed = households.set_household(resident=resident, number=data["number"], actor=_user(request))
        if changed.household is not None and data["head"]:
            households.set_head(household=changed.household, resident=changed, actor=_user(request))
        return _("Saved.")

    number = resident.household.number if resident.household else ""
    is_head = resident.household is not None and resident.household.head_id == resident.pk
    return _form_page(
        request,
        resident=resident,
        form=HouseholdForm(_data(request), initial={"number": number, "head": is_head}),
        title=_("Household"),
        lead=_("Who lives together verifies none of the other's hours."),
        submit=_("Save"),
        do=do,
        back=reverse("registry:households", args=[resident.village_id]),
    )


# -- On paper ----------------------------------------------------------------------------------------------------------
@never_cache
@login_required
@require_GET
@reads_people("print_cards")
def card_sheet(request: HttpRequest, place: int) -> HttpResponseBase:
    """Print the valid cards of a village, eight to a page: all, or those of one household."""
    region = _place(request, place, ISSUE_CARD)
    cards = Card.objects.filter(status=Card.Status.ACTIVE, resident__village=region).select_related("resident__village")
    number = read_id(request.GET.get("household"))
    if number:
        cards = cards.filter(resident__household=number)
    cards = cards.order_by("resident__household__number", "resident__name", "pk")
    page = Paginator(cards, SHEET).get_page(read_page(request.GET.get("page")))
    record_audit(
        actor=_user(request),
        action="print_cards",
        subject=f"region:{region.pk}",
        region=region,
        facts={"rows": len(page.object_list)},
    )
    note_read(request, [printed.resident for printed in page.object_list])
    sheet = [(printed, printed.resident, card_address(printed)) for printed in page.object_list]
    return render(request, "registry/card_sheet.html", {"region": region, "sheet": sheet, "page": page})


@never_cache
@login_required
@require_GET
@reads_people("print_passbook")
def passbook(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Print a resident's passbook: points with every line's reason, for whoever has no phone."""
    resident = selectors.get_resident_for(request.user, pk)
    if not rules.can_act_for(request.user, resident):  # whose points were for what is read by who registers people
        if not rules.can(request.user, REGISTER_RESIDENT, resident.village):
            raise Http404
        note_read(request, [resident])
        record_audit(
            actor=_user(request), action="print_passbook", subject=f"resident:{resident.pk}", region=resident.village
        )
    return render(
        request,
        "registry/passbook.html",
        {
            "resident": resident,
            "balance": ledger_read.balance_of(resident.wallet_key),
            "lines": ledger_read.statement(resident.wallet_key, limit=40).lines,
        },
    )
