"""Residents, their cards and helpers."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketplace.desk import selectors
from marketplace.desk.forms import CardForm, CorrectForm, DeskHelperForm, ReasonForm, ResidentForm
from marketplace.desk.scope import desk, to
from marketplace.desk.views.common import as_file, page_of, person, posted
from timebank.common.errors import DomainError
from timebank.common.input import read_choice, read_id, read_ids, read_text
from timebank.ledger import selectors as ledger_read
from timebank.registry import ids, services
from timebank.registry.errors import LooksAlike
from timebank.registry.import_selectors import resident_in_words
from timebank.registry.models import AuditEntry, Resident
from timebank.registry.reads import may_download, note_read, reads_people
from timebank.registry.rules import (
    AUDIT,
    CONFIRM_LIST,
    CONFIRM_RESIDENT,
    ISSUE_CARD,
    REGISTER_RESIDENT,
    can,
    may_reset_password,
    regions_where,
)
from timebank.registry.selectors import active_card, helper_requests_of, helpers_of, on_paper_like
from timebank.registry.services import moves
from timebank.registry.words import audit_label
from timebank.service.selectors import hours_of


@require_GET
@desk(REGISTER_RESIDENT, AUDIT)
@reads_people("read_list")
def residents(request: HttpRequest) -> HttpResponseBase:
    """Find a resident by name, number, phone, house or card."""
    scope = request.scope  # type: ignore[attr-defined]
    text = read_text(request.GET.get("q"), 40)
    status = read_choice(request.GET.get("status"), Resident.Status.values)
    residents = selectors.residents(request.user, scope, text=text, status=status)
    headers = (
        _("Village"),
        _("Name"),
        _("Volunteer number"),
        _("House number"),
        _("Mobile number"),
        _("Card"),
        _("State"),
    )
    no_reason = "format" in request.GET and not may_download(request)
    file = (
        None
        if no_reason
        else as_file(
            request,
            "residents",
            headers,
            residents,
            lambda item: (
                item.village.short_name,
                item.name,
                item.volunteer_number,
                item.household.number if item.household else "",
                item.phone,
                item.active_cards[0].number if item.active_cards else "",
                item.get_status_display(),
            ),
        )
    )
    if file is not None:
        note_read(request, residents, what="export_residents")
        return file
    page = page_of(request, residents)
    note_read(request, page.object_list)
    return render(
        request,
        "desk/residents.html",
        {
            "scope": scope,
            "q": text,
            "status": status,
            "statuses": Resident.Status.choices,
            "page": page,
            "no_reason": no_reason,
            "may_register": can(request.user, REGISTER_RESIDENT, scope.region),
            "may_see_lists": any(
                can(request.user, action, scope.region) for action in (REGISTER_RESIDENT, CONFIRM_LIST)
            ),
        },
        status=422 if no_reason else 200,
    )


@sensitive_post_parameters("password", "id_number")
@require_http_methods(["GET", "POST"])
@desk(REGISTER_RESIDENT)
@reads_people("read_alike")
def register(request: HttpRequest) -> HttpResponseBase:
    """Take a resident in at the desk, with consent signed on paper."""
    scope = request.scope  # type: ignore[attr-defined]
    form = ResidentForm(posted(request))
    alike: list[Resident] = []
    different = read_ids(request.POST.getlist("different"))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = form.once(
                actor=request.user,
                scope=f"register_resident:{scope.region.pk}",
                create=lambda: services.register_resident(
                    village=scope.region,
                    name=data["name"],
                    actor=person(request),
                    phone=data["phone"],
                    password=data["password"] or None,
                    birth_date=data["birth_date"],
                    id_number=data["id_number"],
                    household_number=data["household_number"],
                    consent_on_paper=True,
                    different_from=different,
                ),
                extra=different,
            ).result
        except LooksAlike as question:
            people = Resident.objects.select_related("village", "household")
            alike = list(people.filter(pk__in=question.params["residents"]))
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(name)s is registered. Now issue the card.") % {"name": made.name})
            return to(request, "desk:resident", pk=made.pk)
    note_read(request, alike)
    shown = [(similar, resident_in_words(similar, request.user)) for similar in alike]
    context = {"scope": scope, "form": form, "alike": shown}
    return render(request, "desk/register.html", context, status=form.status if form.errors else 409 if alike else 200)


def _own(request: HttpRequest, pk: int) -> Resident:
    """Return a resident whom this person may register and change; 404 elsewhere."""
    resident = selectors.resident_for(request.user, pk)
    if not can(request.user, REGISTER_RESIDENT, resident.village):
        raise Http404
    return resident


@require_http_methods(["GET", "POST"])
@desk(REGISTER_RESIDENT, AUDIT)
@reads_people("read_resident")
def resident(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one resident: particulars, card, helpers, points and hours, what was done; correct the particulars."""
    resident = selectors.resident_for(request.user, pk)
    may_change = can(request.user, REGISTER_RESIDENT, resident.village)
    initial = {
        "name": resident.name,
        "birth_date": resident.birth_date,
        "household_number": resident.household.number if resident.household else "",
        "phone": resident.phone,
        "emergency_contact": resident.emergency_contact,
    }
    form = CorrectForm(posted(request), initial=initial)
    if request.method == "POST":
        resident = _own(request, pk)
        if form.is_valid():
            try:
                services.correct_resident(resident=resident, actor=person(request), **form.cleaned_data)
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, _("Saved."))
                return to(request, "desk:resident", pk=pk)
    on_paper = list(on_paper_like(resident)[:5]) if may_change and resident.status == Resident.Status.PENDING else []
    note_read(request, [resident, *on_paper])
    number = ids.decrypt(resident.id_number_encrypted)
    facts = [
        (_("Village"), resident.village),
        (_("Volunteer number"), resident.volunteer_number),
        (_("House number"), resident.household.number if resident.household else "—"),
        (_("Mobile number"), resident.phone or "—"),
        (_("ID number"), ids.mask(number) if number else "—"),
    ]
    trail = (
        AuditEntry.objects.filter(subject=f"resident:{resident.pk}")
        .select_related("actor")
        .order_by("-occurred_at", "-pk")
    )
    return render(
        request,
        "desk/resident.html",
        {
            "resident": resident,
            "facts": facts,
            "form": form,
            "may_change": may_change and resident.status != Resident.Status.CLOSED,
            "may_confirm": resident.status == Resident.Status.ACTIVE
            and can(request.user, CONFIRM_RESIDENT, resident.village),
            "card": active_card(resident),
            "may_reset": resident.user is not None and may_reset_password(request.user, resident.user),
            "helpers": helpers_of(resident),
            "asked": helper_requests_of(resident),
            "balance": ledger_read.balance_of(resident.wallet_key),
            "hours": hours_of(resident),
            "trail": [
                {
                    "when": entry.occurred_at,
                    "what": audit_label(entry.action),
                    "actor": entry.actor.name if entry.actor else "",
                    "reason": entry.reason,
                }
                for entry in trail[:20]
            ],
            "on_paper": [(known, resident_in_words(known, request.user)) for known in on_paper],
            "Status": Resident.Status,
        },
        status=422 if form.errors else 200,
    )


@require_POST
@desk(REGISTER_RESIDENT)
def answer_request(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Accept who asked to join, join them to their registration on paper, or refuse with a reason."""
    resident = _own(request, pk)
    try:
        if "same" in request.POST:
            known = on_paper_like(resident).filter(pk=read_id(request.POST["same"], default=0)).first()
            if known is None:
                raise Http404
            moves.accept_as(applicant=resident, resident=known, actor=person(request))
            messages.success(request, _("%(name)s now signs in as the person registered on paper.") % {"name": known})
            return to(request, "desk:resident", pk=known.pk)
        if "accept" in request.POST:
            services.accept_resident(resident=resident, actor=person(request))
            messages.success(request, _("%(name)s now belongs to the time bank.") % {"name": resident.name})
        else:
            reason = read_text(request.POST.get("reason"))
            if not reason:
                messages.error(request, _("Write the reason for the refusal."))
            else:
                services.refuse_resident(resident=resident, actor=person(request), reason=reason)
                messages.success(request, _("Refused, with your reason."))
    except DomainError as error:
        messages.error(request, str(error))
    return to(request, "desk:resident", pk=pk)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@desk(ISSUE_CARD)
def issue_card(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Issue a card, replace it, or set a new PIN; the resident types the PIN."""
    resident = _own(request, pk)
    card = active_card(resident)
    keep = card is not None and request.GET.get("new") != "1"
    form = CardForm(posted(request))
    if request.method == "POST" and form.is_valid():
        pin = form.cleaned_data["pin"]
        try:
            if card is None:
                card = services.issue_card(resident=resident, actor=person(request), pin=pin)
                messages.success(request, _("The card is issued. Print it now."))
            elif keep:
                services.set_pin(card=card, pin=pin, actor=person(request))
                messages.success(request, _("The new PIN holds from now on."))
            else:
                card = services.replace_card(card=card, actor=person(request), pin=pin, reason="replaced")
                messages.success(request, _("The old card is blocked, the new one is issued. Print it now."))
        except DomainError as error:
            form.refuse(error)
        else:
            if keep:
                return to(request, "desk:resident", pk=pk)
            back = reverse("desk:resident", args=[pk])
            return redirect(f"{reverse('registry:card_print', args=[card.pk])}?back={back}")
    return render(
        request,
        "desk/card.html",
        {"resident": resident, "card": card, "keep": keep, "form": form},
        status=422 if form.errors else 200,
    )


@require_http_methods(["GET", "POST"])
@desk(ISSUE_CARD)
def block_card(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Block a resident's card at once."""
    resident = _own(request, pk)
    card = active_card(resident)
    if card is None:
        return to(request, "desk:resident", pk=pk)
    form = ReasonForm(posted(request))
    if request.method == "POST" and form.is_valid():
        services.block_card(card=card, actor=person(request), reason=form.cleaned_data["reason"])
        messages.success(request, _("The card is blocked."))
        return to(request, "desk:resident", pk=pk)
    return render(
        request,
        "desk/block_card.html",
        {"resident": resident, "card": card, "form": form},
        status=422 if form.errors else 200,
    )


@require_http_methods(["GET", "POST"])
@desk(REGISTER_RESIDENT)
@reads_people("read_name")
def add_helper(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Name a helper who may act for this resident, once they were shown."""
    resident = _own(request, pk)
    form = DeskHelperForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            helper = form.look_up(actor=person(request), within=regions_where(request.user, REGISTER_RESIDENT))
            if form.is_agreed:
                form.once(
                    actor=request.user,
                    scope=f"ask_helper:{resident.pk}",
                    create=lambda: services.ask_helper(
                        resident=resident, helper=helper, relation=form.cleaned_data["relation"], actor=person(request)
                    ),
                )
                messages.success(request, _("Asked. The helper may act once both sides have agreed."))
                return to(request, "desk:resident", pk=pk)
        except DomainError as error:
            error.field = "phone"
            form.refuse(error)
    note_read(request, form.shown())
    ask = ""
    if form.question:
        ask = _("Shall %(name)s, of %(place)s, be asked to help %(resident)s?") % {
            **form.question,
            "resident": resident.name,
        }
    return render(
        request,
        "desk/helper.html",
        {"resident": resident, "form": form, "ask": ask},
        status=form.status if form.errors else 200,
    )


@require_POST
@desk(REGISTER_RESIDENT)
def end_helper(request: HttpRequest, pk: int, proxy_pk: int) -> HttpResponseBase:
    """End a helper's power."""
    resident = _own(request, pk)
    proxy = get_object_or_404(resident.proxies.filter(until__isnull=True), pk=proxy_pk)
    services.end_proxy(proxy=proxy, actor=person(request))
    messages.success(request, _("Ended. This person can no longer act here."))
    return to(request, "desk:resident", pk=pk)
