"""The village's notice lists, and what people object to."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk import selectors
from marketplace.desk.forms import AnswerForm
from marketplace.desk.scope import desk, to, with_place
from marketplace.desk.views.common import as_file, page_of, person, posted
from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.registry.models import Region
from timebank.registry.rules import AUDIT, can
from timebank.service import rules as service_rules
from timebank.service import services
from timebank.service.errors import NothingToPublish, PreviewChanged
from timebank.service.models import NoticeList, Objection, last_day
from timebank.service.rules import ANSWER_OBJECTION, PUBLISH_NOTICE, VERIFY_RECORD
from timebank.service.selectors import notice_days_of
from timebank.service.selectors.notices import rows_of
from timebank.service.selectors.previews import preview_of_notice


@require_GET
@desk(PUBLISH_NOTICE, AUDIT)
def notice(request: HttpRequest) -> HttpResponseBase:
    """Show what the next list would hold, the lists published, and the objections."""
    scope = request.scope  # type: ignore[attr-defined]
    lists = selectors.notice_lists(scope)
    headers = (
        _("Village"),
        _("Number"),
        _("Published"),
        _("Until"),
        _("Records"),
        _("Minutes"),
        _("Open objections"),
        _("Withdrawn at"),
    )
    file = as_file(
        request,
        "notice-lists",
        headers,
        lists,
        lambda item: (
            item.village.short_name,
            item.number,
            item.published_at,
            item.until,
            item.count,
            item.minutes,
            item.doubts,
            item.withdrawn_at,
        ),
    )
    if file is not None:
        return file
    answered = selectors.objections(scope, is_open=False)
    return render(
        request,
        "desk/notice.html",
        {
            "scope": scope,
            "ready": [
                (village, count, minutes, _publish_url(request, village))
                for village, count, minutes in selectors.villages_to_publish(scope)
            ],
            "days": notice_days_of(scope.region, timezone.localdate()),
            "objections": selectors.objections(scope, is_open=True),
            "answered": answered[:10],
            "page": page_of(request, lists, 20),
            "young": timezone.now() - service_rules.UNDO_WITHIN,
            "may_withdraw": can(request.user, PUBLISH_NOTICE, scope.region),
            "may_answer": can(request.user, ANSWER_OBJECTION, scope.region),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@desk(PUBLISH_NOTICE)
def publish(request: HttpRequest) -> HttpResponseBase:
    """Show what a village's next list will hold and ask once; publish just that."""
    key = read_id(request.POST.get("village") or request.GET.get("village"), 0)
    village = get_object_or_404(Region, pk=key, level=Region.Level.VILLAGE)
    if not can(request.user, PUBLISH_NOTICE, village):
        raise Http404
    if request.method != "POST" or "seen" not in request.POST:
        return _ask(request, village)
    try:
        made = services.publish_notice(village=village, actor=person(request), seen=read_text(request.POST["seen"], 64))
    except PreviewChanged as error:
        messages.warning(request, str(error))
        return _ask(request, village, status=error.status)
    except DomainError as error:
        messages.error(request, str(error))
        return to(request, "desk:notice")
    count = made.records.count()
    text = ngettext(
        "List %(number)s is published: %(n)s record.", "List %(number)s is published: %(n)s records.", count
    )
    messages.success(request, text % {"number": made.number, "n": count})
    return to(request, "desk:notice_print", pk=made.pk)


def _publish_url(request: HttpRequest, village: Region) -> str:
    """Return where somebody may publish the village's next list, or nothing."""
    if not can(request.user, PUBLISH_NOTICE, village):
        return ""
    return with_place(request, f"{reverse('desk:publish')}?village={village.pk}")


def _ask(request: HttpRequest, village: Region, *, status: int = 200) -> HttpResponseBase:
    preview = preview_of_notice(village)
    if not preview.records:
        messages.error(request, str(NothingToPublish()))
        return to(request, "desk:notice")
    now = timezone.now()
    days = notice_days_of(village, timezone.localdate())
    until = service_rules.notice_end(now, days)
    context = {
        "village": village,
        "preview": preview,
        "days": days,
        "last_day": last_day(until),
        "hours": int(service_rules.UNDO_WITHIN.total_seconds()) // 3600,
    }
    return render(request, "desk/publish.html", context, status=status)


@require_GET
@desk(PUBLISH_NOTICE, AUDIT)
def notice_print(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Print a list for the wall: names, deeds, hours; no phone, no number."""
    made = get_object_or_404(NoticeList.objects.select_related("village", "published_by"), pk=pk)
    if not any(can(request.user, action, made.village) for action in (PUBLISH_NOTICE, AUDIT)):
        raise Http404
    rows = rows_of(made)
    return render(
        request,
        "desk/notice_print.html",
        {"notice": made, "rows": rows, "minutes": sum(row.minutes for row in rows)},
    )


@require_http_methods(["GET", "POST"])
@desk(ANSWER_OBJECTION, AUDIT)
def objection(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one objection; answer it with reasons."""
    objection = get_object_or_404(
        Objection.objects.select_related(
            "record__resident", "record__village", "record__activity", "resident"
        ).select_related("answered_by"),
        pk=pk,
    )
    village = objection.record.village
    may_answer = can(request.user, ANSWER_OBJECTION, village)
    if not may_answer and not can(request.user, AUDIT, village):
        raise Http404
    if request.method == "POST" and not may_answer:
        raise PermissionDenied
    form = AnswerForm(posted(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.answer_objection(
                objection=objection, actor=person(request), upheld=data["upheld"] == "yes", answer=data["answer"]
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The answer is kept and can be read by both."))
            return to(request, "desk:notice")
    return render(
        request,
        "desk/objection.html",
        {
            "objection": objection,
            "form": form,
            "open": objection.state == Objection.State.OPEN and may_answer,
            "may_verify": can(request.user, VERIFY_RECORD, village),
        },
        status=422 if form.errors else 200,
    )
