"""Lists of residents: handed in by the village, looked at, decided and loaded; confirmed by the town."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from timebank.common.errors import DomainError
from timebank.common.input import read_ids, read_page, read_text
from timebank.common.sheets.filling import table_to_fill_in
from timebank.common.sheets.writing import CSV, XLSX, table_response
from timebank.registry import import_selectors, rules
from timebank.registry.forms import ListForm
from timebank.registry.imports.candidates import COLUMNS, example_resident
from timebank.registry.models import Region, ResidentImport, ResidentImportQuestion
from timebank.registry.reads import note_read, reads_people
from timebank.registry.rules import CONFIRM_LIST, REGISTER_RESIDENT
from timebank.registry.services.audit import record_audit
from timebank.registry.services.resident_imports import answering, deciding, loading, reading
from timebank.registry.services.residents import CONSENT_VERSION
from timebank.registry.tasks import load_resident_list
from timebank.registry.views.me import _user

Status = ResidentImport.Status
AT_ONCE = 500  # rows; a longer list is loaded in the background
SEEING = (REGISTER_RESIDENT, CONFIRM_LIST)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def resident_lists(request: HttpRequest, place: int) -> HttpResponseBase:
    """Hand in a list for a village; see what became of those that were handed in here and below."""
    region = Region.objects.filter(pk=place, is_active=True).first()
    if region is None or not any(rules.can(request.user, action, region) for action in SEEING):
        raise Http404
    may_hand_in = rules.can(request.user, REGISTER_RESIDENT, region)
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ListForm(*sent) if may_hand_in else None
    if request.method == "POST":
        if form is None:
            raise PermissionDenied
        source = _hand_in(request, region, form)
        if source is not None:
            return redirect("registry:resident_list", pk=source.pk)
    page = Paginator(import_selectors.lists_in(region), 30).get_page(read_page(request.GET.get("page")))
    import_selectors.count_rows(page.object_list)
    return render(
        request,
        "registry/lists.html",
        {"region": region, "form": form, "page": page},
        status=422 if form is not None and form.errors else 200,
    )


@never_cache
@login_required
@require_GET
def residents_to_fill_in(request: HttpRequest, place: int, form: str) -> HttpResponseBase:
    """Give a table of residents to fill in."""
    region = Region.objects.filter(pk=place, is_active=True).first()
    if region is None or not rules.can(request.user, REGISTER_RESIDENT, region):
        raise Http404
    return table_to_fill_in(form, "residents", COLUMNS, [example_resident(region)])


def _hand_in(request: HttpRequest, region: Region, form: ListForm) -> ResidentImport | None:
    if not form.is_valid():
        return None
    upload = form.cleaned_data["file"]
    try:
        return reading.read_import(file=upload, file_name=upload.name, village=region, actor=_user(request))
    except DomainError as error:
        form.add_error("file", str(error))
        return None


def _source(request: HttpRequest, pk: int) -> ResidentImport:
    """Return a list that this person may see; 404 to everybody else."""
    source = ResidentImport.objects.select_related("village", "uploaded_by", "answered_by").filter(pk=pk).first()
    if source is None or not any(rules.can(request.user, action, source.village) for action in SEEING):
        raise Http404
    return source


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
@reads_people("read_list")
def resident_list(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show what a list says and asks; decide, load, put aside; for the town: confirm or return."""
    source = _source(request, pk)
    status = 200
    if request.method == "POST":
        try:
            answer = _act(request, source)
        except DomainError as error:
            if error.status == 403:
                raise PermissionDenied(str(error)) from error
            messages.error(request, str(error))
            answer, status = None, error.status
        if answer is not None:
            return answer
        source = _source(request, pk)
    counts = loading.count_outcomes(source)
    asked = Paginator(import_selectors.asked_rows(source), 50).get_page(read_page(request.GET.get("page")))
    may_hand_in = rules.can(request.user, REGISTER_RESIDENT, source.village)
    may_confirm = (
        source.status == Status.LOADED
        and rules.can(request.user, CONFIRM_LIST, source.village)
        and source.uploaded_by_id != request.user.pk
    )
    loaded = import_selectors.loaded_shown(source) if may_confirm else []
    questions = import_selectors.questions_about(asked.object_list, request.user) if may_hand_in else []
    note_read(request, [*loaded, *import_selectors.compared(asked.object_list)] if questions else loaded)
    context = {
        "source": source,
        "counts": counts,
        "total": sum(counts.values()),
        "asked": asked,
        "questions": questions,
        "refused": import_selectors.refused_shown(source),
        "notes": import_selectors.notes_in_words(source),
        "loaded": loaded,
        "may_hand_in": may_hand_in,
        "may_load": may_hand_in and source.status in {Status.PREVIEW, Status.LOADING, Status.LOADED},
        "may_confirm": may_confirm,
        "Status": Status,
    }
    return render(request, "registry/list.html", context, status=status)


def _act(request: HttpRequest, source: ResidentImport) -> HttpResponse | None:
    action = read_text(request.POST.get("action"), 20)
    user = _user(request)
    if action in {"decide", "load"}:
        deciding.answer_questions(source=source, answers=_answers(request), actor=user)
        if action == "decide":
            messages.success(request, _("Your decisions are kept."))
        elif not request.POST.get("consent"):
            messages.error(request, _("Without everybody's consent on paper nobody is loaded: tick the box."))
            return None
        else:
            _load(request, source)
    elif action == "discard":
        answering.discard_import(source=source, actor=user)
        messages.success(request, _("The list is put aside, and what it said is erased."))
    elif action == "confirm":
        without = read_ids(request.POST.getlist("without"))
        count = answering.confirm_import(source=source, actor=user, without=without)
        text = ngettext("%(count)s resident is confirmed.", "%(count)s residents are confirmed.", count)
        messages.success(request, text % {"count": count})
    elif action == "return":
        reason = read_text(request.POST.get("reason"), most=200)
        if not reason:
            messages.error(request, _("Write the reason."))
            return None
        answering.return_import(source=source, actor=user, reason=reason)
        messages.success(request, _("The list is returned with your reason."))
    else:
        return None
    return redirect("registry:resident_list", pk=source.pk)


def _answers(request: HttpRequest) -> dict[int, str]:
    answers = {}
    for name, value in request.POST.items():
        keys = read_ids([name.removeprefix("question-")])
        if name.startswith("question-") and keys and value in ResidentImportQuestion.Decision.values:
            answers[keys[0]] = str(value)
    return answers


def _load(request: HttpRequest, source: ResidentImport) -> None:
    waiting = source.rows.filter(outcome__in=("ready", "asked")).count()
    if waiting > AT_ONCE:
        loading.begin(source=source, actor=_user(request))
        load_resident_list.delay(source.pk)
        messages.success(request, _("The list is being loaded. You can leave this page; the work goes on."))
        return
    before = loading.count_outcomes(source)["loaded"]
    source = loading.load_import(source=source, actor=_user(request), consent_version=CONSENT_VERSION)
    count = loading.count_outcomes(source)["loaded"] - before
    text = ngettext("%(count)s resident is loaded.", "%(count)s residents are loaded.", count)
    messages.success(request, text % {"count": count})


@never_cache
@login_required
@require_GET
def refused_rows(request: HttpRequest, pk: int, form: str) -> HttpResponseBase:
    """Give the refused rows as a file to mend and hand in again."""
    source = _source(request, pk)
    if form not in {CSV, XLSX} or not rules.can(request.user, REGISTER_RESIDENT, source.village):
        raise Http404
    rows: Any = list(answering.refused_rows(source))
    record_audit(
        actor=_user(request),
        action="export_refused_rows",
        subject=f"resident_list:{source.pk}",
        region=source.village,
        facts={"rows": len(rows)},
    )
    return table_response(form, f"refused-{timezone.localdate():%Y%m%d}", answering.refused_header(source), rows)
