"""Taking back what was done to many at once, within a day and while nothing has followed from it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from marketplace.desk import selectors
from marketplace.desk.forms import UndoForm
from marketplace.desk.scope import desk, to
from marketplace.desk.views.common import person, posted
from timebank.common.errors import DomainError
from timebank.registry.rules import can
from timebank.service import rules as service_rules
from timebank.service import services
from timebank.service.models import NoticeList
from timebank.service.rules import PUBLISH_NOTICE, VERIFY_RECORD
from timebank.service.selectors.notices import can_withdraw, doubted
from timebank.service.selectors.previews import preview
from timebank.service.selectors.records import verified_with


@require_http_methods(["GET", "HEAD", "POST"])
@desk(PUBLISH_NOTICE)
def withdraw_notice(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask once, with the figures, then take a notice list off the board."""
    made = get_object_or_404(NoticeList.objects.select_related("village"), pk=pk)
    if not can(request.user, PUBLISH_NOTICE, made.village):
        raise Http404
    form = UndoForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            services.withdraw_notice(notice=made, actor=person(request), reason=form.cleaned_data["reason"])
        except DomainError as error:
            form.refuse(error)
        else:
            text = _("List %(number)s is withdrawn. Its records wait for the next list; the people are told.")
            messages.success(request, text % {"number": made.number})
            return to(request, "desk:notice")
    records = made.records.select_related("resident", "village").order_by("served_on", "pk")
    context = {
        "notice": made,
        "form": form,
        "preview": preview(list(records), []),
        "until": made.published_at + service_rules.UNDO_WITHIN,
        "may": can_withdraw(made, timezone.now()) and not doubted(made),
    }
    return render(request, "desk/withdraw_notice.html", context, status=form.status if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@desk(VERIFY_RECORD)
def undo_verification(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask once, with the figures, then let what was verified together wait again."""
    record = selectors.record_for(request.user, pk)
    if not service_rules.may_undo_verification(request.user, record, timezone.now()):
        raise Http404
    records = verified_with(record).select_related("resident", "village").order_by("served_on", "pk")
    form = UndoForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            done = services.undo_verification(record=record, actor=person(request), reason=form.cleaned_data["reason"])
        except DomainError as error:
            form.refuse(error)
        else:
            text = ngettext("%(n)s record waits again.", "%(n)s records wait again.", len(done)) % {"n": len(done)}
            messages.success(request, text)
            return to(request, "desk:verify")
    context = {"record": record, "form": form, "preview": preview(list(records), [])}
    return render(request, "desk/undo_verification.html", context, status=form.status if form.errors else 200)
